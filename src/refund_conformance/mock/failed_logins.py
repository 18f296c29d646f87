"""Slow logins down after failures, so that passwords cannot be tried by the thousand."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

FREE = 3
"""Failures that cost nothing."""

FIRST_SECONDS, MOST_SECONDS = 0.25, 4.0
"""Wait after the next failure, doubled with each, and its limit."""

FORGET_SECONDS = 300.0
_MOST_NAMES, _LONGEST_NAME = 1024, 200


@dataclass
class _Failures:
    number: int = 0
    latest: float = 0.0
    free_at: float = 0.0


class FailedLogins:
    """Remembers the latest names that failed, whether or not there is such a user. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, name: str, now: float) -> float | None:
        """Return the seconds that a login has to wait; None if too many wait already.

        Those that come at once wait one after the other.
        """
        with self._lock:
            failures = self._names.get(name[:_LONGEST_NAME])
            if failures is None or failures.number < FREE or now - failures.latest > FORGET_SECONDS:
                return 0.0
            pause = min(FIRST_SECONDS * (1 << min(failures.number - FREE, 10)), MOST_SECONDS)
            begin = max(now, failures.free_at) + pause
            if begin - now > 2 * MOST_SECONDS:
                return None
            failures.free_at = begin
            return begin - now

    def note(self, name: str, now: float) -> None:
        """Note a failure."""
        with self._lock:
            failures = self._names.setdefault(name[:_LONGEST_NAME], _Failures())
            if now - failures.latest > FORGET_SECONDS:
                failures.number = 0
            failures.number += 1
            failures.latest = now
            self._names.move_to_end(name[:_LONGEST_NAME])
            if len(self._names) > _MOST_NAMES:
                self._names.popitem(last=False)

    def forget(self, name: str) -> None:
        """Forget the failures of a name that has logged in."""
        with self._lock:
            self._names.pop(name[:_LONGEST_NAME], None)
