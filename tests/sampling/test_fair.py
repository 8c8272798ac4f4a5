"""Shares of one target by route, simulated with a clock of the test's own."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind

from eai_autotrace.config import Config
from eai_autotrace.sampling.factory import make_eai_sampler
from eai_autotrace.sampling.fair import OTHER, FairRate, weights
from eai_autotrace.sampling.rate import Rate
from eai_autotrace.sampling.start import Start

TARGET = 10
# Traces a second by route, from the busiest to one that comes every 20 seconds.
ROUTES = (1500, 300, 80, 15, 1, 0.05)


def _run(arrivals, seconds, *, most=None, seed=1):
    """Gives what was kept in each second, and of each route."""
    chance, now, kept = random.Random(seed), [0.0], [0] * seconds
    rate = FairRate(Rate(TARGET, most, clock=lambda: now[0]), clock=lambda: now[0])
    by_route = dict.fromkeys(range(len(arrivals)), 0)
    while True:
        now[0] += chance.expovariate(sum(arrivals))
        if now[0] >= seconds:
            return kept, by_route
        (route,) = chance.choices(range(len(arrivals)), arrivals)
        if chance.random() < rate.ratio(str(route)):
            rate.kept()
            kept[int(now[0])] += 1
            by_route[route] += 1


@pytest.mark.parametrize("most", [None, 20])
def test_a_rare_route_is_seen(most):
    """
    The total is the target within 5 %; no route has more than a third of it, and what is rarest is
    kept whole, or nearly so. The first seconds have no more than others.
    """
    kept, by_route = _run(ROUTES, 300, most=most)

    assert sum(kept) / 300 == pytest.approx(TARGET, rel=0.05)
    assert max(kept) <= (25 if most is None else 21)
    assert max(by_route.values()) / 300 < TARGET / 3
    assert by_route[4] > 0.6 * 300
    assert by_route[5] >= 8


def test_many_routes_that_are_new():
    """
    Routes that all begin at once make no spike.
    """
    kept, _ = _run([1.0] * 60 + [200], 60)

    assert max(kept) <= 25


def test_each_route_is_seen_each_minute():
    """
    Of 30 routes with one trace in 5 seconds beside 2 000 of another a second, each is seen.
    """
    _, by_route = _run([0.2] * 30 + [2000], 120)

    assert min(by_route.values()) >= 1


def test_there_are_64_routes_at_most():
    """
    What comes after the 64th route shares one; one that has not been seen for long makes room.
    """
    now = [0.0]
    rate = FairRate(Rate(TARGET, clock=lambda: now[0]), clock=lambda: now[0])

    for number in range(1000):
        rate.ratio(f"/{number}")
    many = {*rate.routes}
    now[0] = 1000
    rate.ratio("/0")
    rate.ratio("/new")

    assert many == {OTHER, *(f"/{number}" for number in range(64))}
    assert {*rate.routes} == {"/0", "/new"}


@given(
    st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=1, max_size=65), st.floats(0, 1e5)
)
def test_weights_keep_the_total(arrivals, target):
    """
    Whatever comes, the weights are positive, keep the target in all, and no route is to keep more
    than comes.
    """
    found = weights(arrivals, target)
    arrivals = [max(rate, 1e-6) for rate in arrivals]
    total = sum(arrivals)

    assert all(weight > 0 for weight in found)
    if total > target >= 1e-6:
        kept = [w * rate * target / total for w, rate in zip(found, arrivals, strict=True)]
        assert sum(kept) == pytest.approx(target, rel=1e-6)
        assert all(k <= rate * 1.000001 for k, rate in zip(kept, arrivals, strict=True))
    else:
        assert found == [1.0] * len(found)


NAMES = {
    "a route": ({"http.route": "/orders/{id}", "url.path": "/orders/7"}, "/orders/{id}"),
    "a path": ({"url.path": "/orders/7"}, "/orders/{id}"),
    "neither": ({"messaging.destination.name": "orders"}, "process orders"),
}


@pytest.mark.parametrize("what", NAMES)
def test_the_route_of_a_trace(what):
    """
    A route, else the path without ids, else the name of the span.
    """
    attributes, expected = NAMES[what]

    assert Start("process orders", lambda: attributes, {}).route() == expected


def test_what_is_known_early():
    """
    A path that is known early is looked at alone: nothing is worked out for it.
    """
    assert Start("GET", None, {"url.path": "/orders/7"}).route() == "/orders/{id}"


def test_the_sampler_goes_by_route():
    """
    With a number of traces a second, the sampler gives each path its share, and looks at the
    attributes once.
    """
    sampler = make_eai_sampler(Config(sampling_adaptive_enabled=True, sampling_scope="process"))
    asked = []

    def attributes():
        asked.append(1)
        return {"url.path": "/orders/7"}

    _, _, later, _ = sampler.decide_root(1, "GET", SpanKind.SERVER, attributes)

    assert later() == {"url.path": "/orders/7"}
    assert asked == [1]
    assert [*sampler.deciders[-1].routes.routes] == ["/orders/{id}"]
