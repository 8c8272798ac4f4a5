"""Operations of a library that are under way when the process ends in the way named."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
import types

from eai_autotrace.instrumentation import Call, Instrumentor, Operation

library = types.ModuleType("toy")
sys.modules["toy"] = library
exec(
    """
import time
def items():
    yield 1
    yield 2
def slow():
    time.sleep(60)
class Client:
    async def wait(self):
        import asyncio
        await asyncio.sleep(60)
""",
    vars(library),
)


class Toy(Instrumentor):
    """Traces the library."""

    library = "pytest >= 1"
    targets = (
        Call("toy", "items", lambda: Operation("items")),
        Call("toy", "slow", lambda: Operation("slow")),
        Call("toy", "Client.wait", lambda _: Operation("wait")),
    )


Toy().instrument()


def left_generator():
    kept.append(library.items())
    next(kept[0])


def waiting_thread():
    threading.Thread(target=library.slow, daemon=True).start()
    time.sleep(0.1)


def stopped_loop():
    """Its task is never finished nor cancelled: nobody runs the loop any more."""
    loop = asyncio.new_event_loop()
    kept.extend([loop, loop.create_task(library.Client().wait())])
    loop.run_until_complete(asyncio.sleep(0.01))


kept = []
how = sys.argv[1]
left_generator()
waiting_thread()
stopped_loop()
if how == "exit":
    sys.exit(3)
elif how == "exception":
    raise ValueError
elif how == "sigterm":
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
elif how == "exec":
    os.execv(sys.executable, [sys.executable, "-c", ""])
elif how == "fork":
    if os.fork() == 0:
        kept.append(library.items())
        next(kept[-1])
        os._exit(0)
    os.wait()
