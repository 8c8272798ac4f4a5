"""The applications of `served`, which start tracing by themselves, in the way and at the moment named."""

from __future__ import annotations

import os

HOW = os.environ["START"]


def start():
    if HOW.startswith("sitecustomize"):
        from opentelemetry.instrumentation.auto_instrumentation import (
            sitecustomize,  # noqa: F401
        )
    else:
        from opentelemetry.instrumentation.auto_instrumentation import (
            initialize,
        )

        initialize()
        if HOW == "initialize twice":
            initialize()


if not HOW.endswith("late") and HOW != "post_fork":
    start()

from fastapi import FastAPI  # noqa: E402

from served import asgi as plain_asgi  # noqa: E402
from served import wsgi as plain_wsgi  # noqa: E402

if HOW.endswith("late"):
    start()

asgi = plain_asgi
wsgi = plain_wsgi
fast = FastAPI()


@fast.get("/{number}")
async def get(number: int):
    return os.getpid()


print("app imported", os.getpid(), flush=True)
