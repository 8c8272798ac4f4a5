"""Programs that help a measured process, in processes of their own, which nobody traces."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@asynccontextmanager
async def helper(script: str, *arguments: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """
    Run a script of this folder; gives what has it do its work so many times.

    It reads numbers, one on a line, and answers each with a line that begins with ``done``. Python starts without the
    environment's variables (``-I``), and so without a tracer.

    Raises:
        RuntimeError: It answers anything else, or has ended.
    """
    command = [sys.executable, "-I", str(Path(__file__).with_name(script)), *arguments]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    questions, answers = process.stdin, process.stdout
    if questions is None or answers is None:
        raise RuntimeError("no pipes")

    async def work(count: int) -> None:
        questions.write(b"%d\n" % count)
        if not (await answers.readline()).startswith(b"done"):
            raise RuntimeError(f"{script} has failed")

    yield work
    process.terminate()
    await process.wait()
