"""The orders that a run may use: each refundable one once, and what is known of it since."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from refund_conformance.cases.case import SPENT, Case
from refund_conformance.cases.orders import PICKS, REFUNDABLE_GROUPS
from refund_conformance.contract.untested import Because
from refund_conformance.sut.ledger import Ledger

SUSPECTS = 2000
"""Refused requests of one shared order, the latest, among which one that had an effect is looked for."""

MOST_USED = 100
"""Orders at most that are found to be used before a run gives up: each costs a request."""


class NoOrderError(Exception):
    """There is no order of a group, or none left; the text is the reason, with the setting that would help.

    ``because`` is the kind of the reason.
    """

    def __init__(self, reason: str, because: Because = Because.BUDGET) -> None:
        super().__init__(reason)
        self.because = because


@dataclass
class SharedOrder:
    """A refundable order that requests which must be refused share.

    ``sent`` are the latest cases whose requests were refused on it.
    """

    order: str
    sent: deque[Case] = field(default_factory=lambda: deque(maxlen=SUSPECTS))


@dataclass(frozen=True)
class OrderState:
    """What a pool knows, for another part of the run.

    ``accepted`` are the orders that were, ``used`` those that were before; ``stop_reason`` is why none are leased
    any more.
    """

    accepted: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    stop_reason: str | None = None


class OrderPool:
    """Hands out orders of the settings, and alone knows what became of them.

    ``limit`` is the most refundable orders that the run may use, in all its processes. ``fresh`` tells whether
    none of the listed orders can have been used before the run. ``report`` is called with group and order for each
    that may be used up. ``is_bounded`` tells whether it is the settings that set the limit. ``used`` are the
    orders found used before the run; the pools of one run share them.
    """

    def __init__(
        self,
        groups: Mapping[str, Sequence[str]],
        limit: int,
        ledger: Ledger,
        report: Callable[[str, str], None] = lambda group, order: None,
        *,
        fresh: bool = True,
        is_bounded: bool = False,
        used: dict[str, None] | None = None,
    ) -> None:
        self.fresh = fresh
        self.shared: dict[str, SharedOrder] = {}
        self._groups = dict(groups)
        self._ledger = ledger
        self._limit = limit
        self._report = report
        self._is_bounded = is_bounded
        self._unused: dict[str, list[str]] = {}
        self._asked: dict[str, str] = {}
        self._accepted: dict[str, None] = {}
        self._unknown: set[str] = set()
        self._used: dict[str, None] = {} if used is None else used
        self._stop_reason: str | None = None

    # -- refundable orders ----------------------------------------------------------------------------

    def lease(self) -> str:
        """Return a refundable order that nothing was sent for yet. Raises NoOrderError if there is none left."""
        listed = self._groups.get("refundable", ())
        if not listed:
            raise NoOrderError("orders.refundable is not set", Because.SETTINGS)
        if self._stop_reason is not None:
            raise NoOrderError(self._stop_reason, Because.SUPPLY)
        limit = self._limit + (0 if self.fresh else len(self._used))
        order = self._ledger.lease("refundable", self._in_turn(listed), limit) if self._may_look_further else None
        if order is None:
            raise self._none_left(limit, len(listed))
        self._report("refundable", order)
        return order

    def _none_left(self, limit: int, listed: int) -> NoOrderError:
        """Return what to raise when no refundable order is left of so many that are listed."""
        leased = self._ledger.leased("refundable")
        if self._used:
            return NoOrderError(self.supply, Because.SUPPLY)
        if leased >= limit:
            because = Because.CHOICE if self._is_bounded else Because.BUDGET
            return NoOrderError(f"the run's {self._limit} refundable orders are used up", because)
        because = Because.SETTINGS if leased >= listed else Because.SUPPLY
        return NoOrderError("no order of orders.refundable is left; list more of them", because)

    @property
    def _may_look_further(self) -> bool:
        return len(self._used) < MOST_USED

    def _in_turn(self, listed: Sequence[str]) -> Sequence[str]:
        """Return the listed orders, the likeliest to be unused first.

        Earlier runs used them from the beginning on, so where some are used the first unused one is looked for by
        halves; what lies before it comes last.
        """
        used = [place for place, order in enumerate(listed) if order in self._used]
        if not used:
            return listed
        low = max(used) + 1
        good = [place for place in range(low, len(listed)) if listed[place] in self._accepted]
        first = good[0] if good else (low + len(listed)) // 2
        return [*listed[first:], *listed[low:first][::-1], *listed[:low]]

    @property
    def supply(self) -> str:
        """How many of the listed orders were found used before the run, and how to get more."""
        listed = self._groups.get("refundable", ())
        left = len(listed) - len(self._used)
        return (
            f"{len(self._used)} of {len(listed)} listed orders are used, {left} were left; list further orders in "
            "orders.refundable, and keep the ledger from run to run"
        )

    @property
    def accepted(self) -> tuple[str, ...]:
        """The orders for which a valid request was accepted in this run, in turn."""
        return tuple(self._accepted)

    def mark_accepted(self, order: str) -> None:
        """Note that a valid request for an order was accepted."""
        self._accepted[order] = None

    def mark_unknown(self, order: str) -> None:
        """Note that a request for an order was accepted that must be refused: its state is not known."""
        self._unknown.add(order)

    def is_untouched(self, order: str) -> bool:
        """Whether nothing was accepted for an order in this run."""
        return order not in self._accepted and order not in self._unknown

    @property
    def used(self) -> tuple[str, ...]:
        """The orders that were refused for their state, though nothing of this run had used them."""
        return tuple(self._used)

    def mark_used(self, order: str) -> None:
        """Note that an order was refused for its state, though nothing of this run had used it."""
        self._used[order] = None
        self._ledger.mark_used(order)

    def stop(self, reason: str) -> None:
        """Lease no refundable order any more."""
        self._stop_reason = reason

    # -- shared orders --------------------------------------------------------------------------------

    def share(self, name: str) -> SharedOrder:
        """Return the shared order of a name, leasing one if there is none."""
        if name not in self.shared:
            self.shared[name] = SharedOrder(self.lease())
        return self.shared[name]

    def unshare(self, name: str) -> None:
        """Give up a shared order: it is used up, or no longer trusted."""
        self.shared.pop(name, None)

    # -- other groups ---------------------------------------------------------------------------------

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
            return self._leased_of(group, [ids[place]])
        return ids[place]

    def lease_other(self, group: str) -> str | None:
        """Return an order of a refundable group that no case has asked for; None if there is none left."""
        kept = {
            self._unused[group][0],
            self._unused[group][-1],
            self._unused[group][len(self._unused[group]) // 2],
        }
        return self._leased_of(group, [order for order in self._unused[group] if order not in kept])

    def _leased_of(self, group: str, candidates: Sequence[str]) -> str | None:
        order = self._ledger.lease(group, candidates, len(PICKS) + len(self._unused.get(group, ())))
        if order is not None:
            self._report(group, order)
        return order

    def accepted_order(self, case: str) -> str:
        """Return an order on which the run has created a refund request: the same for a case, others in turn.

        So as many accepted requests as possible are seen to stand in the way of a further one. Raises NoOrderError
        if there is none.
        """
        if not self._accepted:
            because = Because.SUPPLY if self._groups.get("refundable") else Because.SETTINGS
            if not self._limit and self._is_bounded:
                because = Because.CHOICE
            reason = f"no request was accepted yet, so no order is {SPENT}; see order.refundable"
            raise NoOrderError(reason, because)
        return self._asked.setdefault(case, self.accepted[len(self._asked) % len(self._accepted)])

    # -- for another part of the run ------------------------------------------------------------------

    @property
    def state(self) -> OrderState:
        """What is known, for another part of the run."""
        return OrderState(self.accepted, self.used, self._stop_reason)

    def take(self, state: OrderState) -> None:
        """Go on from what another part of the run knows."""
        for known, more in ((self._accepted, state.accepted), (self._used, state.used)):
            known.update(dict.fromkeys(more))
        self._stop_reason = state.stop_reason
