"""Server-sent events, in any pieces, with any line ends."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as some

from eai_autotrace.instrumentors._llm import sse as events
from eai_autotrace.instrumentors._llm.sse import Event, Splitter, TooLongError

ENDS = ["\n", "\r\n", "\r"]


def _all(pieces):
    splitter = Splitter()
    whole = b"".join(splitter.feed(piece) for piece in pieces)
    return [(e.name, e.data) for e in events.events(whole + splitter.held)]


@given(
    told=some.lists(some.tuples(some.text("ab", max_size=3), some.text("x:{} ", min_size=1))),
    end=some.sampled_from(ENDS),
    cuts=some.lists(some.integers(0, 60)),
)
def test_pieces_make_no_difference(told, end, cuts):
    """
    However a stream is cut into pieces, the same events come of it.
    """
    lines = [f"event: {name}{end}data: {data}{end}{end}" for name, data in told]
    stream = "".join(lines).encode()
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]

    assert _all(pieces) == [(name, data.encode()) for name, data in told]


@pytest.mark.parametrize("end", ENDS)
def test_whole_events_are_handed_on_at_once(end):
    """
    What is whole is not held back; what is not, is.
    """
    splitter = Splitter()
    one, half = f"data: 1{end}{end}".encode(), b"data: 2"

    given = splitter.feed(one + half)

    assert (given, splitter.held) == (one, half)


def test_fields():
    """
    Several lines of data are one text; comments and other fields are left out; blanks after a name
    are taken off once.
    """
    stream = b": hello\nid: 1\nevent: e\ndata:  a\ndata:b\nretry: 5\n\n"

    assert list(events.events(stream)) == [Event("e", b" a\nb", stream)]


def test_an_event_without_an_end_is_not_held_forever(monkeypatch):
    """
    What is no event stream at all is given up.
    """
    monkeypatch.setattr(events, "MOST_HELD", 100)

    with pytest.raises(TooLongError):
        Splitter().feed(b"x" * 101)
