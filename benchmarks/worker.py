"""
A measured process: does an operation when it is told to, and says what CPU time it has used.

Usage: ``python -m benchmarks.worker PEER OPERATION PORT SERVICES``, where PORT is the laboratory's.
It connects there and answers each line with a line, both JSON:

- ``["run", count]``: do the operation so many times and flush
- ``["usage"]``: CPU seconds of all threads since that began, and bytes of memory
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.model import Job, Peer, Services
from benchmarks.operations import OPERATIONS
from benchmarks.peers import PEERS


class Worker:
    """Answers the laboratory's lines."""

    def __init__(self, peer: Peer, job: Job) -> None:
        self._peer = peer
        self._job = job
        self._start = 0.0

    async def run(self, count: int) -> dict[str, float]:
        """One round. Nothing of earlier rounds is left to be collected in it."""
        if self._job.before:
            await self._job.before(count)
        gc.collect()
        self._start = time.process_time()
        await self._job.run(count)
        self._peer.flush()
        return {}

    async def usage(self) -> dict[str, float]:
        """What the round has cost by now, and how big the process is."""
        return {"cpu": time.process_time() - self._start, "memory": _memory()}


def _memory() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


async def serve(peer: Peer, operation: str, port: int, services: Services) -> None:
    """Make an operation ready and answer lines until the connection ends."""
    prepare = OPERATIONS[operation].prepare
    if prepare is None:
        raise ValueError(f"{operation} is not measured in a process of its own")
    async with prepare(peer, services) as job:
        worker = Worker(peer, job)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while line := await reader.readline():
            name, *arguments = json.loads(line)
            answer: dict[str, Any] = await getattr(worker, name)(*arguments)
            writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()


def main() -> None:
    """Start tracing, then everything else."""
    peer, operation, port, services = sys.argv[1:]
    PEERS[peer].start()
    asyncio.run(serve(PEERS[peer], operation, int(port), Services(**json.loads(services))))


if __name__ == "__main__":
    main()
