"""Several processes that serve one mock on one socket, and the process that looks after them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from types import FrameType

from refund_conformance.contract.errors import SuiteError
from refund_conformance.mock.app import application
from refund_conformance.mock.factory import build
from refund_conformance.mock.listening import STOP_SECONDS, serve_on
from refund_conformance.mock.request_log import log_to
from refund_conformance.mock.settings import MockSettings

MOST_DEATHS = 10
"""Processes that may die within `DEATH_SECONDS` before it is given up to replace them."""

DEATH_SECONDS = 60.0

_VARIABLE = "REFUND_CONFORMANCE_MOCK_SETTINGS"
_LOOK_SECONDS = 0.2


class WorkersError(SuiteError):
    """Worker processes that keep dying."""

    exit_status = 1


def serve_in_workers(
    settings: MockSettings, listener: socket.socket, announce: Callable[[], None] = lambda: None
) -> None:
    """Serve in as many processes as the settings say, until SIGINT or SIGTERM; announce it when all are ready.

    A process that dies is replaced; raise WorkersError when too many did. The processes end when this one does,
    however it does.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with _until_signalled() as stopped, ours, theirs:
        workers = [_start(settings, listener, theirs) for _ in range(settings.workers)]
        try:
            _wait_until_ready(settings.workers, ours, stopped, workers)
            announce()
            _replace_dead(workers, lambda: _start(settings, listener, theirs), stopped)
        finally:
            _stop(workers)


def _wait_until_ready(
    number: int, ours: socket.socket, stopped: threading.Event, workers: Sequence[subprocess.Popen[bytes]]
) -> None:
    """Wait for a byte from each worker; or until one has died, which is then looked into."""
    ready = 0
    while ready < number and not stopped.wait(_LOOK_SECONDS / 10):
        with suppress(BlockingIOError):
            ready += len(ours.recv(number))
        if any(worker.poll() is not None for worker in workers):
            return


def _replace_dead(
    workers: list[subprocess.Popen[bytes]], start: Callable[[], subprocess.Popen[bytes]], stopped: threading.Event
) -> None:
    deaths: deque[float] = deque(maxlen=MOST_DEATHS)
    while not stopped.wait(_LOOK_SECONDS):
        for place, worker in enumerate(workers):
            if worker.poll() is None:
                continue
            deaths.append(time.monotonic())
            if len(deaths) == MOST_DEATHS and deaths[-1] - deaths[0] < DEATH_SECONDS:
                last = _ending(worker.returncode)
                raise WorkersError(
                    "worker processes",
                    f"{MOST_DEATHS} died within {DEATH_SECONDS:.0f} seconds, the last {last}",
                    "Their messages are above; --workers 1 shows more.",
                )
            workers[place] = start()


def _stop(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        try:
            worker.wait(STOP_SECONDS + 5)
        except subprocess.TimeoutExpired:
            worker.kill()


def serve_as_worker(descriptor: int, parent: socket.socket) -> None:
    """Serve on a socket that another process listens on, with the settings that it has left.

    ``parent`` takes a byte when all is ready, and ends when the other process does.
    """
    read = json.loads(os.environ[_VARIABLE])
    settings = MockSettings(**{**read, "faults": tuple(read["faults"]), "variants": tuple(read["variants"])})
    threading.Thread(target=_end_with, args=(parent,), name="mock-parent", daemon=True).start()
    if settings.log:
        log_to()
    mock = build(settings)
    parent.send(b"1")
    try:
        serve_on(socket.socket(fileno=descriptor), application(mock), settings)
    except KeyboardInterrupt:
        pass
    finally:
        mock.close()


def _end_with(parent: socket.socket) -> None:
    parent.recv(1)
    signal.raise_signal(signal.SIGTERM)


def _ending(status: int) -> str:
    return f"with exit status {status}" if status >= 0 else f"by signal {-status}"


def _start(settings: MockSettings, listener: socket.socket, theirs: socket.socket) -> subprocess.Popen[bytes]:
    descriptors = [listener.fileno(), theirs.fileno()]
    # The command is our own, and the settings go by the environment because a database URL has a password.
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "refund_conformance.mock.workers", *map(str, descriptors)],
        pass_fds=descriptors,
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


def _run_worker() -> int:
    try:
        serve_as_worker(int(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])))
    except SuiteError as problem:
        sys.stderr.write(f"refund-conformance: {problem}\n")
        return problem.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(_run_worker())
