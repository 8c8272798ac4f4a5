"""
What is measured. To add an operation, add a module here and name it below.

A module has ``OPERATIONS``. Libraries are imported inside of ``prepare``: the laboratory does not
have them, and a peer that starts by code has to come first.
"""

from __future__ import annotations

from benchmarks.operations import (
    aio_pika_message,
    asyncpg_query,
    fastapi_request,
    openai_call,
    start_up,
    uvicorn_request,
)

OPERATIONS = {
    operation.name: operation
    for module in (
        fastapi_request,
        asyncpg_query,
        aio_pika_message,
        openai_call,
        start_up,
        uvicorn_request,
    )
    for operation in module.OPERATIONS
}
