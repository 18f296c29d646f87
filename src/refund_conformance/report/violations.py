"""What counts against which clause: findings, without what only follows from something else that is broken."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from refund_conformance.cases import all_cases
from refund_conformance.cases.questions import ASKING
from refund_conformance.contract.model import Contract

Event = Mapping[str, Any]

WIDEST = 2
"""A failure of a general promise also counts against the clauses it was met in, unless they are of more areas."""


SUCCESS = ("success.status", "success.body")
"""Clauses about how an acceptance is told: an order for which it is told amiss was refundable all the same."""

PLAIN = "order.refundable/plain"
"""The case with which nothing is wrong: what it suffers from, every other does."""


@dataclass(frozen=True)
class Violation:
    """One finding of one case, as counted against a clause."""

    clause: str
    case: Event
    finding: Event
    root: str


def violations_of(contract: Contract, cases: list[Event], folded: list[Violation]) -> list[Violation]:
    """Return what counts against which clause; what only follows from something else goes to ``folded``."""
    roots: list[Violation] = []
    followers: dict[str, list[Violation]] = defaultdict(list)
    for case in cases:
        is_plain = case["case"] == PLAIN
        for finding in case["findings"]:
            roots.append(Violation(finding["clause"], case, finding, finding["clause"]))
            for clause in () if is_plain and finding["clause"] in SUCCESS else finding["also"]:
                follower = Violation(clause, case, finding, finding["clause"])
                (roots if is_plain else followers[finding["clause"]]).append(follower)
    left = _without_consequences(cases, roots, folded)
    gone = [id(violation.finding) for violation in folded]
    for root, every in followers.items():
        folded.extend(violation for violation in every if id(violation.finding) in gone)
        followers[root] = [violation for violation in every if id(violation.finding) not in gone]
    counted = _explained(contract, left, followers, folded)
    counted = _without_compositions(counted, folded)
    resting = _Resting(contract, [*counted, *chain.from_iterable(followers.values())])
    counted = resting.left_of(counted, folded)
    for root, every in followers.items():
        informative = resting.left_of(every, folded)
        named = _named(contract, cases, root, informative)
        counted.extend(named)
        kept = set(map(id, named))
        folded.extend(violation for violation in informative if id(violation) not in kept)
    return counted


def _named(contract: Contract, cases: list[Event], root: str, followers: list[Violation]) -> list[Violation]:
    """Return what is counted beside a failure of a general promise: against which clauses, if these are few.

    What was met in a composed check counts only where no single request shows it, or where there is none.
    """
    single = [each for each in followers if each.clause not in COMPOSED]
    own = [each for each in single if each.case["clause"] not in COMPOSED]
    sound = _sound(cases, own)
    following = own or [each for each in single if each.clause not in sound] if single else followers
    area = root.partition(".")[0]
    if not _is_wide(contract, {each.clause for each in following if each.clause.partition(".")[0] != area}):
        return following
    whole = _whole(cases, following)
    return [] if _is_wide(contract, {each.clause for each in whole}) else whole


def _sound(cases: list[Event], violations: list[Violation]) -> set[str]:
    """Return the clauses that were tested by cases of their own, against which none of these violations is."""
    return {case["clause"] for case in cases if case["tries"]} - {each.clause for each in violations}


def _is_wide(contract: Contract, clauses: Iterable[str]) -> bool:
    """Whether a failure was met in more than a few areas, or with every field in more than a few ways."""
    met = [clause.partition(".") for clause in clauses]
    areas = {area for area, _, _ in met}
    ways = {way for area, _, way in met if area in contract.fields}
    return len(areas) > WIDEST or (contract.fields.keys() <= areas and len(ways) > WIDEST)


def _whole(cases: list[Event], violations: list[Violation]) -> list[Violation]:
    """Return those that are of a clause all of whose cases suffer so, but for those that ask open questions."""
    sent: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        if case["tries"] and not case["case"].partition("/")[2].startswith(ASKING):
            sent[case["clause"]].add(case["case"])
    suffering: dict[str, set[str]] = defaultdict(set)
    for violation in violations:
        suffering[violation.clause].add(violation.case["case"])
    return [violation for violation in violations if sent[violation.clause] <= suffering[violation.clause]]


class _Resting:
    """Tells what only shows that a clause is broken on which a case rests.

    It was answered likewise; or an error is missing for a field whose own clause is broken, in whatever way.
    """

    def __init__(self, contract: Contract, violations: Iterable[Violation]) -> None:
        self._rests = {case.id: case.rests for case in all_cases(contract).values() if case.rests}
        self._broken: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for violation in violations:
            self._broken[violation.clause].add((violation.root, violation.finding["actual"]))

    def left_of(self, violations: list[Violation], folded: list[Violation]) -> list[Violation]:
        """Return the violations that tell more than that, and fold the others."""
        counted: list[Violation] = []
        for violation in violations:
            (folded if self._follows(violation) else counted).append(violation)
        return counted

    def _follows(self, violation: Violation) -> bool:
        rests = self._rests.get(violation.case["case"], ())
        if violation.finding["kind"] == "fields":
            return any(clause in self._broken for clause in rests)
        if violation.clause != violation.case["clause"]:
            return False
        return any(
            root != violation.clause and actual == violation.finding["actual"]
            for clause in rests
            for root, actual in self._broken.get(clause, ())
        )


COMPOSED = frozenset({"order.lifecycle", "order.race", "errors.alone", "fields.all-reported", "auth.first"})
"""Clauses that are checked with requests which are the matter of other clauses, put together."""


def _without_compositions(violations: list[Violation], folded: list[Violation]) -> list[Violation]:
    """Fold what a composed check was answered, where the same answer breaks the clause of a single request."""
    single = {
        v.finding["actual"] for v in violations if v.clause not in COMPOSED and v.finding["kind"] != "advice"
    }
    counted: list[Violation] = []
    for violation in violations:
        own, kind = violation.case["clause"], violation.finding["kind"]
        follows = own in COMPOSED and (kind == "other-error" or (kind == "fields" and own != violation.clause))
        (folded if follows and violation.finding["actual"] in single else counted).append(violation)
    return counted


GENERAL = {
    "content_type": "content-type.exact",
    "body": "json.valid-forms",
    "caller": "caller.configuration",
    "zero-price": "order.refundable",
}
"""The clause that is broken when a part, or a part's value, gets an error that it does not deserve."""

UNWRITTEN = ("caller.configuration", "order.refundable")
"""Those of them that have nothing to do with what the request says."""


def _explained(
    contract: Contract,
    violations: list[Violation],
    followers: dict[str, list[Violation]],
    folded: list[Violation],
) -> list[Violation]:
    """Name what an answer is about: valid requests refused with a part's own code show that part misjudged.

    Other requests answered alike follow from it, wholly if the part is not in the request's text.
    """
    by_actual = {}
    for part, clause in GENERAL.items():
        for outcome in contract.outcomes.values():
            if isinstance(outcome.errors, int) and part in (outcome.part, outcome.value):
                by_actual[f"{min(outcome.statuses)} with {outcome.errors}"] = clause
    yes = f"{contract.operation.success_status} without errors"
    refused = [v for v in violations if v.finding["kind"] == "refused" or yes in v.finding["expected"]]
    misjudged = {violation.finding["actual"] for violation in refused} & by_actual.keys()
    counted: list[Violation] = []
    for violation in violations:
        actual, kind = violation.finding["actual"], violation.finding["kind"]
        root = by_actual.get(actual, "")
        if actual not in misjudged or kind not in ("refused", "other-error") or violation.clause == root:
            counted.append(violation)
            continue
        if violation in refused:
            counted.append(Violation(root, violation.case, violation.finding, root))
        (folded if root in UNWRITTEN else followers[root]).append(replace(violation, root=root))
    return counted


def _without_consequences(cases: list[Event], roots: list[Violation], folded: list[Violation]) -> list[Violation]:
    """Fold what follows from the refusal of the plain request, or from an authorization that is remembered."""
    by_id = {case["case"]: case for case in cases}
    plain = by_id.get(PLAIN, {"case": "", "findings": []})
    refusals = {finding["actual"] for finding in plain["findings"] if finding["kind"] == "refused"}
    missing = by_id.get("auth.missing/no-header", {"outcome": ""})
    remembered = missing["outcome"] in ("held", "warned") and any(
        violation.clause == "auth.every-request" for violation in roots
    )
    counted: list[Violation] = []
    for violation in roots:
        kind, actual = violation.finding["kind"], violation.finding["actual"]
        refused_alike = (
            kind in ("refused", "other-error", "status")
            and actual in refusals
            and violation.case["case"] != plain["case"]
        )
        let_in_alike = (
            remembered
            and kind == "accepted"
            and violation.clause.startswith("auth.")
            and violation.clause != "auth.every-request"
        )
        (folded if refused_alike or let_in_alike else counted).append(violation)
    return counted
