"""Looking at the sampler, and changing it while threads ask it."""

from __future__ import annotations

import threading

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from eai_autotrace.config.load import load
from eai_autotrace.sampling.control import configure_sampler, get_sampling_stats
from eai_autotrace.sampling.sampler import EaiSampler
from eai_autotrace.spans.provider import TracerProvider


def _rules(text):
    return load({"OTEL_EAI_SAMPLING_RULES": text}).config.sampling_rules


@pytest.fixture
def tracer(monkeypatch):
    """A tracer of the global provider, whose sampler is `eai`."""
    sampler = EaiSampler(1, _rules("name=a:drop; name=b:ratio=0.5"))
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: provider)
    return provider.get_tracer("test")


def test_stats(tracer):
    """
    Each rule tells how many traces it has kept and dropped, and at which ratio.
    """
    for name in ("a", "b", "c", "c"):
        tracer.start_span(name).end()

    stats = get_sampling_stats()
    first, second, last = stats.rules
    assert (stats.routes, stats.kept_by_end) == ({}, None)
    assert first == ("name=a:drop", 0, 1, 0)
    assert (second.rule, second.kept + second.dropped, second.ratio) == ("name=b:ratio=0.5", 1, 0.5)
    assert last == ("", 2, 0, 1)


def test_a_rule_on_trial_is_counted(monkeypatch):
    """
    A dry rule tells how many it has matched, and decides nothing.
    """
    (rule,) = _rules("name=a:drop")
    sampler = EaiSampler(1, [rule._replace(is_dry=True)])
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: provider)

    assert sampler.decide_root(1, "a", SpanKind.SERVER, dict)[0]
    assert get_sampling_stats().rules == (("name=a:drop", 0, 1, 0), ("", 1, 0, 1))


def test_stats_of_routes_and_ends(tracer):
    """
    Routes tell their share, and what is kept by its end tells how much that is.
    """
    configure_sampler(
        sampling_adaptive_enabled=True,
        sampling_adaptive_max_ratio=0.0,
        sampling_scope="process",
        sampling_keep=("errors",),
        sampling_keep_max_tps=1,
    )
    for _ in range(3):
        span = tracer.start_span("a")
        span.set_status(StatusCode.ERROR)
        span.end()
    held = tracer.start_span("b")
    tracer.start_span("c", trace.set_span_in_context(held)).end()

    stats = get_sampling_stats()

    assert stats.rules[-1] == ("", 0, 4, 0)
    assert stats.routes == {"a": (0.0, 0.0), "b": (0.0, 0.0)}
    assert stats.kept_by_end == ({"errors": 1}, 2, 0, 1)


def test_it_changes_at_once(tracer):
    """
    What is set holds from the next trace on, for tracers that were there before.
    """
    assert tracer.start_span("c").is_recording()

    configure_sampler(sampling_ratio=0.0)
    assert not tracer.start_span("c").is_recording()

    configure_sampler(
        sampling_rules=_rules("name=c:keep"), sampling_ratio=0.0, sampling_default_rules=False
    )
    assert tracer.start_span("c").is_recording()
    assert [stats.rule for stats in get_sampling_stats().rules] == ["name=c:keep", ""]


def test_it_changes_while_it_is_asked(tracer):
    """
    Threads that begin traces meanwhile get one configuration or the other, never half of one.
    """
    failures, done = [], threading.Event()

    def begin():
        try:
            while not done.is_set():
                tracer.start_span("c").end()
        except Exception as failure:  # noqa: BLE001 - told below
            failures.append(failure)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(200):
        configure_sampler(sampling_rules=_rules("name=x:drop;" * (number % 3)))
    done.set()
    for thread in threads:
        thread.join()

    assert failures == []


def test_another_sampler(monkeypatch):
    """
    With another sampler, the way to ours is told.
    """
    provider = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: provider)

    for call in (get_sampling_stats, configure_sampler):
        with pytest.raises(RuntimeError, match=r"OTEL_TRACES_SAMPLER=eai selects"):
            call()


def test_a_wrong_setting(tracer):
    """
    A setting that there is not changes nothing.
    """
    with pytest.raises(TypeError, match="no setting"):
        configure_sampler(nonsense=1)

    assert tracer.start_span("c").is_recording()
