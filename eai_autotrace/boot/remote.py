"""
Jaeger's remote samplers, made from the settings, and the request for a strategy.

urllib3 is imported on the thread that looks for the strategy. Redirects are not followed, and
connections are not kept: a minute passes between two requests.
"""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from opentelemetry.instrumentation.utils import suppress_instrumentation

from eai_autotrace import __version__
from eai_autotrace.config.parse import redacted
from eai_autotrace.config.process import configuration
from eai_autotrace.config.remote import REMOTE_FORM, RemoteSetting, read_remote
from eai_autotrace.export.otlp.exporter import without_userinfo
from eai_autotrace.export.otlp.pool import load, new_pool
from eai_autotrace.sampling.poll import UnreachableError
from eai_autotrace.sampling.remote import RemoteSampler, RemoteSpanSampler

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.sampling import Sampler

    from eai_autotrace.config import Config

REMOTE: Final = "jaeger_remote"
PARENTBASED_REMOTE: Final = "parentbased_jaeger_remote"

# Seconds, and bytes of a response.
_TIMEOUT: Final = 10.0
_MOST_READ: Final = 1024 * 1024
_OK: Final = 200

_logger = logging.getLogger("eai_autotrace")


def jaeger_remote(argument: str | None = None) -> Sampler:
    """The sampler of this process for ``OTEL_TRACES_SAMPLER=jaeger_remote``."""
    return make_remote_sampler(REMOTE, argument, configuration())


def parentbased_jaeger_remote(argument: str | None = None) -> Sampler:
    """The sampler of this process for ``OTEL_TRACES_SAMPLER=parentbased_jaeger_remote``."""
    return make_remote_sampler(PARENTBASED_REMOTE, argument, configuration())


def make_remote_sampler(name: str, argument: str | None, config: Config) -> Sampler:
    """
    A remote sampler under some settings.

    Args:
        name: `REMOTE` or `PARENTBASED_REMOTE`.
        argument: That of the sampler.
        config: The settings.
    """
    setting = RemoteSetting()
    try:
        setting = read_remote(argument or "")
    except ValueError as wrong:
        text = "OTEL_TRACES_SAMPLER_ARG: %s, expected the form %s; the defaults are used"
        _logger.warning(text, wrong, REMOTE_FORM)
    remote = RemoteSampler(
        StrategyRequest(setting.endpoint, config.service_name or "unknown_service").fetch,
        interval=setting.interval,
        initial_ratio=setting.initial_ratio,
    )
    return RemoteSpanSampler(remote) if name == REMOTE else remote


class StrategyRequest:
    """
    The request for a service's strategy.

    Args:
        endpoint: The URL.
        service: The service's name.
    """

    def __init__(self, endpoint: str, service: str) -> None:
        url, authorization = without_userinfo(endpoint)
        self._address = redacted(url.partition("?")[0])
        self._url = f"{url}{'&' if '?' in url else '?'}service={quote(service, safe='')}"
        self._headers = {"user-agent": f"eai-autotrace/{__version__}", **authorization}

    def fetch(self) -> bytes:
        """
        The body of the response.

        Raises:
            UnreachableError: There is none.
        """
        load()
        from urllib3 import exceptions  # noqa: PLC0415 - see above

        try:
            with suppress_instrumentation(), new_pool(self._url) as connections:
                return self._get(connections)
        except exceptions.NewConnectionError as failure:
            reason = f"{self._address} cannot be connected to"
            raise UnreachableError(reason) from failure
        except exceptions.TimeoutError as failure:
            reason = f"{self._address} gave no answer in {_TIMEOUT:g} s"
            raise UnreachableError(reason) from failure
        except (exceptions.HTTPError, OSError, ValueError) as failure:
            # Its text may quote a header.
            raise UnreachableError(f"{self._address}: {type(failure).__name__}") from failure

    def _get(self, connections: Any) -> bytes:
        from urllib3 import Timeout  # noqa: PLC0415 - see above

        response = connections.request(
            "GET",
            self._url,
            headers=self._headers,
            timeout=Timeout(total=_TIMEOUT),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        with closing(response):
            if response.status != _OK:
                raise UnreachableError(f"{self._address} answers {response.status}")
            body: bytes = response.read(_MOST_READ + 1, decode_content=False)
        if len(body) > _MOST_READ:
            raise UnreachableError(f"{self._address} answers with more than {_MOST_READ} bytes")
        return body
