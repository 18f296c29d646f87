"""An end to whatever a connection waits for: time for a whole answer, not only for the gap between two bytes."""

import heapq
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf

import urllib3


class Guard:
    """Ends whatever a connection waits for when the time for the whole answer is over."""

    def __init__(self) -> None:
        self.struck = False
        self._due = inf
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    @contextmanager
    def deadline(self, seconds: float) -> Iterator["Guard"]:
        """End the connection after so many seconds, unless the block ends before."""
        with self._lock:
            self.struck = False
            self._due = due = time.monotonic() + seconds
        _watch(self, due)
        try:
            yield self
        finally:
            with self._lock:
                self._due = inf  # a strike that is under way already must not hit the next exchange

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

    def strike(self) -> None:
        """End the connection."""
        with self._lock:
            self._strike()

    def look(self, now: float) -> float:
        """End the connection if its time is over; return when to look again, which may be never (inf)."""
        with self._lock:
            if self._due > now:
                return self._due
            self._due = inf
            self._strike()
            return inf

    def _strike(self) -> None:
        self.struck = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Watch:
    """One thread that looks at guards when their time is over; it is started when it is first needed.

    A guard whose exchange ended in time has a later one by then, or none: so the thread wakes once in a timeout,
    and not for each exchange.
    """

    def __init__(self) -> None:
        self._looks: list[tuple[float, int, Guard]] = []
        self._next: dict[Guard, float] = {}
        self._places = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, guard: Guard, due: float) -> None:
        with self._changed:
            self._plan(guard, due)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()

    def _plan(self, guard: Guard, due: float) -> None:
        """Look at a guard then, unless it is looked at before that anyway."""
        if due < self._next.get(guard, inf):
            self._next[guard] = due
            heapq.heappush(self._looks, (due, next(self._places), guard))
            if self._looks[0][2] is guard:
                self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                while not self._looks or self._looks[0][0] > now:
                    self._changed.wait(self._looks[0][0] - now if self._looks else None)
                    now = time.monotonic()
                due, _, guard = heapq.heappop(self._looks)
                if self._next.get(guard) == due:
                    del self._next[guard]
                self._plan(guard, guard.look(now))


_watch = _Watch().add
