"""The small library, with a broker of its own."""

from __future__ import annotations

import pytest

SOURCE = '''

class Channel:
    """Sends messages, and settles those that came on it."""

    def __init__(self):
        self.sent = []
        self.settlements = []

    async def send(self, body, properties=None):
        await asyncio.sleep(0)
        if body == "refused":
            raise ConnectionError("secret")
        if body == "forever":
            await asyncio.sleep(3600)
        self.sent.append((body, properties))
        return f"confirmed {body}"

    def settle(self, tag, how, *, multiple=False):
        self.settlements.append((tag, how))


class Exchange:
    """What applications send with."""

    def __init__(self, channel):
        self.channel = channel

    async def publish(self, body, properties=None, *, copies=1):
        for _ in range(copies):
            result = await self.channel.send(body, properties)
        return result

    async def publish_soon(self, body):
        async def later():
            await asyncio.sleep(0.01)
            return await self.channel.send(body)

        return asyncio.create_task(later())


class Empty(Exception):
    pass


class Message:
    def __init__(self, channel, body, tag=1):
        self.channel = channel
        self.body = body
        self.tag = tag

    def settle(self, how):
        self.channel.settle(self.tag, how)

    def process(self, *, ignore=()):
        return ProcessContext(self, ignore)


class ProcessContext:
    """Accepts a message at the end of a block, or rejects it."""

    def __init__(self, message, ignore):
        self.message = message
        self.ignore = ignore

    async def __aenter__(self):
        await asyncio.sleep(0)
        return self.message

    async def __aexit__(self, kind, error, traceback):
        await asyncio.sleep(0)
        if self.message.body == "lost":
            raise ConnectionError("secret")
        self.message.settle("ack" if error is None else "reject")
        return isinstance(error, self.ignore)


class Queue:
    def __init__(self, channel, *messages):
        self.channel = channel
        self.messages = list(messages)

    async def get(self, *, fail=True):
        await asyncio.sleep(0)
        if not self.messages:
            if fail:
                raise Empty
            return None
        found = self.messages.pop(0)
        if isinstance(found, Exception):
            raise found
        if found == "forever":
            await asyncio.sleep(3600)
        return Message(self.channel, found)
'''


@pytest.fixture
def library_name(library_name, tmp_path):
    """The name of the library, which has the broker besides."""
    with (tmp_path / f"{library_name}.py").open("a") as file:
        file.write(SOURCE)
    return library_name
