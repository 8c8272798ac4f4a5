"""A private RabbitMQ node, with a name daemon of its own; it can be restarted in place."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from eai_autotrace._testing.process import HOST, Program, clean_environment, free_port

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

# The packages' own scripts first: Debian's wrapper in PATH changes the user and the log folder.
_SCRIPTS: Final = ("/usr/lib/rabbitmq/bin/rabbitmq-server",)
_ERLANG: Final = ("/usr/lib/erlang/bin/epmd", "/usr/lib64/erlang/bin/epmd")
_READY: Final = "Server startup complete"
_CONFIG: Final = """\
listeners.tcp.default = {host}:{port}
loopback_users.guest = true
log.console = true
log.console.level = info
log.file = false
"""


class RabbitMQ:
    """
    A node on a free port, for as long as the ``with`` statement lasts.

    ``stop``, ``start`` and ``restart`` keep the port and the data, as an outage does.

    Attributes:
        port: Where it listens on the loopback interface.
        url: Its AMQP address.

    Raises:
        RuntimeError: RabbitMQ is not installed, or does not start.
    """

    def __init__(self) -> None:
        self._server, self._epmd = programs()
        self.port = free_port()
        self.url = f"amqp://guest:guest@{HOST}:{self.port}/"
        self._names_port = free_port()
        self._distribution_port = free_port()
        self._cleanup = ExitStack()
        self._node: Program | None = None

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="eai-rabbitmq-"))
        self._cleanup.callback(shutil.rmtree, self._folder, ignore_errors=True)
        try:
            self._environment = self._settings()
            self._start_names()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cleanup.callback(self.stop)  # entered last, so it goes before its name daemon
        self._cleanup.close()

    def start(self) -> None:
        """
        Start the node and wait until it takes connections; does nothing when it runs.

        Raises:
            RuntimeError: It ended at once; its last lines are in the message.
            TimeoutError: It is not ready after a minute.
        """
        if self._node is None:
            self._node = self._run(self._server)
            self._node.wait_for_line(_READY, timeout=60)

    def stop(self) -> None:
        """Stop the node: clients lose their connections, durable queues and messages stay."""
        if self._node is not None:
            self._node.stop(timeout=30)
            self._node = None

    def restart(self) -> None:
        """Stop the node and start it again."""
        self.stop()
        self.start()

    def _start_names(self) -> None:
        """Erlang starts a lasting one by itself, on all interfaces, if there is none."""
        names = self._run(self._epmd, "-address", HOST, "-port", str(self._names_port))
        self._cleanup.callback(names.stop)
        names.wait_for_port(self._names_port)

    def _run(self, program: str, *arguments: str) -> Program:
        command = [program, *arguments]
        return Program(command, environment=self._environment, folder=self._folder)

    def _settings(self) -> dict[str, str]:
        folder = self._folder
        config = folder / "rabbitmq.conf"
        config.write_text(_CONFIG.format(host=HOST, port=self.port), encoding="utf-8")
        plugins = folder / "enabled_plugins"
        plugins.write_text("[].\n", encoding="utf-8")
        return clean_environment(
            HOME=str(folder),  # the cookie is here
            RABBITMQ_NODENAME=f"eai{self.port}@localhost",
            RABBITMQ_DIST_PORT=str(self._distribution_port),
            RABBITMQ_MNESIA_BASE=str(folder / "data"),
            RABBITMQ_LOG_BASE=str(folder / "log"),
            RABBITMQ_CONFIG_FILE=str(config),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(plugins),
            RABBITMQ_PID_FILE=str(folder / "pid"),
            RABBITMQ_CONF_ENV_FILE="/dev/null",
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=(
                "+S 2:2 -kernel inet_dist_use_interface {127,0,0,1}"
            ),
            RUNNING_UNDER_SYSTEMD="1",  # its script becomes the node, so that one pid is enough
            ERL_EPMD_PORT=str(self._names_port),
            ERL_EPMD_ADDRESS=HOST,
        )


def programs() -> tuple[str, str]:
    """
    The server's start script and Erlang's name daemon.

    Raises:
        RuntimeError: One of them is not installed.
    """
    server, epmd = _first("rabbitmq-server", _SCRIPTS), _first("epmd", _ERLANG)
    if server is None or epmd is None:
        raise RuntimeError(
            "RabbitMQ is not installed: run 'apt-get install rabbitmq-server' as root, or set "
            "EAI_TEST_AMQP_URL to a server of your own"
        )
    return server, epmd


def _first(name: str, places: tuple[str, ...]) -> str | None:
    return next((place for place in places if Path(place).is_file()), None) or shutil.which(name)
