"""The page of what is recorded is what the source says."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_current():
    """
    `docs/reference/telemetry.md` is what `scripts/telemetry_reference.py` prints.
    """
    script = runpy.run_path(str(ROOT / "scripts" / "telemetry_reference.py"))

    assert (ROOT / "docs" / "reference" / "telemetry.md").read_text() == script["reference"]()
