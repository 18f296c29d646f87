"""Which checks go first when the requests or orders of a run do not suffice for all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from refund_conformance.app import check_order
from refund_conformance.cases.case import Case
from refund_conformance.engine import isolation
from refund_conformance.engine.partitions import Joint, bench_of
from refund_conformance.engine.race import SIMULTANEOUS, own_rounds, price
from refund_conformance.sut.profile import Profile

RESERVE = 0.03
"""The part of the requests that is kept for making sure before something is held against the target."""

BEGINNING = (3, 1)
"""Requests and orders that every run begins with."""


@dataclass(frozen=True)
class Check:
    """A check to be paid for: of one case, of several requests for a clause, or of cases that are ``drawn``."""

    clause: str
    case: Case | None = None
    drawn: bool = False

    @property
    def id(self) -> str:
        """The check's name in the order of checks: its case, or its clause."""
        return self.case.id if self.case else f"{self.clause}/drawn" if self.drawn else self.clause


def affordable(
    checks: Sequence[Check], shared: Mapping[str, Joint], profile: Profile, requests: int, orders: int
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
    left = [requests * (1 - RESERVE) - BEGINNING[0], orders - BEGINNING[1]]
    leased: set[str] = set()
    chosen = [False] * len(checks)
    for *_, place in sorted(ranked):
        price = _price(checks[place], shared, profile, leased)
        if all(cost <= rest for cost, rest in zip(price, left, strict=True)):
            left = [rest - cost for cost, rest in zip(price, left, strict=True)]
            chosen[place] = True
            leased |= _leases(checks[place], shared)
    return chosen


def _leases(check: Check, shared: Mapping[str, Joint]) -> set[str]:
    """Return what a check pays for that others may use: its shared order, the request that it is joined in."""
    case = check.case
    if case is None or case.group != "refundable":
        return set()
    if case.situation.wrong:
        return {bench_of(case)}
    return {shared[case.id].bench, shared[case.id].joined.case.id} if case.id in shared else set()


def _price(check: Check, shared: Mapping[str, Joint], profile: Profile, leased: set[str]) -> tuple[int, int]:
    """Return the requests and orders that a check takes, where others have ``leased`` something before."""
    case = check.case
    if check.drawn:
        return (profile.examples, 0)
    if case is None:
        return {
            isolation.CLAUSE: (isolation.ROUNDS * 4, 0),
            "order.race": price(own_rounds(profile.races, ())),
            "order.lifecycle": (profile.walks * profile.steps, profile.walks * profile.walk_orders),
        }.get(check.clause, (4, 0))
    if case.group != "refundable":
        return (1, 0)
    if case.situation.wrong:
        return (1, len({bench_of(case)} - leased))
    if case.id not in shared:
        return (1, 1)
    joint = shared[case.id]
    return (0, 0) if joint.joined.case.id in leased else (SIMULTANEOUS, int(joint.bench not in leased))
