from __future__ import annotations

import os
import threading
import time
from collections import Counter

import pytest
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from eai_autotrace.export import worker
from eai_autotrace.export.pipeline import Pipeline
from eai_autotrace.export.result import Outcome
from eai_autotrace.spans.provider import TracerProvider


class Exporter:
    """Keeps what it takes; answers as it is told, and holds back while it is blocked."""

    what = "spans"

    def __init__(self, name="kept", answers=()):
        self.name = name
        self.place = f"{name} of {id(self)}"
        self.answers = list(answers)
        self.batches, self.attempts, self.ended = [], 0, False
        self.open = threading.Event()
        self.open.set()

    def export(self, spans, timeout):
        self.attempts += 1
        if not self.open.wait(timeout):
            return Outcome("retry", "timeout", "no answer")
        answer = self.answers.pop(0) if self.answers else Outcome("ok")
        if answer.kind == "ok":
            self.batches.append([span.name for span in spans])
        return answer

    def shutdown(self):
        self.ended = True

    @property
    def names(self):
        return [name for batch in self.batches for name in batch]


@pytest.fixture
def pipelines():
    """Makes pipelines with a tracer; ends them after the test."""
    made = []

    def make(*exporters, **settings):
        pipeline = Pipeline(exporters, **{"delay": 3600, **settings})
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(pipeline)
        made.append(pipeline)
        return pipeline, provider.get_tracer("test")

    yield make
    for pipeline in made:
        pipeline.shutdown(0)


def _spans(tracer, *names):
    for name in names:
        tracer.start_span(str(name)).end()


@pytest.fixture
def no_pauses(monkeypatch):
    """Attempts follow each other at once."""
    monkeypatch.setattr(worker, "FIRST_PAUSE", 0.001)


def _until(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert condition()


def test_a_flush_sends_what_has_ended(pipelines):
    """
    force_flush() hands every ended span over, in order, in batches of the given size.
    """
    exporter = Exporter()
    pipeline, tracer = pipelines(exporter, batch_size=2)
    _spans(tracer, *"abc")
    open_span = tracer.start_span("open")

    assert pipeline.force_flush(20_000) is True
    assert sorted(exporter.names) == ["a", "b", "c"]
    assert max(len(batch) for batch in exporter.batches) <= 2
    open_span.end()


def test_a_full_batch_is_sent_at_once(pipelines):
    """
    A batch does not wait for the delay when it is full.
    """
    exporter = Exporter()
    _, tracer = pipelines(exporter, batch_size=2)

    _spans(tracer, *"abc")

    _until(lambda: len(exporter.names) >= 2)


def test_the_delay_sends_the_rest(pipelines):
    """
    A batch that does not fill is sent after the delay.
    """
    exporter = Exporter()
    _, tracer = pipelines(exporter, delay=0.01)

    _spans(tracer, "a")

    _until(lambda: exporter.names == ["a"])


def test_no_thread_before_the_first_span(pipelines):
    """
    A process that makes no spans has no threads of ours.
    """
    before = set(threading.enumerate())
    _, tracer = pipelines(Exporter())

    assert set(threading.enumerate()) - before == set()
    _spans(tracer, "a")
    # All at once: at the end of a process there may be none any more.
    made = {thread.name for thread in set(threading.enumerate()) - before}
    assert made == {"eai-spans", "eai-export-kept"}


def test_unsampled_spans_are_not_sent(pipelines):
    """
    A span that is recorded but not sampled stays here.
    """

    class RecordOnly(Sampler):
        def should_sample(self, *_, **__):
            return SamplingResult(Decision.RECORD_ONLY)

        def get_description(self):
            return "record only"

    exporter = Exporter()
    pipeline = pipelines(exporter)[0]
    provider = TracerProvider(sampler=RecordOnly(), shutdown_on_exit=False)
    provider.add_span_processor(pipeline)

    _spans(provider.get_tracer("test"), "a")

    assert (pipeline.force_flush(5000), exporter.names) == (True, [])


def test_every_span_is_accounted_for(pipelines):
    """
    Created is exported plus dropped by reason, whatever the exporter says.
    """
    answers = [Outcome("rejected", "http_400", "no"), Outcome("ok", "partial", "some", dropped=1)]
    exporter = Exporter(answers=answers)
    pipeline, tracer = pipelines(exporter, batch_size=2)

    _spans(tracer, *range(6))
    pipeline.force_flush(20_000)

    counts = pipeline.counts()["kept"]
    assert counts["http_400"] in {1, 2}
    assert (counts["partial"], sum(counts.values())) == (1, 6)


def test_the_newest_are_dropped_when_the_queue_is_full(pipelines):
    """
    A queue that is full keeps what is in it, and counts what it has no room for.
    """
    exporter = Exporter()
    exporter.open.clear()
    pipeline, tracer = pipelines(exporter, queue_size=4, batch_size=4)

    _spans(tracer, *range(4))
    _until(lambda: exporter.attempts == 1)
    _spans(tracer, *range(4, 20))
    exporter.open.set()
    pipeline.force_flush(20_000)

    counts = pipeline.counts()["kept"]
    assert exporter.names[:4] == ["0", "1", "2", "3"]
    assert counts["queue_full"] > 0
    assert sum(counts.values()) == 20


def test_a_failed_batch_is_tried_again(pipelines, no_pauses):
    """
    What a server cannot take now is sent later, once, in order.
    """
    exporter = Exporter(answers=[Outcome("retry", "http_503", "busy")] * 3)
    pipeline, tracer = pipelines(exporter)

    _spans(tracer, *"ab")
    pipeline.force_flush(20_000)
    _until(lambda: exporter.names == ["a", "b"])

    assert exporter.attempts == 4
    assert pipeline.counts()["kept"] == Counter(exported=2)


def test_a_server_may_ask_to_wait(pipelines, no_pauses):
    """
    Retry-After goes before our own pause.
    """
    exporter = Exporter(answers=[Outcome("retry", "http_429", "slower", retry_after=3600)])
    pipeline, tracer = pipelines(exporter)

    _spans(tracer, "a")
    pipeline._gather()
    _until(lambda: exporter.attempts == 1)
    time.sleep(0.05)

    assert exporter.attempts == 1
    assert pipeline.force_flush(20_000) is True
    assert exporter.names == ["a"]


def test_a_dead_exporter_is_probed_by_one_batch(pipelines, monkeypatch):
    """
    While an exporter fails, attempts get rarer, and wait for nobody.
    """
    monkeypatch.setattr(worker, "FIRST_PAUSE", 0.05)
    exporter = Exporter(answers=[Outcome("retry", "connection", "refused")] * 1000)
    _, tracer = pipelines(exporter, batch_size=1)

    _spans(tracer, *range(100))
    time.sleep(0.5)

    assert exporter.attempts <= 6


def test_a_dead_exporter_starves_nobody(pipelines):
    """
    Each exporter has a queue and a thread of its own.
    """
    dead, alive = Exporter("dead"), Exporter("alive")
    dead.open.clear()
    pipeline, tracer = pipelines(dead, alive, batch_size=1)

    _spans(tracer, *"abc")
    pipeline._gather()

    _until(lambda: alive.names == ["a", "b", "c"])
    assert dead.names == []
    dead.open.set()


def test_a_flush_keeps_its_timeout(pipelines):
    """
    With an exporter that does not answer, a flush ends in time and says so.
    """
    exporter = Exporter()
    exporter.open.clear()
    pipeline, tracer = pipelines(exporter)
    _spans(tracer, "a")

    start = time.monotonic()
    done = pipeline.force_flush(200)

    assert done is False
    assert time.monotonic() - start < 10
    exporter.open.set()


def test_shutdown_counts_what_is_lost(pipelines):
    """
    What could not be sent before the end is dropped, by that reason, and later spans are ignored.
    """
    exporter = Exporter(answers=[Outcome("retry", "connection", "refused")] * 100)
    pipeline, tracer = pipelines(exporter)
    _spans(tracer, *"ab")

    pipeline.shutdown(200)
    _spans(tracer, "late")

    assert pipeline.counts()["kept"] == Counter(shutdown=2)
    assert exporter.ended is True


def test_every_span_is_redacted_first(pipelines):
    """
    No exporter sees a span before the redactor has.
    """
    exporter = Exporter()
    seen = []
    pipeline, tracer = pipelines(
        exporter, redact=lambda span: seen.append((span.name, exporter.attempts))
    )

    _spans(tracer, "a")
    pipeline.force_flush(20_000)

    assert seen == [("a", 0)]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_begins_anew(pipelines):
    """
    What waits at a fork is the parent's to send; the child sends its own spans.
    """
    exporter = Exporter()
    pipeline, tracer = pipelines(exporter)
    _spans(tracer, "before")
    reading, writing = os.pipe()

    pid = os.fork()
    if not pid:
        _spans(tracer, "child")
        pipeline.force_flush(20_000)
        os.write(writing, ",".join(exporter.names).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    _spans(tracer, "after")
    pipeline.force_flush(20_000)

    assert os.read(reading, 100) == b"child"
    assert exporter.names == ["before", "after"]
    os.close(reading)
    os.close(writing)


def test_many_threads_lose_nothing(pipelines):
    """
    64 threads and one queue: every span comes out once, whole.
    """
    exporter = Exporter()
    pipeline, tracer = pipelines(exporter, queue_size=100_000)

    def work(thread):
        for number in range(200):
            span = tracer.start_span(f"{thread}-{number}")
            span.set_attribute("n", number)
            span.end()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipeline.force_flush(60_000)

    expected = {f"{thread}-{number}" for thread in range(64) for number in range(200)}
    assert len(exporter.names) == len(expected)
    assert set(exporter.names) == expected


def test_where_no_thread_starts_a_flush_sends(pipelines, monkeypatch):
    """
    At the end of a process some versions of Python start no thread: then the caller's sends.
    """

    def refuse(_thread):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    exporter = Exporter(answers=[Outcome("ok"), Outcome("retry", "x", "no answer")])
    pipeline, tracer = pipelines(exporter)
    monkeypatch.setattr(threading.Thread, "start", refuse)

    tracer.start_span("a").end()
    first = pipeline.force_flush()
    tracer.start_span("b").end()
    second = pipeline.force_flush(100)

    assert (first, second, exporter.names, exporter.attempts) == (True, False, ["a"], 2)


def test_an_exporter_that_raises_costs_one_batch(pipelines):
    """
    Its worker goes on, and what was lost is counted.
    """

    class Raising(Exporter):
        def export(self, spans, timeout):
            if self.attempts == 0:
                self.attempts += 1
                raise ZeroDivisionError("x")
            return super().export(spans, timeout)

    exporter = Raising()
    pipeline, tracer = pipelines(exporter)

    for name in ("a", "b"):
        tracer.start_span(name).end()
        pipeline.force_flush()

    assert exporter.names == ["b"]
    assert pipeline.counts() == {"kept": Counter({"exported": 1, "exception": 1})}
