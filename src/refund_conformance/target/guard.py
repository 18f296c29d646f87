"""An end to whatever a connection waits for: time for a whole answer, not only for the gap between two bytes."""

import heapq
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import urllib3


class Guard:
    """Ends whatever a connection waits for when the time for the whole answer is over."""

    def __init__(self) -> None:
        self.struck = False
        self._turn = 0
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    @contextmanager
    def deadline(self, seconds: float) -> Iterator["Guard"]:
        """End the connection after so many seconds, unless the block ends before."""
        with self._lock:
            self.struck = False
            self._turn += 1
            _watch(seconds, self, self._turn)
        try:
            yield self
        finally:
            with self._lock:
                self._turn += 1  # a strike that is under way already must not hit the next exchange

    def watch(self, connection: socket.socket) -> None:
        """Watch a new connection, through a duplicate: TLS takes the socket itself apart.

        Raises ConnectTimeoutError if its time is over already, as it may be where the name took long to resolve.
        """
        self.release()
        with self._lock:
            if self.struck:
                connection.close()
                raise urllib3.exceptions.ConnectTimeoutError("the time is over")
            self._socket = connection.dup()

    def release(self) -> None:
        """Watch the connection no longer."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def strike(self, turn: int | None = None) -> None:
        """End the connection, unless it is for a ``turn`` whose time is no longer measured."""
        with self._lock:
            if turn not in (None, self._turn):
                return
            self.struck = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


class _Watch:
    """One thread that strikes guards when their time is over; it is started when it is first needed."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Guard, int]] = []
        self._places = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, seconds: float, guard: Guard, turn: int) -> None:
        with self._changed:
            due = (time.monotonic() + seconds, next(self._places), guard, turn)
            heapq.heappush(self._due, due)
            if self._due[0] is due:
                self._changed.notify()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                _, _, guard, turn = heapq.heappop(self._due)
            guard.strike(turn)


_watch = _Watch().add
