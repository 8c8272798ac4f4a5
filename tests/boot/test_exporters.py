"""The exporters that the configuration asks for."""

from __future__ import annotations

import pytest

from eai_autotrace.boot.exporters import batch_exporter, metric_exporter
from eai_autotrace.config import Config


@pytest.mark.parametrize(
    ("make", "signal"),
    [(batch_exporter, "traces"), (batch_exporter, "logs"), (metric_exporter, "metrics")],
)
def test_exporters_by_name(make, signal):
    """
    Another exporter than OTLP is an installed plugin; one that is not there is told by name.
    """
    assert make(Config(), signal, "console") is not None
    with pytest.raises(LookupError, match="it is not installed"):
        make(Config(), signal, "nothing")
