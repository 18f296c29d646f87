"""Run a mock: in a thread of this process, or alone until interrupted."""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from refund_conformance.mock.app import application
from refund_conformance.mock.banner import announcement, target_toml, warning
from refund_conformance.mock.factory import Mock, build
from refund_conformance.mock.listening import STOP_SECONDS, listen, serve_on, url_of, uvicorn_server
from refund_conformance.mock.request_log import log_to
from refund_conformance.mock.settings import MockSettings
from refund_conformance.mock.workers import serve_in_workers

_START_SECONDS = 30.0


class RunningMock:
    """A mock that answers at ``base_url`` until it is stopped."""

    def __init__(self, mock: Mock, listener: socket.socket) -> None:
        self.mock = mock
        self.base_url = url_of(listener)
        self._server = uvicorn_server(application(mock), mock.settings, "asyncio")
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
        self._thread.join(STOP_SECONDS + 5)
        self.mock.close()

    def target_toml(self) -> str:
        """Return complete target settings for this mock, with tokens that work."""
        return target_toml(self.mock, self.base_url)


@contextmanager
def running(settings: MockSettings | None = None) -> Iterator[RunningMock]:
    """Run a mock in a thread of this process, on a free loopback port unless the settings say otherwise."""
    settings = (settings or MockSettings()).guarded()
    mock = build(settings)
    server = RunningMock(mock, listen(settings))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def serve(settings: MockSettings, say: Callable[[str], None] = print) -> int:
    """Run a mock until interrupted, after saying how to reach it; return the exit status.

    The first interrupt or SIGTERM lets it finish what it is answering.
    """
    settings = settings.guarded()
    mock = build(settings)
    listener = listen(settings)
    if settings.log:
        log_to()
    if warned := warning(settings):
        sys.stderr.write(f"{warned}\n")
    try:
        announced = announcement(mock, url_of(listener))
        if settings.workers > 1:
            serve_in_workers(settings, listener, lambda: say(announced))
        else:
            say(announced)
            serve_on(listener, application(mock), settings)
    except KeyboardInterrupt:
        return 130
    finally:
        mock.close()
    return 0
