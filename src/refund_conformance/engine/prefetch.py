"""Requests that are sent before their turn by threads of their own, so that several are in flight at once."""

import math
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from queue import PriorityQueue
from threading import Thread
from typing import Any, TypeVar

from refund_conformance.cases.case import Case
from refund_conformance.transport.exchange import Exchange

T = TypeVar("T")


@dataclass(frozen=True, order=True)
class _Call:
    """A call that waits for a thread; ``number`` keeps those of one urgency in their order."""

    urgency: float
    number: int
    carry_out: Callable[[], Any] | None = field(default=None, compare=False)
    outcome: "Future[Any]" = field(default_factory=Future, compare=False)


class Pool:
    """So many threads. Unlike those of the standard library, they know which calls are urgent."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._waiting: PriorityQueue[_Call] = PriorityQueue()
        self._numbers = count()
        self._stopped = False
        for number in range(width):
            Thread(target=self._work, name=f"prefetch-{number}", daemon=True).start()

    def submit(self, urgency: int, carry_out: Callable[[], T]) -> "Future[T]":
        """Have a call carried out, the lowest ``urgency`` first; it is cancelled if the pool has stopped."""
        call = _Call(urgency, next(self._numbers), carry_out)
        self._waiting.put(call)
        if self._stopped:
            call.outcome.cancel()
        return call.outcome

    def stop(self) -> None:
        """Cancel the calls that wait, and let the threads end, without waiting for them."""
        self._stopped = True
        for _ in range(self._width):
            self._waiting.put(_Call(math.inf, next(self._numbers)))

    def _work(self) -> None:
        while (call := self._waiting.get()).carry_out is not None:
            if self._stopped:
                call.outcome.cancel()
            if call.outcome.set_running_or_notify_cancel():
                try:
                    call.outcome.set_result(call.carry_out())
                except BaseException as raised:
                    call.outcome.set_exception(raised)


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
