"""
OpenTelemetry's next release: whichever private name it changes, programs run, and are traced.

Each row renames one name everywhere in OpenTelemetry, as its authors would, and starts a program.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from eai_autotrace.export.otlp import fields

PROGRAM = Path(__file__).parent / "boot" / "programs" / "next_release.py"

CONTEXT = ("_RUNTIME_CONTEXT", "_SUPPRESS_INSTRUMENTATION_KEY", "_SPAN_KEY", "_BAGGAGE_KEY")
SAMPLERS = (
    "_AlwaysOn",
    "_AlwaysOff",
    "_ParentBasedAlwaysOn",
    "_ParentBasedAlwaysOff",
    "_root",
    "_decision",
    "_remote_parent_sampled",
    "_remote_parent_not_sampled",
    "_local_parent_sampled",
    "_local_parent_not_sampled",
)
SPANS = (
    *fields.NAMES,
    "_Span",
    "_limits",
    "_sampler",
    "_span_processor",
    "_instrumentation_info",
    "_record_exception",
    "_set_status_on_exception",
    "_record_end_metrics",
    "_add_event",
    "_add_link",
    "_new_links",
    "_on_ending",
    "from_seq",
)
PROVIDERS = (
    "_tracers",
    "_tracers_lock",
    "_meter_provider",
    "_span_limits",
    "_tracer_config",
    "_tracer_metrics",
    "_span_processors",
    "_handle_fork",
    "_disabled",
    "_propagators",
    "_service_instance_id",
)
METRICS = (
    "_measurement_consumer",
    "_reader_storages",
    "_instrument_view_instrument_matches",
    "_attributes_aggregation",
    "_hash_attributes",
    "_view",
    "_attribute_keys",
    "_SumAggregation",
    "_real_instrument",
    "_ProxyMeterProvider",
    "_sdk_config",
    "_instrument_class_temporality",
    "_instrument_class_aggregation",
    "register_asynchronous_instrument",
    "aggregate",
)
GLOBALS = (
    "_TRACER_PROVIDER",
    "_METER_PROVIDER",
    "_LOGGER_PROVIDER",
    "_TRACER_PROVIDER_SET_ONCE",
    "_METER_PROVIDER_SET_ONCE",
    "_LOGGER_PROVIDER_SET_ONCE",
    "Once",
    "_instance",
    "ProxyLoggerProvider",
)
NAMES = (*CONTEXT, *SAMPLERS, *SPANS, *PROVIDERS, *METRICS, *GLOBALS)


def _run(run_python, receiver, *names):
    result = run_python(
        f"import runpy, sys; sys.argv[1:] = {list(names)};"
        f" runpy.run_path({str(PROGRAM)!r}, run_name='__main__')",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.http_endpoint,
        OTEL_SERVICE_NAME="app",
        OTEL_PYTHON_DISTRO="eai",
        OTEL_PYTHON_CONFIGURATOR="eai",
    )
    counts = Counter(span.name for span in receiver.spans())
    measured = {
        metric.name
        for message in receiver.metrics()
        for resource in message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    return result, counts, measured


@pytest.mark.parametrize("names", [(), *((name,) for name in NAMES)], ids=" ".join)
def test_the_next_release_has_renamed(run_python, otlp_receiver, names):
    """
    The program's output stays and all its spans and metrics arrive.

    Where our spans cannot be made, one warning says so, and the SDK makes them.
    """
    result, counts, measured = _run(run_python, otlp_receiver, *names)

    text, makers = result.stdout.splitlines() or ("", "")
    assert (result.returncode, text) == (0, '{"key":"59"}'), result.stderr
    assert counts == {"GET": 60, "GET /api/items/{key}": 60, "inside": 60, "failing": 60}, (
        result.stderr
    )
    assert measured >= {"http.server.request.duration", "http.client.request.duration"}
    warnings = [line for line in result.stderr.splitlines() if line[:1] not in {" ", "T"}]
    unknown = "this release of OpenTelemetry's SDK is not known" in result.stderr
    assert (makers == "lean") is not unknown
    assert len([line for line in warnings if "Error: " not in line]) <= unknown, result.stderr
    assert names or makers == "lean"
