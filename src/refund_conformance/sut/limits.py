"""The requests that a run may send, shared by its processes."""

import math
import time
from threading import Lock

from refund_conformance.sut.ledger import Ledger

PART = 4
"""Where there are several processes, each takes this part of its share of what is left at a time."""


class Allowance:
    """What one of so many ``processes`` takes of the run's ``limit`` of requests, from the ledger in blocks.

    ``seconds`` is the time that it has for them.
    """

    def __init__(self, limit: int, ledger: Ledger, processes: int = 1, seconds: float = math.inf) -> None:
        self.limit = limit
        self._end = time.monotonic() + seconds
        self._ledger = ledger
        self._parts = 1 if processes == 1 else PART * processes
        self._granted = 0
        self._lock = Lock()

    @property
    def is_over(self) -> bool:
        """Whether the time for requests is over."""
        return time.monotonic() > self._end

    def covers(self, requests: int) -> bool:
        """Whether so many requests of this process, counted from its start, are within the run's limit."""
        with self._lock:
            while self._granted < requests:
                more = self._ledger.allow(requests - self._granted, self.limit, self._parts)
                if not more:
                    return False
                self._granted += more
            return True
