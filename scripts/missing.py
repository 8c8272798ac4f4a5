"""Prints the Debian packages of the servers that are not installed; ``--explain`` says it."""
# ruff: noqa: INP001 - a script, no module

from __future__ import annotations

import os
import shutil
import sys

from eai_autotrace._testing import postgresql, rabbitmq


def _prometheus() -> None:
    """Prometheus scrapes programs in the tests, and checks what it is answered."""
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        raise RuntimeError("Prometheus is missing: install the Debian package prometheus")


_SERVERS = (
    ("EAI_TEST_POSTGRES_DSN", postgresql.binaries, "postgresql"),
    ("EAI_TEST_AMQP_URL", rabbitmq.programs, "rabbitmq-server"),
    ("EAI_TEST_NO_PROMETHEUS", _prometheus, "prometheus"),
)

for variable, find, package in _SERVERS:
    if not os.environ.get(variable):
        try:
            find()
        except RuntimeError as error:
            sys.stdout.write(f"{error if '--explain' in sys.argv else package}\n")
