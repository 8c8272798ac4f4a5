"""The frame of ``make bench``: what is measured is counted, compared and reported as it was."""
# ruff: noqa: RUF001 - the sign of multiplication is meant

from __future__ import annotations

import gzip
import json
import random
import re
import struct
import sys
import urllib.request
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _importable(tmp_path, monkeypatch):
    """Only the benchmarks are importable from the checkout, not what it installs."""
    (tmp_path / "benchmarks").symlink_to(ROOT / "benchmarks")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def here():
    """The running environment, in place of one of the benchmarks' own."""
    from benchmarks.environments import COMPARED, Environment

    return Environment(Path(sys.prefix), dict.fromkeys(COMPARED, "1.0"))


def study(operation="fastapi", /, **cells):
    """A study of one operation with the given medians, spans expected and spans received."""
    from benchmarks.gauges import Sample
    from benchmarks.operations import OPERATIONS
    from benchmarks.peers import PEERS
    from benchmarks.study import Cell, Study

    made = Study([PEERS[name] for name in cells], [OPERATIONS[operation]], rounds=1, minutes=1)
    for name, cell in cells.items():
        filled = Cell(failure=cell) if isinstance(cell, str) else Cell([Sample(*cell)])
        made.cells[operation, name] = filled
    return made


def row(study):
    """The cells of the first row of the report's table, without the operation's name."""
    from benchmarks.report import markdown

    lines = markdown(study, [("Machine", "mine")], "Title").splitlines()
    return next(line for line in lines if "in process" in line).strip("| ").split(" | ")[1:]


def test_a_cell_says_what_is_added_and_how_many_times_bare_it_is():
    """
    Bare is absolute, all others are relative to it.
    """
    cells = row(study(bare=(100.0,), ours=(150.0, 10, 10), contrib=(600.0, 30, 30)))

    assert cells == ["100 µs", "+50 µs (1.50×)", "+500 µs (6.00×)"]


def test_what_is_added_is_found_within_each_round():
    """
    A machine that gets slower in the course of a run changes neither differences nor ratios.
    """
    from benchmarks.gauges import Sample
    from benchmarks.study import Added, Cell

    bare = Cell([Sample(100.0), Sample(100.0), Sample(300.0)])
    ours = Cell([Sample(110.0), Sample(120.0), Sample(360.0)])

    assert ours.above(bare) == Added(20.0, 1.2)


def test_spans_that_have_not_arrived_are_said():
    """
    A figure whose spans were lost carries a note.
    """
    from benchmarks.report import markdown

    text = markdown(study(bare=(100.0,), ours=(150.0, 10, 9)), [], "Title")

    assert "+50 µs (1.50×)<sup>1</sup>" in text
    assert "1. eai-autotrace: 9 spans arrived instead of 10" in text


def test_a_peer_that_could_not_be_measured_keeps_its_place():
    """
    Nobody is left out in silence.
    """
    from benchmarks.report import markdown

    text = markdown(study(bare=(100.0,), newrelic="not installed: no wheel"), [], "Title")

    assert "| 100 µs | —<sup>1</sup> |" in text
    assert "1. not installed: no wheel" in text


def test_the_plot_has_a_bar_for_each_peer():
    """
    The picture shows what the table says.
    """
    from benchmarks.plot import svg

    picture = svg(study(bare=(100.0,), ours=(150.0, 10, 10), sentry="not installed"))

    assert ">+50</text>" in picture
    assert ">not measured</text>" in picture


def test_a_bar_says_which_spans_it_is_without():
    """
    A bar is as short as its peer leaves work out: it says so, and also where there is more.
    """
    from benchmarks.plot import svg

    queries = study("query", bare=(100.0,), sentry=(150.0, 10, 9), ddtrace=(150.0, 10, 20))
    messages = study("publish", bare=(100.0,), sentry=(101.0, 10, 10), ours=(150.0, 10, 10))

    assert ">+50 (spans missing)</text>" in svg(queries)
    assert ">+50 (more spans)</text>" in svg(queries)
    assert ">+1.0 (no spans)</text>" in svg(messages)
    assert ">+50</text>" in svg(messages)


def otlp():
    """Three spans."""
    export = ExportTraceServiceRequest()
    scope = export.resource_spans.add().scope_spans.add()
    for _ in range(3):
        scope.spans.add()
    return export.SerializeToString()


def datadog():
    """Version 0.5: a table of strings, then two traces of one and two spans of twelve fields."""
    span = b"\x9c" + b"\x00" * 3 + b"\xcf" + struct.pack(">Q", 7) + b"\x00" * 5 + b"\x80\x80\x00"
    return b"\x92\x91\xa1a\x92\x91" + span + b"\x92" + span * 2


def elastic():
    """Metadata, two transactions and a span."""
    return b'{"metadata":{}}\n{"transaction":{}}\n{"span":{}}\n{"transaction":{}}\n{"metricset":{}}'


def sentry():
    """A transaction with two spans, and an item of another kind."""
    event = json.dumps({"spans": [{}, {}]}).encode()
    header = json.dumps({"type": "transaction", "length": len(event)}).encode()
    return b"\n".join([b"{}", header, event, b'{"type":"session"}', b"{}"])


def newrelic():
    """Three span events of a harvest."""
    return json.dumps(["1", {"events_seen": 3}, [[{}, {}, {}]] * 3]).encode()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("protocol", "path", "body"),
    [
        ("otlp", "/v1/traces", otlp),
        ("datadog", "/v0.5/traces", datadog),
        ("elastic", "/intake/v2/events", elastic),
        ("sentry", "/api/1/envelope/", sentry),
    ],
)
def test_a_sink_counts_spans(protocol, path, body, packed):
    """
    Three spans are three spans in every protocol, compressed or not.
    """
    from benchmarks.sinks import Sink

    data = gzip.compress(body()) if packed else body()
    headers = {"Content-Encoding": "gzip"} if packed else {}

    with Sink(protocol) as sink:
        request = urllib.request.Request(sink.url + path, data=data, headers=headers)
        urllib.request.urlopen(request, timeout=5).close()
        received = sink.wait(3, timeout=5)

    assert received == 3


def test_a_collector_of_new_relic_counts_the_events_of_a_harvest():
    """
    Only the method that brings span events counts.
    """
    from benchmarks.sinks import PROTOCOLS
    from benchmarks.sinks.protocol import Request

    path = "/agent_listener/invoke_raw_method?method="
    counted = [
        PROTOCOLS["newrelic"]().spans(Request("POST", path + method, {}, newrelic()))
        for method in ("span_event_data", "analytic_event_data")
    ]

    assert counted == [3, 0]


def test_a_sink_that_is_stopped_refuses_and_comes_back():
    """
    An outage keeps the address and what has been counted.
    """
    from benchmarks.sinks import Sink

    def send():
        urllib.request.urlopen(sink.url + "/v1/traces", data=otlp(), timeout=5).close()

    with Sink("otlp") as sink:
        send()
        sink.stop()
        with pytest.raises(OSError, match="refused"):
            send()
        sink.start()
        send()
        assert sink.wait(6, timeout=5) == 6


@pytest.mark.parametrize("operation", ["fastapi", "unsampled"])
def test_a_real_round_is_measured_and_all_spans_arrive(here, operation):
    """
    Bare and ours take turns; each request of ours is one span, or none.
    """
    from benchmarks.model import Services
    from benchmarks.operations import OPERATIONS
    from benchmarks.peers import PEERS
    from benchmarks.study import Study, measure

    found = Study([PEERS["bare"], PEERS["ours"]], [OPERATIONS[operation]], rounds=2, minutes=1)
    found.environments = {"bare": here, "ours": here}

    measure(found, OPERATIONS[operation], Services(), scale=0.2)

    bare, ours = found.cells[operation, "bare"], found.cells[operation, "ours"]
    assert [bare.failure, ours.failure] == ["", ""]
    assert [bare.received, ours.received] == [0, 400 if operation == "fastapi" else 0]
    assert min(bare.median, ours.median) > 0


@pytest.mark.parametrize("name", ["steady", "low", "step", "burst"])
def test_a_simulated_load_is_counted(name):
    """
    What is kept is near the target, or all where less begins, and the tracestates tell how many
    have begun.
    """
    from benchmarks.sampling.loads import SIMULATED
    from benchmarks.sampling.run import Goal, simulate

    (load,) = [load for load in SIMULATED if load.name == name]

    found = simulate(load, Goal(10, 20), seconds=60, seed=1)

    began = sum(found.began) / 60
    assert began == pytest.approx({"steady": 200, "low": 3, "step": 1340, "burst": 1010}[name], 0.2)
    assert found.mean == pytest.approx(min(began, 10), rel=0.1)
    assert max(found.kept) <= 25
    assert abs(found.error) < 5 * found.chance


def test_a_load_is_cut_where_the_time_ends():
    """
    A rate begins and ends at its time, and parts of a load together are the load.
    """
    from benchmarks.sampling.loads import Load

    burst = Load("burst", (1, 1000))
    times = sorted(
        at for seed in range(4) for at in burst.arrivals(12, random.Random(seed), parts=4)
    )

    assert times[-1] < 12
    assert sum(5 <= at < 10 for at in times) == pytest.approx(5000, rel=0.1)
    assert sum(not 5 <= at < 10 for at in times) < 30


def test_a_chart_shows_target_limit_and_seconds():
    """
    A column is a second, as high as many were kept; lines tell where the target and the limit are.
    """
    from benchmarks.sampling.chart import chart
    from benchmarks.sampling.loads import Load
    from benchmarks.sampling.run import Goal, Outcome

    found = Outcome(Load("steady", (4,)), Goal(4, 6), "simulated", [4, 8, 0, 2])
    found.kept = [4, 7, 0, 2]

    assert chart(found).splitlines() == [
        "             ┤ █",
        "     limit 6 ┤┄█┄┄",
        "             ┤ █",
        "    target 4 ┤██┄┄",
        "             ┤██",
        "             ┤██ █",
        "             ┤██ █",
        "           0 ┴──── 4 s",
        "       began  ▄█ ▂ up to 8 a second",
    ]


def test_the_command_reports_all_loads(tmp_path, capsys):
    """
    A short run prints the report, the real threads' included, and keeps it with its plot.
    """
    from benchmarks.sampling.__main__ import main

    main(["--quick", "--output", str(tmp_path / "made")])

    report, picture = sorted((tmp_path / "made").iterdir())
    text = report.read_text(encoding="utf-8")
    assert capsys.readouterr().out == text
    rows = table(text)
    assert len({load for load, _ in rows}) == text.count("```text") == 5
    (kept,) = [
        float(cell) for (load, name), cell in rows.items() if "real" in load and "Kept" in name
    ]
    assert 1 < kept < 30
    assert picture.name in text
    assert picture.read_text(encoding="utf-8").count("font-weight") == 5


def table(text):
    """The cells of the first table of a text, by row and column; without marks of notes."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    head, _, *rows = [re.sub(r"<sup>.*?</sup>", "", line).strip("| ").split("|") for line in lines]
    names = [name.strip() for name in head]
    names = names if len(names) == len(rows[0]) - 1 else names[1:]
    return {
        (row[0].strip(), name): cell.strip()
        for row in rows
        for name, cell in zip(names, row[1:], strict=True)
    }


def test_the_documentation_shows_what_the_sampler_keeps():
    """
    The table in the documentation is the one of the newest report, which is named.
    """
    newest = max((ROOT / "benchmarks" / "results" / "sampling").glob("*.md"))
    report = newest.read_text(encoding="utf-8")
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    section = text.partition("## Sampling")[2].partition("\n## ")[0]

    assert newest.stem in section
    assert table(section) == table(report)


def test_the_readme_shows_the_newest_result():
    """
    What the README says of costs are cells of the newest report: with its date and its machine.
    """
    newest = max((ROOT / "benchmarks" / "results").glob("*.md"))
    report = newest.read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## What it costs")[2].partition("\n## ")[0]
    measured, shown = table(report.partition("\n## ")[0]), table(section)

    assert newest.stem in section
    assert {peer for _, peer in shown} > {"bare", "eai-autotrace", "OpenTelemetry contrib"}
    assert len({operation for operation, _ in shown}) == 4  # the others stand in the report
    assert shown == {place: cell for place, cell in measured.items() if place in shown}
