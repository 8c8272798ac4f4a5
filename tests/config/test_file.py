from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eai_autotrace.config import load
from eai_autotrace.config.reference import EXAMPLE, page


@pytest.fixture
def read(tmp_path):
    """Loads a file's text; gives the configuration and the problems without the file's path."""

    def read(text, **environ):
        path = tmp_path / "eai.yaml"
        path.write_text(text)
        loaded = load({"OTEL_EAI_CONFIG_FILE": str(path), **environ})
        return loaded.config, [
            str(problem).replace(str(path), "FILE") for problem in loaded.problems
        ]

    return read


WHOLE = """
tracing:
  enabled: true
  service_name: orders
  service_version: 1.0
  environment: production
  otel:
    sampling:
      ratio: 0.5
      adaptive: {enabled: false, target_tps: 10, max_tps: 50}
      rules: []
    exporters:
      jaeger: {enabled: false, endpoint: "http://j:14268/api/traces", timeout: 5, compression: gzip}
      otlp: {enabled: true, endpoint: "http://c:4317", timeout: 5, compression: gzip}
      zipkin: {enabled: false, endpoint: "http://z:9411/api/v2/spans", timeout: 1s}
      console: {enabled: true}
      logging: {enabled: false}
      prometheus: {enabled: false, endpoint: "localhost:9464"}
  processing:
    batch: {enabled: true, timeout: 2, max_queue_size: 100, max_export_batch_size: 50}
  performance:
    memory: {max_spans_in_memory: , cleanup_interval: }
  privacy: {}
  development:
    debug: {enabled: false, log_level: info, console_exporter: false}
"""


def test_the_whole_schema(read):
    """
    Every key of the platform's files is known, and a file without fault gives no message.
    """
    config, problems = read(WHOLE)

    assert problems == []
    assert (config.service_name, config.service_version, config.environment) == (
        "orders",
        "1.0",
        "production",
    )
    assert config.exporters("traces") == ("otlp", "console")
    assert config.otlp("traces")[:4] == ("http://c:4317", "grpc", 5.0, "gzip")
    assert (config.sampling_ratio, config.batch_schedule_delay, config.log_level) == (
        0.5,
        2.0,
        "INFO",
    )
    assert (config.batch_max_queue_size, config.batch_max_export_batch_size) == (100, 50)


SUBSTITUTIONS = {
    "${A}": "a",
    "${env:A}": "a",
    "${NONE}": None,
    "${NONE:-x}": "x",
    "${EMPTY:-x}": "x",
    "${A:-x}": "a",
    "'${A}'": "a",
    '"${A}-${NONE:-y}"': "a-y",
    "b-${A}": "b-a",
    "$$A": "$A",
    "$${A}": "${A}",
    "${INJECTION}": "x: y\nz: 1",
    "$A": "$A",
    "${1}": "${1}",
}


@pytest.mark.parametrize("scalar", SUBSTITUTIONS)
def test_variables_are_replaced_after_parsing(read, scalar):
    """
    References are replaced within a value; no variable's text can change the file's structure.
    """
    environ = {"A": "a", "EMPTY": "", "INJECTION": "x: y\nz: 1"}

    config, problems = read(f"tracing:\n  service_name: {scalar}\n", **environ)

    assert (config.service_name, problems) == (SUBSTITUTIONS[scalar], [])


def test_a_bare_reference_gets_its_type_again(read):
    """
    ``${N:-4096}`` is a number, ``"${N:-4096}"`` is text, which a number's setting reads as well.
    """
    config, problems = read("tracing: {processing: {batch: {max_queue_size: '${N:-4096}'}}}")
    bare, bare_problems = read("tracing:\n  processing:\n    batch:\n      enabled: ${B:-false}\n")

    assert (config.batch_max_queue_size, problems) == (4096, [])
    assert (bare.batch_enabled, bare_problems) == (False, [])


WRONG = {
    "tracing: {sevice_name: x}": [
        "FILE: tracing: 'sevice_name' is not a setting; did you mean 'service_name'?"
    ],
    "tracing: {otel: {exporters: {oltp: {enabled: true}}}}": [
        "FILE: tracing.otel.exporters: 'oltp' is not a setting; did you mean 'otlp'?"
    ],
    "tracing: {}\nother: 1": ["FILE: 'other' is not a setting"],
    "tracing: {otel: 1}": ["FILE: tracing.otel: expected a mapping, found '1'; it is ignored"],
    "tracing: {service_name: [a]}": [
        "FILE: tracing.service_name: \"['a']\" is not valid, expected text; it is ignored"
    ],
    "tracing: {processing: {batch: {max_queue_size: many}}}": [
        "FILE: tracing.processing.batch.max_queue_size: 'many' is not valid,"
        " expected a whole number of 1 or more; it is ignored"
    ],
    "tracing: {processing: {batch: {max_queue_size: true}}}": [
        "FILE: tracing.processing.batch.max_queue_size: 'True' is not valid,"
        " expected a whole number of 1 or more; it is ignored"
    ],
    "- 1": ["FILE: expected a mapping below 'tracing'; the file is ignored"],
    "tracing: [1]": ["FILE: expected a mapping below 'tracing'; the file is ignored"],
    "tracing:\n  service_name: a\n  service_name: b": [
        "FILE line 3: the key 'service_name' stands there twice; the last one applies"
    ],
    "tracing: {privacy: {mode: stricter}}": [
        "FILE: tracing.privacy.mode: 'stricter' is not valid, expected off, standard or strict; it is"
        " ignored"
    ],
    "": [],
    "tracing:": [],
}


@pytest.mark.parametrize("text", WRONG)
def test_faults_are_told_in_one_line_each(read, text):
    """
    Each fault names its place; the rest of the file applies.
    """
    assert read(text)[1] == WRONG[text]


def test_the_rest_of_a_faulty_file_applies(read):
    """
    An unknown key costs itself only.
    """
    config, problems = read("tracing: {nonsense: 1, service_name: orders}")

    assert (config.service_name, len(problems)) == ("orders", 1)


@pytest.mark.parametrize(
    "text", ["tracing: {", "tracing: \x00", "a: &a [*b]", "!!python/object:os.system x"]
)
def test_a_broken_file_is_ignored(read, text):
    """
    A file that YAML cannot read is reported, and everything else applies.
    """
    config, problems = read(text, OTEL_SERVICE_NAME="orders")

    assert config.service_name == "orders"
    assert [problem.startswith("FILE: ") for problem in problems] == [True]


def test_a_missing_file_is_reported():
    """
    A path that leads nowhere is a fault of the settings, not the program's end.
    """
    (problem,) = load({"OTEL_EAI_CONFIG_FILE": "/nowhere/eai.yaml"}).problems

    assert str(problem) == (
        "/nowhere/eai.yaml: cannot be read: [Errno 2] No such file or directory:"
        " '/nowhere/eai.yaml'; the file is ignored"
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80))
def test_any_file_is_survived(read, text):
    """
    Whatever a file holds, there is a configuration.
    """
    read(re.sub(r"[\ud800-\udfff]", "", text))


def test_the_example_has_no_fault(read):
    """
    The page's example can be copied.
    """
    text = re.search(r"```yaml\n(.*?)```", EXAMPLE, re.DOTALL)[1]

    config, problems = read(text)

    assert (config.service_name, problems) == ("orders", [])


def test_each_default_is_in_its_sources_own_sense():
    """
    A variable that says the contrary of the setting has the contrary default (the page once said that the SDK is disabled).
    """
    (row,) = [line for line in page().splitlines() if "`OTEL_SDK_DISABLED`" in line]

    assert row == (
        "| `OTEL_SDK_DISABLED` |  | `enabled` | true or false |"
        " `OTEL_SDK_DISABLED`: `false`<br>`enabled`: `true` | Whether anything is traced at all. |"
    )


def test_the_page_is_up_to_date(request):
    """
    The reference page is what the settings say.
    """
    path = request.config.rootpath / "docs" / "reference" / "configuration.md"

    assert path.read_text() == page()
