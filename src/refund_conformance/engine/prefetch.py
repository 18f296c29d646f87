"""Requests that are sent ahead of their turn, so that several are in flight at once."""

from collections.abc import Callable
from concurrent.futures import Future

from refund_conformance.cases.case import Case
from refund_conformance.engine.worker_pool import Pool
from refund_conformance.transport.exchange import Exchange


class Prefetch:
    """The exchanges of cases whose turn is still to come; ``pool`` has the threads that wait for the answers.

    Without a pool nothing is sent ahead. The lowest ``urgency`` of all goes first.
    """

    def __init__(self, pool: Pool | None = None, urgency: int = 0) -> None:
        self._pool = pool
        self._urgency = urgency
        self._begun: dict[str, tuple[str, Future[Exchange]]] = {}

    def takes(self, case: Case) -> bool:
        """Whether a case's request would be sent ahead."""
        return self._pool is not None and case.id not in self._begun

    def offer(self, case: Case, order: str, send: Callable[[], Exchange]) -> None:
        """Send a case's request for an order."""
        if self._pool is not None:
            self._begun[case.id] = (order, self._pool.submit(self._urgency, send))

    def take(self, case: Case, order: str) -> Exchange | None:
        """Return the exchange of a case, once, waiting for it; None if none was sent for that order.

        One that was sent for another order is void: in the meantime that order turned out to be used up.
        """
        if case.id not in self._begun:
            return None
        sent_for, future = self._begun.pop(case.id)
        if sent_for == order:
            return future.result()
        future.cancel()
        return None
