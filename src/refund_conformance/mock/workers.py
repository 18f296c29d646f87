"""Several processes that serve one mock on one socket, and the process that looks after them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType

from refund_conformance.mock.app import application
from refund_conformance.mock.factory import build
from refund_conformance.mock.listening import STOP_SECONDS, serve_on
from refund_conformance.mock.request_log import log_to
from refund_conformance.mock.settings import MockSettings

_VARIABLE = "REFUND_CONFORMANCE_MOCK_SETTINGS"
_LOOK_SECONDS = 0.2
_MOST_RESTARTS = 20


def serve_in_workers(settings: MockSettings, listener: socket.socket) -> None:
    """Serve in as many processes as the settings say, until SIGINT or SIGTERM.

    A process that dies is replaced, up to a limit: what dies at once again would else go on for ever.
    """
    with _until_signalled() as stopped:
        workers = [_start(settings, listener) for _ in range(settings.workers)]
        restarts = 0
        while not stopped.wait(_LOOK_SECONDS) and restarts < _MOST_RESTARTS:
            for place, worker in enumerate(workers):
                if worker.poll() is not None and not stopped.is_set():
                    workers[place] = _start(settings, listener)
                    restarts += 1
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(STOP_SECONDS + 5)


def serve_as_worker(descriptor: int) -> None:
    """Serve on a socket that another process listens on, with the settings that it has left."""
    read = json.loads(os.environ[_VARIABLE])
    settings = MockSettings(**{**read, "faults": tuple(read["faults"]), "variants": tuple(read["variants"])})
    if settings.log:
        log_to()
    mock = build(settings)
    try:
        serve_on(socket.socket(fileno=descriptor), application(mock), settings)
    except KeyboardInterrupt:
        pass
    finally:
        mock.close()


def _start(settings: MockSettings, listener: socket.socket) -> subprocess.Popen[bytes]:
    descriptor = listener.fileno()
    # The command is our own, and the settings go by the environment because a database URL has a password.
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "refund_conformance.mock.workers", str(descriptor)],
        pass_fds=[descriptor],
        env={**os.environ, _VARIABLE: json.dumps(asdict(settings))},
    )


@contextmanager
def _until_signalled() -> Iterator[threading.Event]:
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    serve_as_worker(int(sys.argv[1]))
