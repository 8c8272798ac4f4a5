from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eai_autotrace.config import Config, Otlp, load, variables

DEFAULT = Config()


def _changed(environ):
    """What differs from the defaults, and the problems as the user reads them."""
    loaded = load(environ)
    config = dataclasses.asdict(loaded.config)
    default = dataclasses.asdict(DEFAULT)
    changed = {name: value for name, value in config.items() if value != default[name]}
    return changed, [str(problem) for problem in loaded.problems]


VALID = {
    "OTEL_SDK_DISABLED=true": {"enabled": False},
    "OTEL_SDK_DISABLED=False": {},
    "OTEL_SERVICE_NAME=orders": {"service_name": "orders"},
    "SERVICE_NAME=orders": {"service_name": "orders"},
    "SERVICE_VERSION=1.2": {"service_version": "1.2"},
    "ENVIRONMENT=prod": {"environment": "prod"},
    "OTEL_RESOURCE_ATTRIBUTES=service.name=a%20b,service.version=2,deployment.environment.name=x": {
        "service_name": "a b",
        "service_version": "2",
        "environment": "x",
        "resource_attributes": {
            "service.name": "a b",
            "service.version": "2",
            "deployment.environment.name": "x",
        },
    },
    "TRACE_SAMPLE_RATIO=0.5": {"sampling_ratio": 0.5},
    "OTEL_TRACES_SAMPLER=always_off": {"traces_sampler": "always_off"},
    "DEBUG_TRACING=yes": {"debug": True},
    "OTEL_BSP_SCHEDULE_DELAY=200": {"batch_schedule_delay": 0.2},
    "OTEL_BSP_SCHEDULE_DELAY=2s": {"batch_schedule_delay": 2.0},
    "OTEL_BSP_SCHEDULE_DELAY=1m": {"batch_schedule_delay": 60.0},
    "OTEL_BSP_MAX_QUEUE_SIZE=4096": {"batch_max_queue_size": 4096},
    "OTEL_EXPORTER_OTLP_TIMEOUT=500": {"otlp_timeout": 0.5},
    "OTLP_TIMEOUT=5": {"otlp_timeout": 5.0},
    "OTLP_TIMEOUT=500ms": {"otlp_timeout": 0.5},
    "OTLP_COMPRESSION=GZIP": {"otlp_compression": "gzip"},
    "OTEL_EAI_PREFER=asyncpg=upstream, aio-pika=eai": {
        "prefer": {"asyncpg": "upstream", "aio_pika": "eai"}
    },
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=eai_asyncpg , fastapi": {
        "disabled_instrumentations": ("eai_asyncpg", "fastapi")
    },
    "OTEL_SERVICE_NAME=": {},
    "OTEL_SERVICE_NAME=  ": {},
}


@pytest.mark.parametrize("assignment", VALID)
def test_a_valid_variable_sets_one_thing(assignment):
    """
    Each variable, standard, ours or older, sets what it names, and nothing else is said.
    """
    name, _, value = assignment.partition("=")

    assert _changed({name: value}) == (VALID[assignment], [])


INVALID = {
    "OTEL_SDK_DISABLED=1": "'1' is not valid, expected true or false; it is ignored",
    "DEBUG_TRACING=maybe": "'maybe' is not valid, expected true or false; it is ignored",
    "TRACE_SAMPLE_RATIO=1.5": "'1.5' is not valid, expected a number from 0 to 1; it is ignored",
    "TRACE_SAMPLE_RATIO=nan": "'nan' is not valid, expected a number from 0 to 1; it is ignored",
    "OTEL_BSP_SCHEDULE_DELAY=soon": (
        "'soon' is not valid, expected a duration such as 500ms or 5s, or a number of milliseconds;"
        " it is ignored"
    ),
    "OTEL_BSP_MAX_QUEUE_SIZE=0": (
        "'0' is not valid, expected a whole number of 1 or more; it is ignored"
    ),
    "OTEL_EXPORTER_OTLP_PROTOCOL=http/json": (
        "'http/json' is not valid, expected grpc or http/protobuf; it is ignored"
    ),
    "OTLP_COMPRESSION=zip": ("'zip' is not valid, expected none, gzip or deflate; it is ignored"),
    "OTEL_EXPORTER_OTLP_ENDPOINT=ftp://user:secret@host": (
        "'ftp://***@host' is not valid, expected a URL such as http://collector:4318, or host:port"
        " for gRPC; it is ignored"
    ),
    "OTEL_EAI_PREFER=asyncpg": (
        "'asyncpg' is not valid, expected library=upstream or library=eai, separated by commas;"
        " it is ignored"
    ),
    "OTEL_EAI_PREFERS=x": "is not a setting; did you mean 'OTEL_EAI_PREFER'?",
}


@pytest.mark.parametrize("assignment", INVALID)
def test_a_wrong_variable_is_reported_once(assignment):
    """
    A wrong value changes nothing, and one line names its source and the valid form.
    """
    name, _, value = assignment.partition("=")

    assert _changed({name: value}) == ({}, [f"{name}: {INVALID[assignment]}"])


TYPOS = {
    "OTEL_EXPORTER_OTLP_ENDPONT": "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OLTP_ENDPOINT": "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACE_ENDPOINT": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACE_SAMPLER": "OTEL_TRACES_SAMPLER",
    "OTEL_SERVICE_NAMES": "OTEL_SERVICE_NAME",
    "OTEL_SERVICENAME": "OTEL_SERVICE_NAME",
    "otel_service_name": "OTEL_SERVICE_NAME",
    "OTEL_LOG_EXPORTER": "OTEL_LOGS_EXPORTER",
    "OTEL_METRIC_EXPORTER": "OTEL_METRICS_EXPORTER",
    "OTEL_METRICS_EXPORT_INTERVAL": "OTEL_METRIC_EXPORT_INTERVAL",
    "OTEL_RESOURCE_ATTRIBUTE": "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_PROPAGATOR": "OTEL_PROPAGATORS",
    "OTEL_SDK_DISABLE": "OTEL_SDK_DISABLED",
}


@pytest.mark.parametrize("name", TYPOS)
def test_a_typo_in_a_standard_name_is_told(name):
    """
    A variable close to one of OpenTelemetry's is told, without its value (case D4).
    """
    problems = [str(problem) for problem in load({name: "secret"}).problems]

    assert problems == [
        f"{name}: is not a variable of OpenTelemetry; did you mean {TYPOS[name]!r}?"
    ]


@pytest.mark.parametrize(
    "name",
    [
        "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS",
        "OTEL_PYTHON_DJANGO_TRACED_REQUEST_ATTRS",
        "OTEL_LOG_LEVEL",
        "OTEL_PROPAGATORS",
        "OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT",
        "OTEL_NODE_RESOURCE_DETECTORS",
        "OTEL_JAVAAGENT_ENABLED",
        "OTEL_INSTRUMENTATION_COMMON_DEFAULT_ENABLED",
        "OTEL_AWS_APPLICATION_SIGNALS_ENABLED",
        "OTEL_DENO",
        "OTELCOL_CONFIG",
    ],
)
def test_other_variables_are_somebody_elses(name):
    """
    A standard variable that is not read here, or one of another package's, is no news (case D4).
    """
    assert load({name: "x"}).problems == ()


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ((), "standard"),
        (("OTEL_BSP_SCHEDULE_DELAY",), "file"),
    ],
)
def test_the_next_source_follows_a_wrong_one(tmp_path, wrong, name):
    """
    Standard variables go before the file; a wrong one is as if it were not there.
    """
    file = tmp_path / "eai.yaml"
    file.write_text("tracing: {processing: {batch: {timeout: 3}}}")
    environ = {"OTEL_BSP_SCHEDULE_DELAY": "x" if wrong else "2s", "OTEL_EAI_CONFIG_FILE": str(file)}

    loaded = load(environ)

    expected = {"standard": 2.0, "file": 3.0}[name]
    assert loaded.config.batch_schedule_delay == expected
    assert [problem.source for problem in loaded.problems] == list(wrong)


def test_precedence(tmp_path):
    """
    Standard variable, then the older name, then the file.
    """
    file = tmp_path / "eai.yaml"
    file.write_text("tracing: {service_name: file}")
    sources = {
        "OTEL_SERVICE_NAME": "standard",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=resource",
        "SERVICE_NAME": "older",
        "OTEL_EAI_CONFIG_FILE": str(file),
    }

    found = []
    for name in [None, *list(sources)[:3]]:
        sources.pop(name, None)
        found.append(load(sources).config.service_name)

    assert found == ["standard", "resource", "older", "file"]


EXPORTERS = {
    (): ("otlp",),
    ("OTEL_TRACES_EXPORTER=none",): (),
    ("OTEL_TRACES_EXPORTER=console",): ("console",),
    ("OTEL_TRACES_EXPORTER=otlp, console,otlp",): ("otlp", "console"),
    ("CONSOLE_EXPORTER_ENABLED=true",): ("console",),
    ("OTLP_ENABLED=true", "CONSOLE_EXPORTER_ENABLED=true"): ("otlp", "console"),
    ("OTEL_TRACES_EXPORTER=otlp", "CONSOLE_EXPORTER_ENABLED=true"): ("otlp", "console"),
    ("OTEL_TRACES_EXPORTER=none", "CONSOLE_EXPORTER_ENABLED=true"): ("console",),
    ("OTEL_TRACES_EXPORTER=console", "CONSOLE_EXPORTER_ENABLED=true"): ("console",),
    ("OTEL_TRACES_EXPORTER=None,Console",): ("console",),
    ("OTEL_TRACES_EXPORTER=,",): ("otlp",),
    ("OTEL_TRACES_EXPORTER=OTLP",): ("otlp",),
    ("OTEL_TRACES_EXPORTER=otlp_proto_grpc,other",): ("otlp", "other"),
    ("OTLP_ENABLED=false", "OTEL_TRACES_EXPORTER=none"): (),
    ("OTLP_ENABLED=false", "CONSOLE_EXPORTER_ENABLED=true"): ("console",),
    ("ZIPKIN_ENABLED=false",): ("otlp",),
}


@pytest.mark.parametrize("assignments", EXPORTERS)
def test_exporters_add_up(assignments):
    """
    Exporters of all sources are taken together, each once; OTLP where nothing names one.
    """
    loaded = load(dict(assignment.split("=") for assignment in assignments))

    assert (loaded.config.exporters("traces"), loaded.problems) == (EXPORTERS[assignments], ())


def test_the_older_names_are_about_traces():
    """
    Metrics and logs go where the standard variables say.
    """
    environ = {
        "CONSOLE_EXPORTER_ENABLED": "true",
        "OTLP_ENDPOINT": "http://collector:4318",
        "OTEL_LOGS_EXPORTER": "none",
    }
    config = load(environ).config

    assert [config.exporters(signal) for signal in ("traces", "metrics", "logs")] == [
        ("console",),
        ("otlp",),
        (),
    ]


OF_ALL_SIGNALS = {
    ("OTEL_TRACES_EXPORTER=console",): (("console",), (), ()),
    ("CONSOLE_EXPORTER_ENABLED=true",): (("console",), (), ()),
    ("OTEL_TRACES_EXPORTER=console", "OTEL_METRICS_EXPORTER=otlp"): (("console",), ("otlp",), ()),
    ("OTEL_TRACES_EXPORTER=console", "OTEL_LOGS_EXPORTER=console"): (
        ("console",),
        (),
        ("console",),
    ),
    ("OTEL_TRACES_EXPORTER=console", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318"): (
        ("console",),
        ("otlp",),
        ("otlp",),
    ),
    ("OTEL_TRACES_EXPORTER=console", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://c:4318/v1/logs"): (
        ("console",),
        ("otlp",),
        ("otlp",),
    ),
    ("OTEL_TRACES_EXPORTER=console,otlp",): (("console", "otlp"), ("otlp",), ("otlp",)),
    ("OTEL_TRACES_EXPORTER=none",): ((), ("otlp",), ("otlp",)),
}


@pytest.mark.parametrize("assignments", OF_ALL_SIGNALS)
def test_who_looks_at_the_console_alone_sends_nothing(assignments):
    """
    Traces on the console alone, and no endpoint: metrics and logs go nowhere (case D2).
    """
    config = load(dict(assignment.split("=", 1) for assignment in assignments)).config

    found = tuple(config.exporters(signal) for signal in ("traces", "metrics", "logs"))

    assert found == OF_ALL_SIGNALS[assignments]


@pytest.mark.parametrize("also", [{}, {"OTLP_ENABLED": "false"}, {"OTEL_TRACES_EXPORTER": ""}])
def test_prometheus_takes_no_traces_away(also):
    """
    Prometheus is for metrics: traces go to OTLP unless somebody says none (case B1).
    """
    config = load({"PROMETHEUS_ENABLED": "true", **also}).config

    assert config.exporters("traces") == ("otlp",)
    assert config.exporters("metrics") == ("prometheus",)
    assert config.prometheus_address() == ("localhost", 9464)


ADDRESSES = {
    (): ("localhost", 9464),
    (("OTEL_EXPORTER_PROMETHEUS_HOST", "0.0.0.0"),): ("0.0.0.0", 9464),
    (("OTEL_EXPORTER_PROMETHEUS_PORT", "9000"),): ("localhost", 9000),
}


@pytest.mark.parametrize("given", ADDRESSES)
def test_where_prometheus_scrapes(given):
    """
    The address is the specification's, or what its variables say.
    """
    assert load(dict(given)).config.prometheus_address() == ADDRESSES[given]


def test_otlp_alone_is_not_switched_off():
    """
    Traces that have nowhere else to go are sent, and one line says how to have none (case B1).
    """
    loaded = load({"OTLP_ENABLED": "false"})

    assert loaded.config.exporters("traces") == ("otlp",)
    assert [str(problem) for problem in loaded.problems] == [
        "OTLP_ENABLED: no other exporter is named, so traces go to 'otlp';"
        " OTEL_TRACES_EXPORTER=none has them go nowhere"
    ]


OTLP = {
    ("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:43170",): (
        "http://c:43170/v1/traces",
        "http/protobuf",
        10.0,
        "none",
    ),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=http://u:4317@c:4318/x:4317",): (
        "http://u:4317@c:4318/x:4317/v1/traces",
        "http/protobuf",
        10.0,
        "none",
    ),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=http://[::1]:4317",): ("http://[::1]:4317", "grpc", 10.0, "none"),
    ("OTEL_TRACES_EXPORTER=otlp_proto_grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:1"): (
        "http://c:1",
        "grpc",
        10.0,
        "none",
    ),
    (): ("http://localhost:4318/v1/traces", "http/protobuf", 10.0, "none"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL=grpc",): ("http://localhost:4317", "grpc", 10.0, "none"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317",): ("http://c:4317", "grpc", 10.0, "none"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=c:4317",): ("c:4317", "grpc", 10.0, "none"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/",): (
        "http://c:4318/v1/traces",
        "http/protobuf",
        10.0,
        "none",
    ),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=https://c/base",): (
        "https://c/base/v1/traces",
        "http/protobuf",
        10.0,
        "none",
    ),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"): (
        "http://c:4317/v1/traces",
        "http/protobuf",
        10.0,
        "none",
    ),
    (
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c:9/x",
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://d:4317",
    ): (
        "http://c:9/x",
        "http/protobuf",
        10.0,
        "none",
    ),
    ("OTLP_ENDPOINT=http://otel-collector:4317", "OTLP_TIMEOUT=5", "OTLP_COMPRESSION=gzip"): (
        "http://otel-collector:4317",
        "grpc",
        5.0,
        "gzip",
    ),
    ("OTLP_ENDPOINT=http://c:4318/v1/traces",): (
        "http://c:4318/v1/traces",
        "http/protobuf",
        10.0,
        "none",
    ),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=http://standard:1", "OTLP_ENDPOINT=http://older:2"): (
        "http://standard:1/v1/traces",
        "http/protobuf",
        10.0,
        "none",
    ),
    ("OTEL_EXPORTER_OTLP_TIMEOUT=2000", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=1s"): (
        "http://localhost:4318/v1/traces",
        "http/protobuf",
        1.0,
        "none",
    ),
}


@pytest.mark.parametrize("assignments", OTLP)
def test_otlp_is_resolved(assignments):
    """
    Endpoint, protocol, deadline and compression of a signal, the port telling the protocol.
    """
    loaded = load(dict(assignment.split("=", 1) for assignment in assignments))

    assert (loaded.config.otlp("traces"), loaded.problems) == (Otlp(*OTLP[assignments]), ())


@pytest.mark.parametrize("path", ["", "/", "/v1/traces", "/v1/metrics/", "/v1/logs"])
def test_a_common_endpoint_with_a_signals_path_is_every_signals(path):
    """
    The path that belongs to one signal is not part of where the others go (case B9).
    """
    config = load({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://c:4318/base{path}"}).config

    assert [config.otlp(signal).endpoint for signal in ("traces", "metrics", "logs")] == [
        f"http://c:4318/base/v1/{signal}" for signal in ("traces", "metrics", "logs")
    ]


SECRETS = {
    "http://me:s3cret@c:0/": "http://***@c:0/",
    "ftp://me:s3@cret@c": "ftp://***@c",
    "ftp://me:s3/cret@c": "ftp://***@c",
    "me:s3cret@c:4317": "***@c:4317",
    "ftp://c/?key=s3cret": "ftp://c/?***",
}


@pytest.mark.parametrize("value", SECRETS)
def test_no_secret_of_a_url_is_shown(value):
    """
    A URL that is not valid is told without user, password and query (case D1).
    """
    (problem,) = load({"OTEL_EXPORTER_OTLP_ENDPOINT": value}).problems

    assert problem.message.startswith(f"{SECRETS[value]!r} is not valid")


def test_an_http_endpoint_needs_a_scheme():
    """
    host:port is gRPC's form; with HTTP named, it is completed and said so.
    """
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "c:4318",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }

    loaded = load(environ)

    assert loaded.config.otlp("logs").endpoint == "http://c:4318/v1/logs"
    assert [str(problem) for problem in loaded.problems] == [
        "OTEL_EXPORTER_OTLP_ENDPOINT: 'c:4318' has no http:// or https://;"
        " 'http://c:4318/v1/traces' is used"
    ]


def test_a_batch_is_no_larger_than_the_queue():
    """
    Two settings that do not go together are reported, and the queue decides.
    """
    changed, problems = _changed(
        {"OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "20"}
    )

    assert changed == {"batch_max_queue_size": 10, "batch_max_export_batch_size": 10}
    assert problems == [
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE: 20 is more than the 10 that may wait; 10 is used"
    ]


@given(st.dictionaries(st.sampled_from(variables()), st.text(max_size=20), max_size=5))
def test_loading_never_raises(environ):
    """
    Whatever the variables hold, there is a complete configuration and every message is one line.
    """
    environ.pop("OTEL_EAI_CONFIG_FILE", None)

    loaded = load(environ)

    assert {field.name for field in dataclasses.fields(Config)} == set(
        dataclasses.asdict(loaded.config)
    )
    assert all("\n" not in str(problem) for problem in loaded.problems)
    assert all(loaded.config.otlp(signal).timeout >= 0 for signal in ("traces", "metrics", "logs"))
