"""The orders that a run may use: each refundable one once, and what is known of it since."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from refund_conformance.cases.case import Case
from refund_conformance.cases.orders import REFUNDABLE_GROUPS, SPENT


class NoOrderError(Exception):
    """There is no order of a group, or none left; the text is the reason, with the setting that would help."""


@dataclass
class Bench:
    """A refundable order that requests which must be refused share.

    ``sent`` are the cases whose requests were refused on it; ``doubtful`` is set once one of them got no answer
    or a crash, which may have had an effect that breaks no promise.
    """

    order: str
    sent: list[Case] = field(default_factory=list)
    doubtful: bool = False


class OrderBook:
    """Hands out orders of the settings.

    ``share`` is (index, count): this worker's part of the refundable orders. ``limit`` is the most refundable
    orders that may be leased. ``tell`` is called with group and order for each that may be used up.
    """

    def __init__(
        self,
        groups: Mapping[str, Sequence[str]],
        limit: int,
        share: tuple[int, int] = (0, 1),
        tell: Callable[[str, str], None] = lambda group, order: None,
    ) -> None:
        index, count = share
        self._groups = dict(groups)
        self._free = list(groups.get("refundable", ()))[index::count]
        self._limit = limit
        self._tell = tell
        self.benches: dict[str, Bench] = {}
        self.spent: list[str] = []
        self.leased: Counter[str] = Counter()

    def lease(self) -> str:
        """Return a refundable order that nothing was sent for yet. Raises NoOrderError if there is none left."""
        if not self._groups.get("refundable"):
            raise NoOrderError("orders.refundable is not set")
        if self.leased["refundable"] >= self._limit:
            raise NoOrderError(f"the run's {self._limit} refundable orders are used up")
        if not self._free:
            raise NoOrderError("no order of orders.refundable is left; list more of them")
        self.leased["refundable"] += 1
        order = self._free.pop(0)
        self._tell("refundable", order)
        return order

    def left(self) -> int:
        """Return how many refundable orders may still be leased."""
        return min(len(self._free), self._limit - self.leased["refundable"])

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
            raise NoOrderError(f"orders.{group} is not set")
        places = {"first": 0, "last": len(ids) - 1, "middle": len(ids) // 2}
        place = places[which]
        if which != "first" and place == 0:
            return None
        if which == "middle" and place == len(ids) - 1:
            return None
        if group in REFUNDABLE_GROUPS:
            self.leased[group] += 1
            self._tell(group, ids[place])
        return ids[place]

    def spent_order(self) -> str:
        """Return an order on which the run has created a refund request. Raises NoOrderError if there is none."""
        if not self.spent:
            raise NoOrderError(f"no request was accepted yet, so no order is {SPENT}; see order.refundable")
        return self.spent[0]
