"""The examples of CONTRIBUTING.md run, and take as few of the core's names as it says."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import Mock

import pytest

from eai_autotrace import instrumentation
from eai_autotrace.instrumentation import Target

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
EXAMPLES = dict(re.findall(r"<!-- example: (\w+) -->\n```python\n(.*?)```", TEXT, re.DOTALL))
MOST_NAMES = {"client": 6, "stream": 10, "consumer": 11}

ACME = """
class Client:
    def search(self, index, text):
        return [index, text]
"""
ACME_HTTP = """
class Request:
    def __init__(self, method):
        self.method, self.headers = method, {}

class SyncBody:
    def __iter__(self):
        yield from (b"one", b"two")

class AsyncBody:
    pass

class Response:
    status = 200

    def __init__(self, request):
        self.body = SyncBody()
        self.request = request

class Client:
    def send(self, request):
        return Response(request)
"""
ACME_QUEUE = """
class Message:
    tag = 1

    def __init__(self, body, headers):
        self.body, self.headers = body, headers or {}

class Queue:
    name = "orders"

    async def publish(self, body, headers=None):
        return await self.callback(Message(body, headers))

    async def consume(self, callback):
        self.callback = callback

    async def ack(self, tag):
        pass
"""


@pytest.fixture
def activate(monkeypatch):
    """Runs an example for a library, and gives the library."""
    active = []

    def activate(example, library, source):
        module = ModuleType(library)
        exec(source, vars(module))
        monkeypatch.setitem(sys.modules, library, module)
        found = {"__name__": "eai_autotrace.instrumentors.acme"}
        exec(EXAMPLES[example], found)
        (kind,) = (
            value
            for value in found.values()
            if isinstance(value, type)
            and issubclass(value, instrumentation.Instrumentor)
            and value is not instrumentation.Instrumentor
        )
        kind.library = ""  # type: ignore[attr-defined]
        instrumentor = kind()
        instrumentor.instrument()
        active.append(instrumentor)
        return module

    yield activate
    for instrumentor in active:
        instrumentor.uninstrument()


def _span(name, kind, parent=None, **attributes):
    return {
        "name": name,
        "kind": kind,
        "parent": parent,
        "attributes": {key.replace("__", "."): value for key, value in attributes.items()},
        "status": "UNSET",
        "links": [],
    }


@pytest.mark.parametrize("example", MOST_NAMES)
def test_an_instrumentor_takes_few_concepts(example):
    """
    A client takes at most 6 of the core's names and 40 lines, a streaming one 10, a consumer 11; as
    many as the text says.
    """
    names = {
        alias.name
        for node in ast.walk(ast.parse(EXAMPLES[example]))
        if isinstance(node, ast.ImportFrom) and node.module == "eai_autotrace.instrumentation"
        for alias in node.names
    }
    before = TEXT[: TEXT.index(f"<!-- example: {example} -->")]
    told, count = re.findall(r"core's names in it: (.*) \((\d+)\)\.", before)[-1]

    assert names == set(re.findall(r"`(\w+)`", told))
    assert len(names) == int(count) <= MOST_NAMES[example]
    assert example != "client" or EXAMPLES[example].count("\n") <= 40


def test_the_client(activate, spans, metrics):
    """
    The example of a client gives a span and a metric for each call, and changes no result.
    """
    acme = activate("client", "acme", ACME)

    assert acme.Client().search("books", "a secret") == ["books", "a secret"]

    assert spans() == [
        _span(
            "search books",
            "CLIENT",
            db__system__name="acme",
            db__collection__name="books",
            db__response__returned_rows=2,
        )
    ]
    (point,) = metrics()
    assert (point["count"], point["attributes"]) == (1, {"db.collection.name": "books"})


def test_the_streaming_client(activate, spans):
    """
    The example of a streaming client gives a span that ends with the body, and sends its context.
    """
    acme = activate("stream", "acme_http", ACME_HTTP)
    response = acme.Client().send(acme.Request("GET"))

    assert spans() == []
    assert (list(response.body), list(response.request.headers)) == (
        [b"one", b"two"],
        ["traceparent"],
    )
    assert spans() == [
        _span("GET", "CLIENT", http__request__method="GET", http__response__status_code=200)
    ]


async def test_the_consumer(activate, spans, metrics):
    """
    The example of a consumer gives producer and consumer one trace, and tells the settlement.
    """
    acme = activate("consumer", "acme_queue", ACME_QUEUE)
    queue = acme.Queue()

    async def handle(message):
        await queue.ack(message.tag)
        return message.body

    await queue.consume(handle)
    assert await queue.publish("body") == "body"

    destination = {"messaging__destination__name": "orders"}
    assert spans() == [
        _span("publish orders", "PRODUCER", **destination),
        _span(
            "process orders",
            "CONSUMER",
            "publish orders",
            **destination,
            eai__messaging__settlement="ack",
        ),
    ]
    assert [point["name"] for point in metrics()] == ["messaging.process.duration"]


def test_every_shape_is_shown():
    """
    CONTRIBUTING.md shows every shape that the core has, made as it says.
    """
    names = dict.fromkeys(
        re.findall(r"\b[a-z_]+\b", EXAMPLES["shapes"]), Mock(side_effect=AssertionError)
    )
    found = {**names, "__name__": "shapes"}
    exec(EXAMPLES["shapes"], found)

    shown = {type(value) for value in found.values() if isinstance(value, Target)}
    shapes = {
        shape
        for shape in vars(instrumentation).values()
        if isinstance(shape, type) and issubclass(shape, Target) and shape is not Target
    }
    assert shown == shapes
    assert SimpleNamespace(**found).call.describe is names["describe"]
