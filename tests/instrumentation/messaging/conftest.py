"""A small messaging library in the process: exchanges, queues, channels and their messages."""

from __future__ import annotations

import itertools
import sys
from textwrap import dedent

import pytest

_NUMBERS = itertools.count()

SOURCE = '''
import asyncio


class Empty(Exception):
    """There is no message."""


class Message:
    def __init__(self, channel, tag, body, headers=None):
        self.channel, self.tag, self.body, self.headers = channel, tag, body, headers or {}

    def process(self):
        return Processing(self)


class Channel:
    name = "orders"

    def __init__(self):
        self.sent = []

    async def basic_publish(self, body, headers=None):
        if body == "refused":
            raise ConnectionError("secret")
        self.sent.append((body, headers))
        return "confirmed"

    async def basic_ack(self, tag, multiple=False):
        await asyncio.sleep(0)

    async def get(self, *, fail=True):
        await asyncio.sleep(0)
        if not self.sent:
            if fail:
                raise Empty
            return None
        return Message(self, 1, *self.sent.pop(0))


class Exchange:
    def __init__(self, channel):
        self.channel = channel

    async def publish(self, body, headers=None):
        return await self.channel.basic_publish(body, headers)

    async def publish_twice(self, body):
        for _ in range(2):
            await self.channel.basic_publish(body)

    async def publish_soon(self, body):
        async def later():
            await asyncio.sleep(0.01)
            return await self.channel.basic_publish(body)

        return asyncio.create_task(later())


class Processing:
    def __init__(self, message):
        self.message = message

    async def __aenter__(self):
        return self.message

    async def __aexit__(self, kind, error, traceback):
        await self.message.channel.basic_ack(self.message.tag)


class Messages:
    def __init__(self, *messages):
        self.messages = list(messages)

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.sleep(0)
        if not self.messages:
            raise StopAsyncIteration
        return self.messages.pop(0)

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, traceback):
        return None

    async def close(self):
        return "closed"


class Client:
    async def subscribe(self, callback):
        self.callback = callback

    async def deliver(self, message):
        result = self.callback(message)
        return await result if hasattr(result, "__await__") else result
'''


@pytest.fixture
def library_name(tmp_path, monkeypatch):
    """The name of the library, which is not imported yet."""
    name = f"toy_messaging_{next(_NUMBERS)}"
    (tmp_path / f"{name}.py").write_text(dedent(SOURCE))
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)
