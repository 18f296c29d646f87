"""Run a mock: in a thread of this process, or alone until interrupted."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from refund_conformance.errors import UsageError
from refund_conformance.mock.announcement import announcement, target_toml
from refund_conformance.mock.app import Mock, build
from refund_conformance.mock.settings import MockSettings

_START_SECONDS = 30.0
_STOP_SECONDS = 10
_BACKLOG = 2048


class RunningMock:
    """A mock that answers at ``base_url`` until it is stopped."""

    def __init__(self, mock: Mock, listener: socket.socket) -> None:
        self.mock = mock
        self.base_url = _url(listener)
        self._server = _server(mock)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="mock", daemon=True
        )

    def start(self) -> None:
        """Start, and return when requests are answered."""
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the mock did not start")
            time.sleep(0.002)

    def stop(self) -> None:
        """Finish what is being answered, and stop."""
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS + 5)
        self.mock.close()

    def target_toml(self) -> str:
        """Return complete target settings for this mock, with tokens that work."""
        return target_toml(self.mock, self.base_url)


@contextmanager
def running(settings: MockSettings | None = None) -> Iterator[RunningMock]:
    """Run a mock in a thread of this process, on a free loopback port unless the settings say otherwise."""
    settings = settings or MockSettings()
    mock = build(settings)
    server = RunningMock(mock, _listener(settings))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def serve(settings: MockSettings, say: Callable[[str], None] = print) -> int:
    """Run a mock until interrupted, after saying how to reach it; return the exit status."""
    mock = build(settings)
    listener = _listener(settings)
    say(announcement(mock, _url(listener)))
    try:
        _server(mock).run(sockets=[listener])
    except KeyboardInterrupt:
        return 130
    finally:
        mock.close()
    return 0


def _server(mock: Mock) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            mock.app,
            http="httptools",
            ws="none",
            loop="asyncio",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            log_level="critical",
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
    )


def _listener(settings: MockSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off for what it accepts.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except (OSError, OverflowError) as problem:
        listener.close()
        raise UsageError(
            f"{settings.host}:{settings.port}", f"cannot be listened on ({problem})", "Choose another with --port."
        ) from None
    # Requests that come before the server's loop runs wait in the queue instead of being refused.
    listener.listen(_BACKLOG)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
