"""Which checks go first when the requests or orders of a run do not suffice for all."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from refund_conformance.app import check_order
from refund_conformance.cases.case import Case
from refund_conformance.engine.partitions import Joint, shared_order_of
from refund_conformance.engine.race import SIMULTANEOUS
from refund_conformance.engine.registry import Circumstances, Price, Scenario

RESERVE = 0.03
"""The part of the requests that is kept for making sure before something is held against the target."""

BEGINNING = Price(3, 1)
"""What every run begins with."""


@dataclass(frozen=True)
class Check:
    """A check to be paid for: of one case, of several requests, or else of cases that are drawn for a clause."""

    clause: str
    case: Case | None = None
    scenario: Scenario | None = None

    @property
    def id(self) -> str:
        """The check's name in the order of checks: its case, or its clause."""
        return self.case.id if self.case else self.scenario.about if self.scenario else f"{self.clause}/drawn"


def affordable(
    checks: Sequence[Check], shared: Mapping[str, Joint], circumstances: Circumstances, requests: int, orders: int
) -> list[bool]:
    """Tell which checks are carried out with so many requests and refundable orders.

    Those that add most go first; of the others, one check of each clause before the second of any.
    ``shared`` is what ``partitions.joints`` returned.
    """
    places = {step.check: place for place, step in enumerate(check_order.load())}
    ranks: Counter[str] = Counter()
    ranked = []
    for place, check in enumerate(checks):
        ranked.append((places.get(check.id, len(places)), ranks[check.clause], place))
        ranks[check.clause] += 1
    requests_left, orders_left = requests * (1 - RESERVE) - BEGINNING.requests, orders - BEGINNING.orders
    leased: set[str] = set()
    chosen = [False] * len(checks)
    for *_, place in sorted(ranked):
        price = _price(checks[place], shared, circumstances, leased)
        if price.requests <= requests_left and price.orders <= orders_left:
            requests_left, orders_left = requests_left - price.requests, orders_left - price.orders
            chosen[place] = True
            leased |= _leases(checks[place], shared)
    return chosen


def _leases(check: Check, shared: Mapping[str, Joint]) -> set[str]:
    """Return what a check pays for that others may use: its shared order, the request that it is joined in."""
    case = check.case
    if case is None or case.group != "refundable":
        return set()
    if case.situation.wrong:
        return {shared_order_of(case)}
    return {shared[case.id].shared_order, shared[case.id].joined.case.id} if case.id in shared else set()


def _price(
    check: Check, shared: Mapping[str, Joint], circumstances: Circumstances, leased: Collection[str]
) -> Price:
    """Return what a check takes, where others have ``leased`` something before."""
    case = check.case
    if check.scenario is not None:
        return check.scenario.price(circumstances)
    if case is None:
        return Price(circumstances.profile.examples)
    if case.group != "refundable":
        return Price(1)
    if case.situation.wrong:
        return Price(1, int(shared_order_of(case) not in leased))
    if case.id not in shared:
        return Price(1, 1)
    joint = shared[case.id]
    if joint.joined.case.id in leased:
        return Price(0)
    return Price(SIMULTANEOUS, int(joint.shared_order not in leased))
