"""Operations that take several calls."""

from __future__ import annotations

import asyncio
import gc

import pytest

from eai_autotrace.instrumentation import (
    Call,
    CallPart,
    MultiCall,
    Operation,
    OwnerEnd,
)
from eai_autotrace.patching.guard import reporter

KEPT = {}


@pytest.fixture(autouse=True)
def _empty():
    KEPT.clear()
    yield
    KEPT.clear()


def _describe(_client, key, **_):
    return Operation(f"toy {key}")


def _part(path="Client.fetch", describe=_describe, **more):
    def take(whole, _client, result):
        whole.parts += 1
        whole.items += len(result)
        return result == "last"

    return lambda module: CallPart(module, path, describe, lambda _: KEPT, take, **more)


def _seen(spans):
    return [
        (span["name"], span["status"], span["attributes"].get("eai.outcome")) for span in spans()
    ]


@pytest.mark.parametrize("method", ["fetch", "checked"])
async def test_parts_are_one_span(instrument, library, spans, method):
    """
    The first part begins the span and the last one ends it; then the next begins another.
    """
    instrument(_part(f"Client.{method}"))
    client = library.Client()
    call = getattr(client, method)

    results = [await call(key) for key in ("first", "second")]
    before = _seen(spans)
    results += [await call(key) for key in ("last", "again", "last")]

    assert results == ["first", "second", "last", "again", "last"]
    assert before == []
    assert _seen(spans) == [("toy first", "UNSET", None), ("toy again", "UNSET", None)]
    assert KEPT == {}


async def test_a_failing_part_ends_the_span(instrument, library, spans):
    """
    An exception of a part passes unchanged, and ends the whole.
    """
    instrument(_part())
    client = library.Client()
    await client.fetch("first")

    with pytest.raises(KeyError) as raised:
        await client.fetch("missing")

    assert raised.value.args == ("secret key",)
    assert _seen(spans) == [("toy first", "ERROR", None)]
    assert KEPT == {}


async def test_a_cancelled_part(instrument, library, spans):
    """
    Cancelling a part is the outcome of the whole.
    """
    instrument(_part())
    task = asyncio.create_task(library.Client().fetch("forever"))
    await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert _seen(spans) == [("toy forever", "UNSET", "cancelled")]


async def test_what_is_no_first_part_begins_nothing(instrument, library, spans):
    """
    A part that describes nothing only goes on with what has begun.
    """
    instrument(_part(describe=lambda *_, **__: None))

    result = await library.Client().fetch("last")

    assert (result, spans(), KEPT) == ("last", [], {})


async def test_an_owner_that_goes(instrument, library, spans):
    """
    An operation ends with its owner, and with the store it is kept in.
    """
    library.Client.__del__ = lambda _: None
    instrument(_part(), lambda module: OwnerEnd(module, "Client.__del__", lambda _: KEPT))
    one, two = library.Client(), library.Client()
    await one.fetch("one")
    await two.fetch("two")

    del one
    gc.collect()
    of_owner = _seen(spans)
    KEPT.clear()
    gc.collect()

    assert of_owner == [("toy one", "UNSET", "abandoned")]
    assert _seen(spans)[1:] == [("toy two", "UNSET", "abandoned")]


async def test_a_current_whole(instrument, library, spans):
    """
    A whole that is current is the parent between its parts, in its task, and not after its end.
    """
    instrument(
        _part(is_current=True),
        lambda module: Call(module, "Client.get", _describe),
    )
    client = library.Client()

    await client.fetch("first")
    client.get("inside")
    await client.fetch("last")
    client.get("outside")

    assert [(span["name"], span["parent"]) for span in spans()] == [
        ("toy first", None),
        ("toy inside", "toy first"),
        ("toy outside", None),
    ]


async def test_an_own_class_tells_what_it_has_learnt(instrument, library, spans):
    """
    The operation's class gives the attributes of its end.
    """

    class Counted(MultiCall):
        def learnt(self):
            return {"eai.calls": self.parts, "eai.items": self.items}

    instrument(_part(operation_class=Counted))
    client = library.Client()

    await client.fetch("one")
    await client.fetch("last")

    assert [span["attributes"] for span in spans()] == [{"eai.calls": 2, "eai.items": 7}]


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("broken", ["describe", "kept", "take"])
async def test_our_failure_in_a_part_is_invisible(instrument, library, broken):
    """
    Whatever of ours raises, the call's result is its own.
    """

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    functions = {"describe": _describe, "kept": lambda _: KEPT, "take": lambda *_: True}
    functions[broken] = raising
    instrument(lambda module: CallPart(module, "Client.fetch", **functions))

    result = await library.Client().fetch("last")

    assert result == "last"
    assert sum(reporter.failures.values()) == 1
