"""The ledger of orders: which of one target were leased. No order is leased twice."""

from collections import Counter
from collections.abc import Sequence
from threading import Lock
from typing import Protocol

MEMORY = "sqlite://"
"""The URL of a ledger that lives as long as its process."""


class Ledger(Protocol):
    """Remembers the orders of one target that may be used up."""

    run: str

    def lease(self, group: str, candidates: Sequence[str], limit: int) -> str | None:
        """Lease the first of the candidates that nobody has leased; None if there is none, or no more are allowed.

        ``limit`` is the most orders of the group that this run may have leased altogether.
        """

    def leased(self, group: str) -> int:
        """Return how many orders of a group this run has leased."""

    def free(self, candidates: Sequence[str]) -> list[str]:
        """Return the candidates that nobody has leased."""

    def register(self, orders: Sequence[str]) -> None:
        """Note that this run lists orders, unless an earlier one did."""

    def mark_used(self, order: str) -> None:
        """Note that an order was used by something that the ledger does not know of."""

    def knows(self, orders: Sequence[str]) -> bool:
        """Whether earlier runs listed all of these orders, and none listed with them was used unknown to it."""

    def close(self) -> None:
        """Let go of what the ledger needs."""


def open_ledger(url: str, target: str, run: str) -> Ledger:
    """Open the ledger at a URL, for a target and a run.

    Raises SettingsError if it cannot be opened. One that is not in memory raises TargetError if it is lost later.
    """
    if url == MEMORY:
        return Memory(run)
    from refund_conformance.sut.ledger_sql import Database  # SQLAlchemy takes its time

    return Database(url, target, run)


class Memory:
    """A ledger of one run in one process."""

    def __init__(self, run: str) -> None:
        self.run = run
        self._groups: dict[str, str] = {}
        self._lock = Lock()

    def lease(self, group: str, candidates: Sequence[str], limit: int) -> str | None:
        """Lease the first of the candidates that is free."""
        with self._lock:
            free = self.free(candidates)
            if not free or self.leased(group) >= limit:
                return None
            self._groups[free[0]] = group
            return free[0]

    def leased(self, group: str) -> int:
        """Return how many orders of a group were leased."""
        return Counter(self._groups.values())[group]

    def free(self, candidates: Sequence[str]) -> list[str]:
        """Return the candidates that were not leased."""
        return [order for order in candidates if order not in self._groups]

    def register(self, orders: Sequence[str]) -> None:
        """Note nothing: no run comes after this one."""

    def mark_used(self, order: str) -> None:
        """Note nothing: no run comes after this one."""

    def knows(self, orders: Sequence[str]) -> bool:
        """Know nothing: no run came before this one."""
        return False

    def close(self) -> None:
        """Forget nothing: it goes with its process."""
