"""Has the SDK's own tests make lean providers and spans; loaded by `test_sdk_suite` in a process."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from opentelemetry.sdk import trace as sdk

from eai_autotrace.spans.provider import TracerProvider
from eai_autotrace.spans.span import Span

made = 0
failed = []


class Provider(TracerProvider):
    def __init__(self, *args, **kwargs):
        global made  # noqa: PLW0603
        made += 1
        super().__init__(*args, **kwargs)


def _replace():
    sdk.TracerProvider, sdk._Span = Provider, Span


@pytest.fixture(autouse=True)
def _lean():
    # Again for each test: some of the SDK's reload the module.
    _replace()


def pytest_runtest_logreport(report):
    if report.failed:
        failed.append(report.nodeid)


def pytest_sessionfinish(session):
    outcome = {"collected": session.testscollected, "made": made, "failed": failed}
    Path(os.environ["EAI_OUTCOME"]).write_text(json.dumps(outcome))


_replace()
