"""Traces on the console: when they are printed, what is printed, and who is never held up by it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
import threading
import time
from types import SimpleNamespace

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from eai_autotrace.boot.providers import _pipelines
from eai_autotrace.config import Config
from eai_autotrace.config.load import load
from eai_autotrace.export.console import Console, ConsolePipeline
from eai_autotrace.export.pipeline import Pipeline
from eai_autotrace.export.result import Outcome
from eai_autotrace.export.stderr import Stderr
from eai_autotrace.export.traces import Traces
from eai_autotrace.spans.provider import TracerProvider

OUTSIDE = SpanContext(0xF, 0xC, is_remote=True, trace_flags=trace.TraceFlags(1))
SHOP = Resource({"service.name": "shop"})


class Screen:
    """What a stderr is to the console, with what is printed to it."""

    def __init__(self, width=None):
        self._width = width
        self.text = ""

    def columns(self):
        return self._width

    def is_terminal(self):
        return self._width is not None

    def write(self, text):
        self.text += text


class Ids(IdGenerator):
    """Ids in the order they are asked for."""

    def __init__(self):
        self._last = 0

    def generate_trace_id(self):
        self._last += 1
        return self._last

    generate_span_id = generate_trace_id


class Same(Ids):
    def generate_trace_id(self):
        return 7

    generate_span_id = generate_trace_id


class AtOnce(SpanProcessor):
    """Hands each span over at its end, on the same thread."""

    def __init__(self, console):
        self.console = console

    def on_end(self, span):
        assert self.console.export([span]) == Outcome("ok")


class Shown:
    """A console, a tracer for it, and what it has printed."""

    def __init__(self, *, width=None, colour=True, ids=None, **settings):
        self.now = 0.0
        self.screen = Screen(width)
        traces = Traces(clock=lambda: self.now, **settings)
        self.console = Console(colour=colour, stderr=self.screen, traces=traces)
        provider = TracerProvider(resource=SHOP, id_generator=ids or Ids(), shutdown_on_exit=False)
        provider.add_span_processor(AtOnce(self.console))
        self._tracer = provider.get_tracer("test")

    def span(self, name, parent=None, **settings):
        if isinstance(parent, SpanContext):
            parent = trace.NonRecordingSpan(parent)
        context = None if parent is None else trace.set_span_in_context(parent)
        return self._tracer.start_span(name, context, **settings)

    def printed(self):
        """The lines since the last call, with one text for all durations."""
        text, self.screen.text = self.screen.text, ""
        return re.sub(r" *[\d.]+ ms", " 1 ms", text).splitlines()


def _head(number, count):
    return f"trace {number:032x}  {count} span{'s' if count > 1 else ''}, 1 service, 1 ms"


def _end(*spans):
    for span in spans:
        span.end()


def test_a_trace_is_printed_when_its_root_has_ended():
    """
    Spans wait for their root, and stand in the order of their start (case D2).
    """
    shown = Shown()
    root = shown.span("GET /orders", kind=SpanKind.SERVER)
    first, second = shown.span("first", root), shown.span("second", root)
    query = shown.span("SELECT", second, attributes={"db.system.name": "postgresql"})
    root.set_attribute("http.response.status_code", 200)

    _end(query, second, first)
    before = shown.printed()
    _end(root)

    assert before == []
    assert shown.printed() == [
        _head(1, 4),
        "GET /orders   shop  SERVER 1 ms  200",
        "├─ first      shop  INTERNAL 1 ms",
        "└─ second     shop  INTERNAL 1 ms",
        "   └─ SELECT  shop  INTERNAL 1 ms  postgresql",
    ]


def test_a_called_service_prints_its_part():
    """
    A span whose parent came from outside is a root here.
    """
    shown = Shown()
    root = shown.span("process orders", OUTSIDE, kind=SpanKind.CONSUMER)

    _end(shown.span("inner", root), root)

    assert shown.printed() == [
        _head(0xF, 2),
        "(parent 000000000000000c is remote)",
        "└─ process orders  shop  CONSUMER 1 ms",
        "   └─ inner        shop  INTERNAL 1 ms",
    ]


def test_what_ends_later_is_a_tree_of_its_own():
    """
    Spans that outlive their trace's root name the trace and what they belong to, once whole.
    """
    shown = Shown()
    root = shown.span("GET /")
    task = shown.span("mail", root)
    step = shown.span("connect", task)

    _end(root)
    whole = shown.printed()
    _end(step)
    partly = shown.printed()
    _end(task)

    assert whole == [_head(1, 1), "GET /  shop  INTERNAL 1 ms"]
    assert partly == []
    assert shown.printed() == [
        _head(1, 2),
        "(parent GET / was shown before)",
        "└─ mail        shop  INTERNAL 1 ms",
        "   └─ connect  shop  INTERNAL 1 ms",
    ]


def test_a_message_to_oneself_stands_below_its_sender():
    """
    What the same process was sent is shown with the part that has sent it.
    """
    shown = Shown()
    root = shown.span("POST /orders")
    publish = shown.span("publish", root)
    sent = publish.get_span_context()
    sender = SpanContext(sent.trace_id, sent.span_id, is_remote=True, trace_flags=sent.trace_flags)
    process = shown.span("process", sender)

    _end(publish, process, root)

    assert shown.printed() == [
        _head(1, 3),
        "POST /orders   shop  INTERNAL 1 ms",
        "└─ publish     shop  INTERNAL 1 ms",
        "   └─ process  shop  INTERNAL 1 ms",
    ]


def test_each_trace_is_printed_by_itself():
    """
    Requests side by side are trees one after the other.
    """
    shown = Shown()
    one, two = shown.span("one"), shown.span("two")
    inner = shown.span("inner", one)

    _end(inner, two, one)

    assert shown.printed() == [
        _head(3, 1),
        "two  shop  INTERNAL 1 ms",
        _head(1, 2),
        "one       shop  INTERNAL 1 ms",
        "└─ inner  shop  INTERNAL 1 ms",
    ]


def test_failed_spans_say_why():
    """
    A failed span shows its ``error.type``, or else the status's text, and is red on a terminal.
    """
    shown = Shown(width=80)
    root = shown.span("POST /")
    typed = shown.span("INSERT", root, attributes={"error.type": "23505"})
    plain = shown.span("pay", root)
    for span in (typed, plain):
        span.set_status(Status(StatusCode.ERROR, "no card"))

    _end(typed, plain, root)

    assert shown.printed() == [
        "\033[1mtrace 00000000000000000000000000000001\033[0m  3 spans, 1 service, 1 ms",
        "POST /     shop  INTERNAL 1 ms",
        "\033[31m├─ INSERT  shop  INTERNAL 1 ms  ERROR 23505\033[0m",
        "\033[31m└─ pay     shop  INTERNAL 1 ms  ERROR no card\033[0m",
    ]


@pytest.mark.parametrize(
    ("width", "environ"), [(None, {}), (80, {"NO_COLOR": "1"}), (None, {"NO_COLOR": "1"})]
)
def test_colours_are_for_terminals(width, environ):
    """
    There is no colour on anything but a terminal, nor where ``NO_COLOR`` is set.
    """
    config = load(environ).config
    shown = Shown(width=width, colour=not config.no_colour)
    span = shown.span("a")
    span.set_status(StatusCode.ERROR)

    _end(span)

    assert shown.printed() == [_head(1, 1), "a  shop  INTERNAL 1 ms  ERROR"]


HOSTILE = "a\x1b[2J\x9b1m\r\n\x07\u202e\u2028b"
HARMLESS = r"a\x1b[2J\x9b1m\r\n\x07\u202e\u2028b"


def test_text_of_spans_gives_no_orders_to_a_terminal():
    """
    Control characters, line ends and changes of direction are shown as escapes, wherever they are.
    """
    shown = Shown()
    attributes = {"db.namespace": HOSTILE, "error.type": HOSTILE}
    root = shown.span(HOSTILE)
    inner = shown.span("inner", root, attributes=attributes)
    inner.set_status(StatusCode.ERROR, HOSTILE)

    _end(root, inner)

    name = f"{HARMLESS}  shop  INTERNAL 1 ms"
    assert shown.printed() == [
        _head(1, 1),
        name,
        _head(1, 1),
        f"(parent {HARMLESS} was shown before)",
        f"└─ inner  shop  INTERNAL 1 ms  ERROR {HARMLESS} {HARMLESS}",
    ]


def test_only_what_says_most_is_printed():
    """
    No text of a query, no header, no message, and nothing else that a span holds besides (D2).
    """
    shown = Shown()
    attributes = {
        "db.query.text": "SELECT secret",
        "http.request.header.authorization": ("secret",),
        "gen_ai.input.messages": "secret",
        "url.full": "http://x/?token=secret",
        "db.system.name": "postgresql",
    }
    span = shown.span("SELECT", attributes=attributes)
    span.add_event("exception", {"exception.message": "secret"})

    _end(span)

    assert shown.printed() == [_head(1, 1), "SELECT  shop  INTERNAL 1 ms  postgresql"]


CUT = {
    None: r"n{100}  shop  INTERNAL  [\d.]+ ms  postgresql d",
    80: r"n+…  shop  INTERNAL  [\d.]+ ms  postgresql d",
    40: r"n{31}…  shop …",
}


@pytest.mark.parametrize("width", CUT)
def test_lines_are_cut_on_a_terminal_alone(width):
    """
    A span takes one line of a terminal; its name gives way first. Elsewhere all is there.
    """
    shown = Shown(width=width, colour=False)

    _end(shown.span(100 * "n", attributes={"db.system.name": "postgresql", "db.namespace": "d"}))

    line = shown.screen.text.splitlines()[1]
    assert re.fullmatch(CUT[width], line)
    assert len(line) == width or width is None


def test_traces_that_never_end_are_printed_after_a_while():
    """
    What waits for a root for too long is printed without it, also where nothing more ends.
    """
    shown = Shown(longest=30.0)
    root = shown.span("main")
    _end(shown.span("step", root))

    shown.now = 29.0
    shown.console.export([])
    early = shown.printed()
    shown.now = 30.0
    shown.console.export([])
    late = shown.printed()
    _end(root)

    assert early == []
    assert late == [
        _head(1, 1),
        "(parent 0000000000000002 has not ended)",
        "└─ step  shop  INTERNAL 1 ms",
    ]
    assert shown.printed() == [_head(1, 1), "main  shop  INTERNAL 1 ms"]


def test_what_waits_is_bounded():
    """
    No more spans wait than allowed: the trace that has waited longest is printed as far as it is.
    """
    shown = Shown(most=10)
    root = shown.span("main")

    for _ in range(1000):
        _end(shown.span("step", root))

    traces = shown.console._traces
    assert traces._waiting <= 10
    assert len(traces._given) <= 20
    printed = shown.printed()
    assert len([line for line in printed if "step" in line]) == 1000 - traces._waiting
    assert {line for line in printed if line.startswith("(")} == {
        "(parent 0000000000000002 has not ended)"
    }


def test_ended_traces_leave_nothing_behind():
    """
    After their end, traces take no memory, but for the names of the last spans.
    """
    shown = Shown(most=10)

    for number in range(100):
        root = shown.span(f"GET /{number}")
        _end(shown.span("inner", root), root)

    traces = shown.console._traces
    assert (traces._open, traces._waiting, len(traces._given)) == ({}, 0, 20)


def test_deep_and_wide_traces_are_drawn():
    """
    A thousand spans below each other are no recursion, and lines stay short.
    """
    shown = Shown(most=3000)
    spans = [shown.span("root")]
    for _ in range(1500):
        spans.append(shown.span("deeper", spans[-1]))

    _end(*reversed(spans))

    lines = shown.printed()
    assert len(lines) == 1502
    assert max(map(len, lines)) < 200


def test_one_id_for_all_is_drawn_once():
    """
    An id generator that gives the same id to parent and child makes no endless tree.
    """
    shown = Shown(ids=Same())
    root = shown.span("root")
    inner = shown.span("inner", root)

    _end(inner, root)

    assert [line.split("  ")[0] for line in shown.printed()] == [
        f"trace {7:032x}",
        "root",
        "└─ inner",
    ]


# -- the pipeline


def _until(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert condition()


@pytest.fixture
def pipelines():
    """Makes pipelines with a tracer; ends them after the test."""
    made = []

    def make(*pipelines):
        made.extend(pipelines)
        provider = TracerProvider(resource=SHOP, id_generator=Ids(), shutdown_on_exit=False)
        for pipeline in pipelines:
            provider.add_span_processor(pipeline)
        return provider.get_tracer("test")

    yield make
    for pipeline in made:
        pipeline.shutdown(0)


def test_the_console_is_prompt(pipelines):
    """
    What is ended is printed soon, however long other exporters wait for more (D2).
    """
    screen = Screen()
    tracer = pipelines(ConsolePipeline(Console(stderr=screen), delay=3600))

    tracer.start_span("a").end()

    _until(lambda: "a  shop" in screen.text)


def test_others_keep_their_delay():
    """
    The console has a pipeline of its own, which is flushed before one that may not get through.
    """
    exporters = [SimpleNamespace(name="otlp", place="server"), Console()]

    made = list(_pipelines(Config(batch_schedule_delay=7.0), exporters, str))

    assert [(type(pipeline), pipeline._delay) for pipeline in made] == [
        (ConsolePipeline, 0.05),
        (Pipeline, 7.0),
    ]
    for pipeline in made:
        pipeline._closed = True


def test_a_flush_prints_all_that_has_ended(pipelines):
    """
    At the end, what waits for a root is printed too, and counted.
    """
    screen = Screen()
    pipeline = ConsolePipeline(Console(stderr=screen))
    tracer = pipelines(pipeline)
    root = tracer.start_span("root")
    tracer.start_span("inner", trace.set_span_in_context(root)).end()

    assert pipeline.force_flush() is True
    assert "└─ inner" in screen.text
    assert pipeline.counts() == {"console": {"exported": 1}}
    root.end()
    pipeline.shutdown()
    assert "\nroot  shop" in screen.text


def test_what_has_no_room_is_told_on_the_console(pipelines):
    """
    A console that takes nothing costs spans, and no line of the log, which goes the same way.
    """
    screen = Screen()
    pipeline = ConsolePipeline(Console(stderr=screen), queue_size=2)
    pipeline._thread = threading.current_thread()  # nobody takes anything
    tracer = pipelines(pipeline)

    for name in "abcde":
        tracer.start_span(name).end()
    pipeline.force_flush()

    assert screen.text.startswith("(3 spans had no room: not shown)\ntrace ")
    assert pipeline.counts() == {"console": {"exported": 2, "queue_full": 3}}


def test_a_forked_child_prints_its_own(pipelines):
    """
    What waits at a fork is the parent's to print.
    """
    screen = Screen()
    pipeline = ConsolePipeline(Console(stderr=screen))
    tracer = pipelines(pipeline)
    root = tracer.start_span("root")
    tracer.start_span("inner", trace.set_span_in_context(root)).end()
    with pipeline._gathering:
        pipeline._take()

    child = os.fork()
    if not child:
        pipeline.force_flush()
        os._exit(0 if screen.text == "" else 1)
    _, status = os.waitpid(child, 0)
    pipeline.force_flush()

    assert os.waitstatus_to_exitcode(status) == 0
    assert "└─ inner" in screen.text
    root.end()


# -- standard error


@pytest.fixture
def standard_error(monkeypatch):
    """Has another file stand for the process's standard error."""
    opened = []

    def put(number, **settings):
        stream = open(number, "w", closefd=False, **settings)  # noqa: SIM115
        opened.append(stream)
        monkeypatch.setattr(sys, "__stderr__", stream)
        return stream

    yield put
    monkeypatch.undo()


def test_a_closed_stderr_is_no_failure(standard_error, monkeypatch):
    """
    Without a standard error, or with a closed or broken one, nothing is printed and nothing raised.
    """
    reading, writing = os.pipe()
    os.close(reading)

    standard_error(writing)
    Stderr().write("to a broken pipe\n")
    os.close(writing)
    Stderr().write("to a closed file\n")
    closed = (Stderr().is_terminal(), Stderr().columns())
    sys.__stderr__.close()
    Stderr().write("to a closed stream\n")
    monkeypatch.setattr(sys, "__stderr__", None)
    Stderr().write("to nothing\n")

    assert closed == (False, None)
    assert (Stderr().is_terminal(), Stderr().columns()) == (False, None)


def test_nobody_is_waited_for_who_does_not_read(standard_error):
    """
    A full pipe costs one short wait, and what is printed; afterwards it costs nothing.
    """
    reading, writing = os.pipe()
    standard_error(writing)
    stderr = Stderr()
    lines = "".join(f"{number:04}\n" for number in range(100_000))

    stderr.write(lines)
    stuck = stderr._is_stuck
    stderr.write(lines)
    taken = os.read(reading, 1 << 20)
    stderr.write("read again\n")

    assert stuck
    assert lines.encode().startswith(taken)
    assert taken.endswith(b"\n")
    assert os.read(reading, 100) == b"read again\n"
    assert not stderr._is_stuck
    os.close(reading)
    os.close(writing)


def test_other_encodings_get_other_branches(standard_error):
    """
    Where the lines of a tree cannot be written, plain characters stand for them.
    """
    reading, writing = os.pipe()
    standard_error(writing, encoding="ascii")

    Stderr().write("├─ é…\n│  └─ b\n")

    assert os.read(reading, 100) == b"|- \\xe9~\n|  `- b\n"
    os.close(reading)
    os.close(writing)


def test_a_terminal_says_how_wide_it_is(standard_error):
    """
    The width is the terminal's, each time anew.
    """
    controller, terminal = pty.openpty()
    standard_error(terminal)
    found = []

    for width in (0, 71):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 20, width, 0, 0))
        found.append((Stderr().is_terminal(), Stderr().columns()))

    assert found == [(True, None), (True, 71)]
    os.close(controller)
    os.close(terminal)


# -- whole programs

PROGRAM = """
import sys
import time
from pathlib import Path

def write_down(event, arguments):
    if event == "socket.connect":
        with open("connections", "a") as file:
            print(arguments[1], file=file)

sys.addaudithook(write_down)

from opentelemetry import _logs, metrics, trace

metrics.get_meter("shop").create_counter("orders").add(1)
_logs.get_logger("shop").emit(_logs.LogRecord(body="an order"))
tracer = trace.get_tracer("shop")
with tracer.start_as_current_span("order"):
    with tracer.start_as_current_span("pay") as span:
        span.set_status(trace.StatusCode.ERROR, "no card")
print("ordered", flush=True)
while not Path("end").exists():
    time.sleep(0.01)
"""

PROGRAM_TREE = [
    "trace  -  2 spans, 1 service, -",
    "order   program  INTERNAL -",
    "└─ pay  program  INTERNAL -  ERROR no card",
]


def _masked(text):
    """Lines with one text for all trace ids and durations."""
    return re.sub(r"\b\w{32}\b| *\b[\d.]+ ms", " -", text).splitlines()


def test_a_program_whose_traces_are_for_the_console(run_instrumented, tmp_path):
    """
    A tree on stderr while the program runs; its output is its own; nothing is sent anywhere, and
    the program ends without delay (case D2).
    """
    settings = {"OTEL_TRACES_EXPORTER": "console", "OTEL_EXPORTER_OTLP_ENDPOINT": ""}
    program = run_instrumented(sys.executable, "-c", PROGRAM, env=settings, cwd=tmp_path)

    program.wait_for_line("└─ pay")
    running = program.returncode
    (tmp_path / "end").touch()
    code = program.wait(6)

    assert (running, code, program.stdout) == (None, 0, "ordered\n")
    assert _masked(program.stderr) == PROGRAM_TREE
    assert not (tmp_path / "connections").exists()


def test_the_console_beside_otlp(run_instrumented, otlp_receiver, tmp_path):
    """
    The console is prompt, OTLP keeps its delay, and both get everything.
    """
    settings = {"OTEL_TRACES_EXPORTER": "otlp,console", "OTEL_BSP_SCHEDULE_DELAY": "600000"}
    program = run_instrumented(sys.executable, "-c", PROGRAM, env=settings, cwd=tmp_path)

    program.wait_for_line("└─ pay")
    sent = otlp_receiver.spans()
    (tmp_path / "end").touch()
    program.wait()

    assert sent == []
    assert _masked(program.stderr) == PROGRAM_TREE
    assert sorted(span.name for span in otlp_receiver.spans()) == ["order", "pay"]


def test_a_program_without_stderr_is_no_other(run_instrumented, tmp_path):
    """
    A program that has closed its stderr, or was started without one, runs and ends as ever.
    """
    (tmp_path / "end").touch()
    settings = {"OTEL_TRACES_EXPORTER": "console", "OTEL_EXPORTER_OTLP_ENDPOINT": ""}
    closing = f"import os\nos.close(2)\n{PROGRAM}"
    programs = [
        run_instrumented(sys.executable, "-c", closing, env=settings, cwd=tmp_path),
        run_instrumented(
            "sh",
            "-c",
            'exec "$@" 2>&-',
            "sh",
            sys.executable,
            "-c",
            PROGRAM,
            env=settings,
            cwd=tmp_path,
        ),
    ]

    assert [(program.wait(), program.stdout) for program in programs] == [(0, "ordered\n")] * 2
