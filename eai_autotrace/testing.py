"""
Fixtures for pytest: recorded spans, a real OTLP receiver, real servers, and traced programs.

Load them in your ``conftest.py``::

    pytest_plugins = ["eai_autotrace.testing"]

- `spans`: the spans that this process records
- `metrics`: what this process measures
- `otlp_receiver`: an OTLP back end that keeps what it gets
- `postgres_dsn` and `amqp_url`: a PostgreSQL and a RabbitMQ
- `run_instrumented`: programs under ``opentelemetry-instrument`` that send to the receiver

Nothing is started, nor imported, before a test asks for its fixture.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from eai_autotrace._testing.points import MetricRecorder
    from eai_autotrace._testing.process import Program
    from eai_autotrace._testing.receiver import OtlpReceiver
    from eai_autotrace._testing.recorder import SpanRecorder

__all__ = [
    "RunInstrumented",
    "amqp_url",
    "metrics",
    "otlp_receiver",
    "postgres_dsn",
    "run_instrumented",
    "spans",
]


class RunInstrumented(Protocol):
    """What the fixture `run_instrumented` is."""

    def __call__(
        self,
        *command: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        protocol: str = "http/protobuf",
    ) -> Program:
        """
        Start a program.

        Args:
            command: The program and its arguments; those of the running Python's environment are
                found first: ``"uvicorn", "app:app"``.
            env: Its environment besides ``PATH``, ``HOME`` and the like. Nothing else is
                inherited: no ``OTEL_*`` variable of yours, no ``PYTHONPATH``.
            cwd: Its working directory; a temporary folder if not given.
            protocol: How it sends: ``"http/protobuf"`` or ``"grpc"``.
        """


@pytest.fixture(scope="session")
def _recorder() -> SpanRecorder:
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import DEFAULT_ON  # noqa: PLC0415

    from eai_autotrace._testing.recorder import SpanRecorder  # noqa: PLC0415

    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        # The environment must not decide what is recorded. It stays for the session: OpenTelemetry
        # takes a global provider only once.
        provider = TracerProvider(sampler=DEFAULT_ON)
        trace.set_tracer_provider(provider)
    return SpanRecorder(provider)


@pytest.fixture
def spans(_recorder: SpanRecorder) -> Iterator[SpanRecorder]:
    """
    The spans that this process records during the test.

    ``spans()`` gives the ended ones as plain dicts, in the order they started; ``spans.clear()``
    forgets those so far::

        async def test_a_query_is_one_span(connection, spans):
            await connection.fetch("SELECT 1")

            assert [span["name"] for span in spans()] == ["SELECT"]

    The first use sets the global tracer provider for the whole session, or joins the one there is.
    """
    _recorder.clear()
    yield _recorder
    _recorder.clear()


@pytest.fixture(scope="session")
def _metric_recorder() -> MetricRecorder:
    from opentelemetry import metrics  # noqa: PLC0415
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415

    from eai_autotrace._testing.points import MetricRecorder  # noqa: PLC0415

    provider = metrics.get_meter_provider()
    if not isinstance(provider, MeterProvider):
        # It stays for the session: OpenTelemetry takes a global provider only once.
        provider = MeterProvider(shutdown_on_exit=False)
        metrics.set_meter_provider(provider)
    return MetricRecorder(provider)


@pytest.fixture
def metrics(_metric_recorder: MetricRecorder) -> Iterator[MetricRecorder]:
    """
    What this process measures during the test.

    ``metrics()`` gives the points as plain dicts, ``metrics.clear()`` forgets those so far::

        async def test_a_query_is_measured(connection, metrics):
            await connection.fetch("SELECT 1")

            assert [point["count"] for point in metrics()] == [1]

    The first use sets the global meter provider for the whole session, or joins the one there is.
    """
    _metric_recorder.clear()
    yield _metric_recorder
    _metric_recorder.clear()


@pytest.fixture(scope="session")
def _receiver() -> Iterator[OtlpReceiver]:
    from eai_autotrace._testing.receiver import OtlpReceiver  # noqa: PLC0415

    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture
def otlp_receiver(_receiver: OtlpReceiver) -> OtlpReceiver:
    """
    A real OTLP receiver for traces, metrics and logs, empty at the start of each test.

    Send to its ``http_endpoint`` or ``grpc_endpoint``; ``wait_for(3)`` or ``wait_for(function)``
    waits for spans and gives them, ``spans()``, ``metrics()``, ``logs()`` and ``requests()`` give
    what has come.
    """
    _receiver.clear()
    return _receiver


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """
    The DSN of a PostgreSQL server, the same for the whole session.

    It is the one in ``EAI_TEST_POSTGRES_DSN``, else a private server on a free port, thrown away
    at the end. Tests share it: create what you need and drop it again.
    """
    given = os.environ.get("EAI_TEST_POSTGRES_DSN")
    if given:
        yield given
        return

    from eai_autotrace._testing.postgresql import private_postgresql  # noqa: PLC0415

    with private_postgresql() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def amqp_url() -> Iterator[str]:
    """
    The AMQP URL of a RabbitMQ broker, the same for the whole session.

    It is the one in ``EAI_TEST_AMQP_URL``, else a private node on a free port, thrown away at the
    end. Tests share it: use exclusive queues, or names of your own.
    """
    given = os.environ.get("EAI_TEST_AMQP_URL")
    if given:
        yield given
        return

    from eai_autotrace._testing.rabbitmq import RabbitMQ  # noqa: PLC0415

    with RabbitMQ() as broker:
        yield broker.url


@pytest.fixture
def run_instrumented(otlp_receiver: OtlpReceiver, tmp_path: Path) -> Iterator[RunInstrumented]:
    """
    Starts programs under ``opentelemetry-instrument``; they end with the test.

    ::

        def test_a_request_is_traced(run_instrumented, otlp_receiver):
            program = run_instrumented("uvicorn", "app:app", "--port", "8123", cwd=HERE)
            program.wait_for_port(8123)

            httpx.get("http://127.0.0.1:8123/")

            assert [span.name for span in otlp_receiver.wait_for(1)] == ["GET /"]

    A program has ``stdout`` and ``stderr``, ``wait_for_line(text)``, ``wait_for_port(port)``,
    ``wait()`` and ``stop(signal)``. What it exports goes to `otlp_receiver`, without delay.
    """
    from eai_autotrace._testing.process import launch_instrumented  # noqa: PLC0415

    def run(
        *command: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        protocol: str = "http/protobuf",
    ) -> Program:
        endpoint = (
            otlp_receiver.grpc_endpoint if protocol == "grpc" else otlp_receiver.http_endpoint
        )
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "OTEL_SERVICE_NAME": "program",
            **(env or {}),
        }
        program = launch_instrumented(command, environment=environment, folder=folder, cwd=cwd)
        return programs.enter_context(program)

    folder = tmp_path / "programs"
    folder.mkdir()
    with ExitStack() as programs:
        yield run
