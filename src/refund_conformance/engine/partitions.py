"""Partitions: which checks share a refundable order, and so go one after another in one process."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain, repeat

from refund_conformance.cases import all_cases
from refund_conformance.cases.case import Case
from refund_conformance.cases.valid import Joined, joined_cases
from refund_conformance.contract.model import Contract

AUTH, JSON, FIELDS = "auth", "json", "fields"
"""The shared orders of requests in which authorization, content type or text, or the fields are wrong."""

COMBINED = "combined"
"""The shared order of requests with several wrong parts, of those that break off, of those about the route and the
caller, and of those that may be refused: from what was answered first follows how a question can be asked."""

SHARED_ORDERS = {
    "route": COMBINED,
    "authorization": AUTH,
    "content_type": JSON,
    "body": JSON,
    "caller": COMBINED,
    "order": COMBINED,
    "field": FIELDS,
}
"""Which shared order a refused request goes to, by the part of it that is wrong."""

ORDERS = "order"
"""The partition of requests for orders that must be refused for their state."""

RACE = "race"
"""The partition of simultaneous requests, and of the walk that goes on from them."""

ACCEPTED = "accepted"
"""The partition of requests that are to be accepted, each for an order that no other check uses."""

PARTITIONS = (FIELDS, JSON, ORDERS, AUTH, COMBINED, RACE, ACCEPTED)
"""Every partition, those that take longest first."""

URGENT_PARTITIONS = (AUTH, COMBINED, ORDERS, FIELDS, JSON)
"""The partitions that end with requests which follow from one another, those with the most of them first: what can
be prefetched in these goes first, for the others need only fill what is left."""


def shared_order_of(case: Case) -> str:
    """Return the name of the shared order that a request goes to which is, or may be, refused."""
    wrong = case.situation.wrong
    return SHARED_ORDERS[wrong[0]] if len(wrong) == 1 and not case.draft.framing.is_cut else COMBINED


def must_be_accepted(case: Case) -> bool:
    """Whether a case is a request for a refundable order with which nothing is wrong or in question."""
    return case.group == "refundable" and not case.situation.wrong and not case.situation.questions


@dataclass(frozen=True)
class Joint:
    """One request for all that must be accepted, or for a part of it.

    ``shared_order`` is the one that it goes to, "" for an order of its own: accepted there, it shows that the
    refused requests had no effect.
    """

    joined: Joined
    shared_order: str


def joints(contract: Contract, chosen: Collection[str]) -> Mapping[str, Joint]:
    """Return, by case id, how each request is sent that must be accepted; ``chosen`` are the run's clauses."""
    cases = [case for case in all_cases(contract).values() if case.clause in chosen]
    served = {shared_order_of(case) for case in cases if case.group == "refundable" and case.situation.wrong}
    shared_orders = chain(
        sorted(served, key=lambda shared_order: (shared_order == COMBINED, shared_order)), repeat("")
    )
    found = (
        Joint(joined, shared_order)
        for joined, shared_order in zip(joined_cases(contract, chosen), shared_orders, strict=False)
    )
    return {id_: joint for joint in found for id_ in joint.joined.members}


def partition_of(case: Case, shared: Mapping[str, Joint]) -> str:
    """Return a case's partition; ``shared`` is what ``joints`` returned."""
    if case.is_asked or len(case.situation.wrong) > 1:
        return COMBINED
    if case.id in shared:
        return shared[case.id].shared_order or ACCEPTED
    if not case.situation.wrong:
        return ACCEPTED
    return shared_order_of(case) if case.group == "refundable" else ORDERS


def partition_of_drawn(contract: Contract, clause: str) -> str:
    """Return the partition of the cases drawn for a clause: that of its listed ones which must be refused."""
    cases = (case for case in all_cases(contract).values() if case.clause == clause and case.group == "refundable")
    return next((shared_order_of(case) for case in cases if case.situation.wrong), COMBINED)
