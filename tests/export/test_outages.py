"""What is said of a server that takes nothing."""

from __future__ import annotations

import re
import time

import pytest

from eai_autotrace.export import outages, worker
from eai_autotrace.export.result import Outcome
from eai_autotrace.export.worker import ExporterWorker


class Exporter:
    """Answers as it is told."""

    name = "otlp"

    def __init__(self, what, place="http://collector"):
        self.what, self.place, self.answer = what, place, Outcome("ok")

    def export(self, records, timeout):
        return self.answer

    def shutdown(self):
        pass


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(outages, "_outages", {})
    monkeypatch.setattr(worker, "FIRST_PAUSE", 0.001)


@pytest.fixture
def workers():
    """Workers of the three signals to one server."""
    made = [
        ExporterWorker(Exporter(what), 3, 1.0)
        for what in ("spans", "log records", "exports of metrics")
    ]
    yield made
    for one in made:
        one.close(0)


def _answer(workers, answer):
    for one in workers:
        one._exporter.answer = answer


def _said(caplog):
    return [re.sub(r"after \d+ s", "after N s", record.message) for record in caplog.records]


DEAD = Outcome("retry", "connection", "http://collector/v1/traces: Connection refused")
FAILS = "exporter otlp: http://collector/v1/traces: Connection refused; it is tried again"
BACK = "exporter otlp: sent again after N s; {} had to be dropped"


def _flush(workers):
    deadline = time.monotonic() + 20
    for one in workers:
        one.export_now(deadline)
    return [one.wait(deadline) for one in workers]


def _until(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert condition()


def test_one_line_for_all_signals_and_one_when_it_is_back(caplog, workers):
    """
    However many workers and attempts fail, one line tells of it; another one tells of the end, with
    what had no room (case D3).
    """
    _answer(workers, DEAD)
    workers[0].put(["first"])
    _until(lambda: caplog.records)
    for one in workers:
        for number in range(5):
            one.put([number])
    _until(lambda: all(one._failures > 2 for one in workers))
    _answer(workers, Outcome("ok"))

    assert _flush(workers) == [True] * 3
    lost = "3 spans and 2 log records and 2 exports of metrics"
    assert _said(caplog) == [FAILS, BACK.format(lost)]


def test_an_outage_that_comes_again_at_once_is_not_told_again(caplog, workers):
    """
    A server that comes and goes writes two lines a minute at most.
    """
    for answer in (DEAD, Outcome("ok"), DEAD, Outcome("ok")):
        _answer(workers, answer)
        workers[0].put(["one"])
        if answer is DEAD:
            _until(lambda: workers[0]._outage.is_on)
        else:
            _flush(workers)

    assert _said(caplog) == [FAILS, BACK.format("nothing")]


def test_another_server_is_told_of_apart(caplog, workers):
    """
    Workers to different places fail by themselves.
    """
    other = ExporterWorker(Exporter("spans", "http://other"), 3, 1.0)
    _answer([other, workers[0]], DEAD)
    for one in (other, workers[0]):
        one.put(["one"])
    _until(lambda: other._outage.is_on and workers[0]._outage.is_on)
    other.close(0)

    assert _said(caplog).count(FAILS) == 2
