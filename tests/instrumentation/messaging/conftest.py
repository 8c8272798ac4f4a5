"""The small library, with exchanges, channels and their messages."""

from __future__ import annotations

import pytest

SOURCE = '''

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
'''


@pytest.fixture
def source(source):
    """The source of the small library, with a broker's parts in it."""
    return source + SOURCE
