"""A plugin of pytest: a RabbitMQ that runs already, for suites that would start a container."""

from __future__ import annotations

import os
import sys
from types import ModuleType, SimpleNamespace

import pytest
from yarl import URL

BROKER = URL(os.environ["AMQP_URL"])
# Without TLS: the tests that want it are left out by tests/suites.toml.
CONTAINER = SimpleNamespace(id="", host=BROKER.host, ports={"5672/tcp": BROKER.port, "5671/tcp": 1})


class DockerClient:
    """As much as aio-pika's tests ask of theirs."""

    def __init__(self, _: object) -> None:
        """There is no host."""

    def run(self, *_: object, **__: object) -> SimpleNamespace:
        """The broker."""
        return CONTAINER

    def kill(self, _: str) -> None:
        """It is not the suite's to end."""

    remove = kill


@pytest.fixture(scope="session")
def rabbitmq_container() -> SimpleNamespace:
    """What aiormq's tests ask for; aio-pika's have one of their own, made by the client above."""
    return CONTAINER


@pytest.fixture
def amqp_direct_url() -> URL:
    """The broker's URL."""
    return BROKER


_client = ModuleType("tests.docker_client")
vars(_client).update(
    ContainerInfo=SimpleNamespace,
    DockerClient=DockerClient,
    DockerHostInfo=SimpleNamespace,
    DockerNotAvailableError=LookupError,
    check_docker_available=lambda: None,
)
sys.modules["tests.docker_client"] = _client
