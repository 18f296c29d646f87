"""Lanes: which checks share a refundable order, and so go one after another in one process."""

from collections.abc import Collection, Mapping

from refund_conformance.cases import all_cases
from refund_conformance.cases.case import Case, plain_case
from refund_conformance.cases.orders import AGAIN_REFUNDABLE
from refund_conformance.contract.model import Contract

BENCHES = {
    "route": "route",
    "authorization": "auth",
    "content_type": "json",
    "body": "json",
    "caller": "order",
    "order": "order",
    "field": "fields",
}
"""Which shared order a refused request goes to, by the part of it that is wrong."""

COMBINED = "combined"
"""The shared order of requests with several wrong parts, and the lane of the open questions: from what was
answered first follows how a question can be asked."""

CUT = "cut"
"""The shared order of requests that break off: what they are answered says nothing, if they are at all."""

QUESTIONS = "questions"
"""The shared order of requests that may be refused."""

ORDERS = "order"
"""The lane of whatever else has orders of its own."""

ACCEPTED = "accepted"
"""The lane of requests that are to be accepted, each for an order that no other check uses."""

LANES = ("fields", "json", "walk", "order", "auth", "combined", "race", "accepted", "route", "cut")
"""Every lane, those that take longest first."""

CHAINED = ("auth", "combined", "order", "fields", "json")
"""The lanes that end with requests which follow from one another, those with the most of them first: what can be
sent ahead in these goes first, for the others need only fill what is left."""

_CLAUSES = {
    "auth.first": COMBINED,
    "order.lifecycle": "walk",
    "order.race": "race",
    "auth": "auth",
    "errors": COMBINED,
    "content-type": "json",
    "json.incomplete": CUT,
    "json": "json",
    "route": "route",
    "server": "fields",
    "fields": "fields",
}
"""The lanes of checks that are no single case, by clause or area; those of a field are in the lane of fields."""


def bench_of(case: Case) -> str:
    """Return the name of the shared order that a request goes to which is, or may be, refused."""
    if case.draft.framing.is_cut:
        return CUT
    return COMBINED if len(case.situation.wrong) > 1 else bench_of_first_wrong(case)


def bench_of_first_wrong(case: Case) -> str:
    """Return the name of the shared order for the first part of a request that is wrong."""
    wrong = case.situation.wrong
    return BENCHES[wrong[0]] if wrong else QUESTIONS


def must_be_accepted(case: Case) -> bool:
    """Whether a case is a request for a refundable order with which nothing is wrong or in question."""
    return case.group == "refundable" and not case.situation.wrong and not case.situation.questions


def proofs(contract: Contract, chosen: Collection[str]) -> Mapping[str, str]:
    """Return, by case id, the shared order that each request which must be accepted goes to in the end.

    Its acceptance shows that the refused requests there had no effect. ``chosen`` are the clauses of the run.
    Cases beyond the number of shared orders have an order of their own.
    """
    begins = plain_case(contract).id
    cases = [case for case in all_cases(contract).values() if case.clause in chosen and case.id != begins]
    served = {bench_of(case) for case in cases if case.group == "refundable" and case.situation.wrong}
    accepted = [case.id for case in cases if must_be_accepted(case)]
    return dict(zip(accepted, sorted(served), strict=False))


def lane_of(case: Case, shared: Mapping[str, str]) -> str:
    """Return a case's lane; ``shared`` is what ``proofs`` returned."""
    if (case.situation.questions and not case.situation.wrong) or len(case.situation.wrong) > 1:
        return COMBINED
    if case.group == AGAIN_REFUNDABLE:
        return ACCEPTED
    if must_be_accepted(case):
        return shared.get(case.id, ACCEPTED)
    return bench_of(case) if case.group == "refundable" else ORDERS


def lane_of_clause(contract: Contract, clause: str) -> str:
    """Return the lane of a check of several requests, by the clause that it is about."""
    area = clause.partition(".")[0]
    return _CLAUSES.get(clause) or _CLAUSES.get(area) or ("fields" if area in contract.fields else ORDERS)
