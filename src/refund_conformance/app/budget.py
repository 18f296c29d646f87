"""Which checks go first when the requests or orders of a run do not suffice for all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


def affordable(
    checks: Sequence[Check], shared: Mapping[str, Joint], profile: Profile, requests: int, orders: int
) -> list[bool]:
    """Tell which checks are carried out with so many requests and refundable orders.

    One check of each clause goes before the second of any, and so on: the first case of a clause tells most.
    ``shared`` is what ``partitions.joints`` returned.
    """
    ranks: Counter[str] = Counter()
    ranked = []
    for place, check in enumerate(checks):
        ranked.append((ranks[check.clause], place))
        ranks[check.clause] += 1
    left = [requests * (1 - RESERVE) - BEGINNING[0], orders - BEGINNING[1]]
    benches: set[str] = set()
    chosen = [False] * len(checks)
    for _, place in sorted(ranked):
        price = _price(checks[place], shared, profile, benches)
        if all(cost <= rest for cost, rest in zip(price, left, strict=True)):
            left = [rest - cost for cost, rest in zip(price, left, strict=True)]
            chosen[place] = True
            benches |= _bench(checks[place])
    return chosen


def _bench(check: Check) -> set[str]:
    case = check.case
    return {bench_of(case)} if case is not None and case.group == "refundable" and case.situation.wrong else set()


def _price(check: Check, shared: Mapping[str, Joint], profile: Profile, benches: set[str]) -> tuple[int, int]:
    """Return the requests and orders that a check takes, where some shared orders are leased already."""
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
        return (1, len(_bench(check) - benches))
    joint = shared.get(case.id)
    if joint is not None and joint.joined.members[0] == case.id:
        return (SIMULTANEOUS, int(joint.bench not in benches))
    return (1, int(joint is None))
