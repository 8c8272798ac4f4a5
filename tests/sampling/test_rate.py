"""So many traces a second, simulated with a clock of the test's own."""

from __future__ import annotations

import random

import pytest

from eai_autotrace.sampling.rate import Rate

TARGET = 10


def _run(load, seconds, *, target=TARGET, most=None, seed=1, **bounds):
    """Gives what was kept in each second, the sum of adjusted counts, and how many traces came."""
    chance, now, kept = random.Random(seed), [0.0], [0] * seconds
    rate = Rate(target, most, clock=lambda: now[0], **bounds)
    adjusted = came = 0.0
    while True:
        arrivals = load(now[0])
        now[0] += chance.expovariate(arrivals) if arrivals else 0.01
        if now[0] >= seconds:
            return kept, adjusted, came
        if not arrivals:
            continue
        came += 1
        ratio = rate.ratio()
        if chance.random() < ratio:
            rate.kept()
            kept[int(now[0])] += 1
            adjusted += 1 / ratio


LOADS = {
    "steady": (lambda _: 200, 400, 0),
    "a step": (lambda at: 20 if at < 40 else 2000, 160, 40),
    "bursts": (lambda at: 2000 if int(at / 5) % 2 else 20, 200, 0),
}


@pytest.mark.parametrize("most", [None, 20])
@pytest.mark.parametrize("name", LOADS)
def test_the_target_is_met(name, most):
    """
    The mean is within 5 %, no second is above 25, with a limit of 20 none above 21, and counts that
    are adjusted are right within what chance allows.
    """
    load, seconds, since = LOADS[name]

    kept, adjusted, came = _run(load, seconds, most=most)

    counted = kept[since:]
    assert sum(counted) / len(counted) == pytest.approx(TARGET, rel=0.05)
    assert max(kept) <= (25 if most is None else 21)
    assert adjusted / came == pytest.approx(1, abs=0.05)


def test_adjusted_counts_are_unbiased():
    """
    Over many runs the sum of adjusted counts is the true count within 3 %.
    """
    runs = [_run(lambda at: 300 if int(at) % 3 else 30, 30, most=20, seed=n) for n in range(30)]

    assert sum(run[1] for run in runs) / sum(run[2] for run in runs) == pytest.approx(1, abs=0.03)


def test_small_numbers():
    """
    Also with one trace a second, and a limit of two, counts are right within 10 %.
    """
    runs = [_run(lambda _: 3, 60, target=1, most=2, seed=n) for n in range(400)]

    assert sum(run[1] for run in runs) / sum(run[2] for run in runs) == pytest.approx(1, abs=0.1)
    assert sum(sum(run[0]) for run in runs) / 60 / 400 == pytest.approx(0.9, abs=0.1)
    assert max(max(run[0]) for run in runs) <= 4


def test_little_is_kept_whole():
    """
    Below the target nearly all is kept.
    """
    kept, _, came = _run(lambda _: 3, 300)

    assert sum(kept) / came > 0.95


def test_bounds():
    """
    The ratio stays within its bounds, whatever comes.
    """
    many, _, came = _run(lambda _: 2000, 20, least_ratio=0.05)
    few, _, of_few = _run(lambda _: 2, 300, largest_ratio=0.5)

    assert sum(many) / came == pytest.approx(0.05, rel=0.2)
    assert sum(few) / of_few == pytest.approx(0.5, rel=0.2)


def test_a_clock_that_goes_back():
    """
    A ratio is one, whatever the clock does, and a target of 0 keeps nothing.
    """
    times = iter([10.0, 10.0, 5.0, 5.0, 1e9, 1e9])
    rate = Rate(TARGET, clock=lambda: next(times))

    assert all(0 <= rate.ratio() <= 1 for _ in range(5))
    assert Rate(0).ratio() == Rate(0, 0).ratio() == 0
