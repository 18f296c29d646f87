"""The orders that a run may use: each refundable one once, and what is known of it since."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from refund_conformance.cases.case import Case
from refund_conformance.cases.orders import PICKS, REFUNDABLE_GROUPS, SPENT
from refund_conformance.contract.untested import Because
from refund_conformance.sut.ledger import Ledger

SUSPECTS = 2000
"""Refused requests of one shared order, the latest, among which one that had an effect is looked for."""


class NoOrderError(Exception):
    """There is no order of a group, or none left; the text is the reason, with the setting that would help.

    ``because`` is the kind of the reason.
    """

    def __init__(self, reason: str, because: Because = Because.BUDGET) -> None:
        super().__init__(reason)
        self.because = because


@dataclass
class Bench:
    """A refundable order that requests which must be refused share.

    ``sent`` are the latest cases whose requests were refused on it.
    """

    order: str
    sent: deque[Case] = field(default_factory=lambda: deque(maxlen=SUSPECTS))


def _from(listed: Sequence[str], turns: int) -> Sequence[str]:
    """Return the orders from the list's beginning on, from its end back, or from its half or quarter on, in turn.

    Runs before this one have used those at the beginning, or at both ends.
    """
    if turns % 4 == 1:
        return listed[::-1]
    begin = (0, 0, len(listed) // 2, len(listed) // 4)[turns % 4]
    return [*listed[begin:], *listed[:begin]]


class OrderBook:
    """Hands out orders of the settings.

    ``limit`` is the most refundable orders that the run may lease, in all its processes. ``tell`` is called with
    group and order for each that may be used up. ``used_before`` tells whether the run has met an order that was
    not refundable, as one is not that somebody had used; ``partly_used`` whether that was before any was accepted.
    ``spent`` are the orders for which a valid request was accepted, ``doubtful`` those for which another one was.
    ``is_bounded`` tells whether it is the settings that set the limit.
    """

    def __init__(
        self,
        groups: Mapping[str, Sequence[str]],
        limit: int,
        ledger: Ledger,
        tell: Callable[[str, str], None] = lambda group, order: None,
        *,
        is_bounded: bool = False,
    ) -> None:
        self._groups = dict(groups)
        self._ledger = ledger
        self._limit = limit
        self._is_bounded = is_bounded
        self._tell = tell
        self._unused: dict[str, list[str]] = {}
        self._asked: dict[str, str] = {}
        self._turns = 0
        self._closed = ""
        self.used_before = self.partly_used = False
        self.benches: dict[str, Bench] = {}
        self.spent: list[str] = []
        self.doubtful: set[str] = set()

    def lease(self) -> str:
        """Return a refundable order that nothing was sent for yet. Raises NoOrderError if there is none left."""
        if not self._groups.get("refundable"):
            raise NoOrderError("orders.refundable is not set", Because.SETTINGS)
        if self._closed:
            raise NoOrderError(self._closed, Because.SUPPLY)
        listed = self._groups["refundable"]
        order = self._ledger.lease("refundable", _from(listed, self._turns), self._limit)
        if order is None:
            raise self._none_left(len(listed))
        self._tell("refundable", order)
        return order

    def _none_left(self, listed: int) -> NoOrderError:
        """Return what to raise when no refundable order is left of so many that are listed."""
        leased = self._ledger.leased("refundable")
        if leased >= self._limit:
            because = Because.CHOICE if self._is_bounded else Because.BUDGET
            return NoOrderError(f"the run's {self._limit} refundable orders are used up", because)
        because = Because.SETTINGS if leased >= listed else Because.SUPPLY
        return NoOrderError("no order of orders.refundable is left; list more of them", because)

    @property
    def bounds(self) -> tuple[int, bool, str]:
        """How often another place of the list was turned to, whether orders had been used before the run, and why
        none are leased any more ("" if they are)."""
        return self._turns, self.partly_used, self._closed

    @bounds.setter
    def bounds(self, bounds: tuple[int, bool, str]) -> None:
        self._turns, self.partly_used, self._closed = bounds
        self.used_before = self.used_before or self.partly_used

    def turn(self) -> None:
        """Lease from another place of the list: the last order was not refundable, nor may be those beside it."""
        self._turns += 1
        self.used_before = True
        self.partly_used = self.partly_used or not self.spent

    def close(self, reason: str) -> None:
        """Lease no refundable order any more."""
        self._closed = reason

    def bench(self, area: str) -> Bench:
        """Return the area's shared order, leasing one if it has none."""
        if area not in self.benches:
            self.benches[area] = Bench(self.lease())
        return self.benches[area]

    def drop_bench(self, area: str) -> None:
        """Give up the area's shared order: it is used up, or no longer trusted."""
        self.benches.pop(area, None)

    def pick(self, group: str, which: str) -> str | None:
        """Return the first, middle or last order of a group; None if a smaller group has it under another name.

        Raises NoOrderError if the group is empty.
        """
        ids = self._groups.get(group, ())
        if not ids:
            raise NoOrderError(f"orders.{group} is not set", Because.SETTINGS)
        if group in REFUNDABLE_GROUPS:
            ids = self._unused.setdefault(group, self._ledger.free(ids))
            if not ids:
                raise NoOrderError(f"every order of orders.{group} was used before; list others", Because.SUPPLY)
        places = {"first": 0, "last": len(ids) - 1, "middle": len(ids) // 2}
        place = places[which]
        if which != "first" and place == 0:
            return None
        if which == "middle" and place == len(ids) - 1:
            return None
        if group in REFUNDABLE_GROUPS:
            if self._ledger.lease(group, [ids[place]], len(PICKS)) is None:
                return None
            self._tell(group, ids[place])
        return ids[place]

    def spent_order(self, case: str) -> str:
        """Return an order on which the run has created a refund request: the same for a case, others in turn.

        So as many accepted requests as possible are seen to stand in the way of a further one. Raises NoOrderError
        if there is none.
        """
        if not self.spent:
            because = Because.SUPPLY if self._groups.get("refundable") else Because.SETTINGS
            if not self._limit and self._is_bounded:
                because = Because.CHOICE
            reason = f"no request was accepted yet, so no order is {SPENT}; see order.refundable"
            raise NoOrderError(reason, because)
        return self._asked.setdefault(case, self.spent[len(self._asked) % len(self.spent)])
