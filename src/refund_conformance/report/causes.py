"""Say why: group all failures of a run into as few causes as explain them, the likeliest first."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, pairwise
from typing import Any

from refund_conformance.cases import all_cases
from refund_conformance.cases.case import Case
from refund_conformance.cases.probes import probes
from refund_conformance.contract.model import Contract
from refund_conformance.report import cause_words, likeness
from refund_conformance.report.attribution import Account
from refund_conformance.report.boundaries import boundary
from refund_conformance.report.likeness import Failing, Likeness, Signatures
from refund_conformance.report.traits import common_trait
from refund_conformance.report.violations import Violation

Event = Mapping[str, Any]
Mark = tuple[str, str]

PARTED = frozenset({"route", "order"})
"""Areas each of whose clauses is about a condition of its own: that two are not checked is two causes."""

GENERIC = frozenset({"status", "shape", "unknown-code", "mixture"})
"""Kinds of findings about how an answer is written: the same one in several areas has one cause."""

LINKED = 0.5
"""Share of a signature's failures in a clause that a run must have too, for the signature to link the clause."""

WHOLE = 0.8
"""Nearness from which on one signature explains all failures of a run together."""

CASES_NAMED = 200


@dataclass(frozen=True)
class Cause:
    """One cause: a title in a sentence, the clauses and cases that it explains, and how sure that is, 0 to 1."""

    title: str
    clauses: tuple[str, ...]
    cases: tuple[str, ...]
    explanation: str
    confidence: float


def find(contract: Contract, events: Iterable[Event], account: Account, without: str = "") -> list[dict[str, Any]]:
    """Return the causes of a run's violated clauses as conformance.json has them, the likeliest first.

    Each violated clause belongs to exactly one. ``without`` is the name of a signature that is not used.
    """
    seen = list(events)
    strict = any(event["event"] == "start" and event.get("strict") for event in seen)
    broken = [*account.with_result("violated"), *(account.with_result("warned") if strict else ())]
    if not broken:
        return []
    cases = [event for event in seen if event["event"] == "case" and event["clause"] in contract.clauses]
    record = _Record(contract, cases, {row.clause.id: row.violations for row in broken}, without)
    found = [record.cause(group) for group in record.groups()]
    found.sort(key=lambda cause: (-cause.confidence, -len(cause.cases)))
    return [{key: list(v) if isinstance(v, tuple) else v for key, v in asdict(one).items()} for one in found]


class _Record:
    """What a run's record says of its violated clauses."""

    def __init__(
        self,
        contract: Contract,
        cases: Sequence[Event],
        violations: Mapping[str, Sequence[Violation]],
        without: str,
    ) -> None:
        self.contract = contract
        self.violations = violations
        self.sent = cases
        self.failing = [case for case in cases if case["findings"]]
        self.without = without
        self.known: Mapping[str, Case] = {**all_cases(contract), **_probe_cases(contract)}
        self.signatures: Signatures = likeness.known(cause_words.titles())
        self.marks = {clause: {_mark(v) for v in some} for clause, some in violations.items()}
        listed = defaultdict(set)
        for case in self.known.values():
            listed[case.clause].add(len(case.situation.wrong) <= 1)
        self.single = {clause for clause in violations if True in listed[clause]} - self._general()
        self._group = {clause: {clause} for clause in violations}
        self._findings = {clause: {id(v.finding) for v in some} for clause, some in violations.items()}

    def _general(self) -> set[str]:
        return {clause for clause in self.violations if self.contract.clauses[clause].every_answer}

    # -- grouping ----------------------------------------------------------------------------------

    def groups(self) -> list[list[str]]:
        """Return the violated clauses by cause."""
        self._join_alike()
        self._join_misread()
        self._join_counted()
        self._join_linked()
        self._join_general()
        self._join_sequences()
        self._join_whole()
        distinct = {id(group): group for group in self._group.values()}
        return [sorted(group, key=list(self.violations).index) for group in distinct.values()]

    def _join(self, one: str, other: str) -> None:
        if self._group[one] is not self._group[other]:
            self._group[one] |= self._group[other]
            for clause in self._group[other]:
                self._group[clause] = self._group[one]

    def _join_alike(self) -> None:
        """Join clauses of one area, or of several fields in one way, whose cases get the same wrong answer."""
        for one, other in combinations(sorted(self.single), 2):
            shared: set[Any] = self.marks[one] & self.marks[other]
            (area, _, way), (other_area, _, other_way) = one.partition("."), other.partition(".")
            fields = self.contract.fields
            if area == other_area and area in fields:
                shared = {mark for mark in shared if mark[0] not in ("accepted", "refused")}
            if area == other_area and area in PARTED:
                shared = {True} if self._full_marks(one) & self._full_marks(other) else set()
            alike = area == other_area or (way == other_way and area in fields and other_area in fields)
            if area != other_area:
                shared = {mark for mark in shared if mark[0] != "accepted"}
            if shared and alike:
                self._join(one, other)

    def _full_marks(self, clause: str) -> set[tuple[str, str, str]]:
        """Return how a clause's cases fail, with what was expected."""
        return {(*_mark(v), v.finding["expected"]) for v in self.violations[clause]}

    def _join_misread(self) -> None:
        """Join what is refused for a part that is right: with the code of body, content type or caller."""
        by_answer: dict[str, list[str]] = defaultdict(list)
        for clause in sorted(self.single):
            for kind, actual in sorted(self.marks[clause]):
                if kind in ("refused", "other-error") and self._is_of_other_part(actual, clause):
                    by_answer[actual].append(clause)
        for clauses in by_answer.values():
            for clause in clauses:
                self._join(clauses[0], clause)

    def _is_of_other_part(self, actual: str, clause: str) -> bool:
        """Whether an answer has the one code of a part of the request that a clause is not about."""
        area = clause.partition(".")[0]
        return any(
            actual.endswith(f" with {outcome.errors}")
            for outcome in self.contract.outcomes.values()
            if outcome.part in ("body", "content_type", "caller") and area in (*self.contract.fields, "json")
        )

    def _join_counted(self) -> None:
        """Join the clauses about how long a field may be, if one way of counting explains them."""
        for field in self.contract.fields:
            both = [c for c in self.single if c in (f"{field}.max-length", f"{field}.unicode")]
            if len(both) == 2 and boundary(self.contract, field, self.known, self.sent):
                self._join(*both)

    def _join_linked(self) -> None:
        """Join clauses that one known fault breaks in the way in which they are broken here."""
        mine = self._by_clause(likeness.failing_of(self.failing))
        for signature in self.signatures.known:
            both = (signature.clauses & self.violations.keys()) - self._general()
            if signature.name == self.without or len(both) < 2:
                continue
            theirs = self._by_clause(signature.failing)
            shown = [c for c in sorted(both) if _share(theirs.get(c, set()), mine.get(c, set())) >= LINKED]
            for one, other in pairwise(shown):
                self._join(one, other)

    def _by_clause(self, failing: Failing) -> Mapping[str, set[tuple[str, str, str]]]:
        found = defaultdict(set)
        for case, kind, actual in failing:
            found[case.partition("/")[0]].add((case, kind, actual))
        return found

    def _join_general(self) -> None:
        """Join a promise about every answer with the clauses whose cases break it."""
        for clause in sorted(self._general()):
            votes: Counter[str] = Counter()
            for violation in self.violations[clause]:
                votes.update(self._homes(violation) - {clause})
            if not votes:
                continue
            voting = list(votes)
            if self._is_one_matter(clause):
                for home in voting:
                    self._join(voting[0], home)
            self._join(max(voting, key=lambda home: (home in self.single, votes[home])), clause)

    def _homes(self, violation: Violation) -> set[str]:
        """Return the violated clauses against which the same finding counts."""
        own = {c for c in self.violations if id(violation.finding) in self._findings[c]}
        return {clause for clause in own if clause in self.single} or own

    def _is_one_matter(self, clause: str) -> bool:
        """Whether all that breaks a promise about every answer is one matter: written, or asked for, alike."""
        violations = self.violations[clause]
        kinds = {violation.finding["kind"] for violation in violations}
        if kinds <= GENERIC:
            return len({_manner(violation) for violation in violations}) == 1
        return bool(self._trait(violations))

    def _join_sequences(self) -> None:
        """Join what was checked by sequences of requests with a cause that shows in single ones."""
        rest = [c for c in self.violations if c not in self.single and self._group[c] == {c}]
        for clause in rest:
            area = clause.partition(".")[0]
            others = [c for c in self.violations if self._group[c] is not self._group[clause]]
            alike = [
                c
                for c in others
                if any(
                    kind != "accepted" or c.partition(".")[0] == area
                    for kind, _ in self.marks[c] & self.marks[clause]
                )
            ]
            shared = [c for c in others if self._is_same_matter(clause, c)]
            near = [c for c in (alike if area != "order" else alike or others) if c.partition(".")[0] == area]
            for home in (shared or near or alike)[:1]:
                self._join(home, clause)

    def _is_same_matter(self, clause: str, other: str) -> bool:
        """Whether the same findings count against two clauses, or the same cases break both."""
        if self._findings[other] & self._findings[clause]:
            return True
        if self.contract.clauses[clause].every_answer:
            return self._cases(clause) <= self._cases(other)
        return self._cases(clause) == self._cases(other)

    def _cases(self, clause: str) -> set[str]:
        return {violation.case["case"] for violation in self.violations[clause]}

    def _join_whole(self) -> None:
        """Join everything, if one signature explains all of it."""
        for nearest in self._near(self.failing)[:1]:
            if nearest.nearness >= WHOLE:
                inside = [clause for clause in self.violations if clause in nearest.signature.clauses]
                for clause in inside:
                    self._join(inside[0], clause)

    # -- in words --------------------------------------------------------------------------------------

    def cause(self, clauses: Sequence[str]) -> Cause:
        """Return the cause of some clauses, in words."""
        violations = [violation for clause in clauses for violation in self.violations[clause]]
        cases = list(dict.fromkeys(violation.case["case"] for violation in violations))
        mine = [case for case in self.failing if self._belongs(case, clauses)]
        lead = self._lead(clauses)
        words = cause_words.Words(
            contract=self.contract,
            known=self.known,
            sent=self.sent,
            clauses=clauses,
            lead=lead,
            violations=self.violations[lead],
            failing=mine,
            trait=self._telling_trait(clauses, violations),
            near=self._near(mine),
        )
        return Cause(words.title, tuple(clauses), tuple(cases[:CASES_NAMED]), words.explanation, words.confidence)

    def _telling_trait(self, clauses: Sequence[str], violations: Sequence[Violation]) -> str:
        """Return what the failing requests have in common, where that says more than their clauses."""
        areas = {clause.partition(".")[0] for clause in clauses if clause not in self._general()}
        kinds = {violation.finding["kind"] for violation in violations}
        return self._trait(violations) if len(areas) > 1 or kinds <= {"crash", "silence"} else ""

    def _belongs(self, case: Event, clauses: Sequence[str]) -> bool:
        """Whether a failing case belongs to a group: by its own clause, else by what it breaks."""
        if len({id(group) for group in self._group.values()}) == 1:
            return True
        for some in ({case["clause"]}, {c for f in case["findings"] for c in f["also"]}):
            if some & self.violations.keys():
                return bool(some & set(clauses))
        return bool({finding["clause"] for finding in case["findings"]} & set(clauses))

    def _lead(self, clauses: Sequence[str]) -> str:
        """Return the clause that the cause is told by: one of single requests, with the most failing cases."""
        general = self._general()
        if set(clauses) & general and len({c.partition(".")[0] for c in clauses if c not in general}) > 1:
            return next(clause for clause in clauses if clause in general)
        return max(clauses, key=lambda c: (c in self.single, c not in general, self._failed_share(c)))

    def _failed_share(self, clause: str) -> tuple[bool, int]:
        """Return whether all cases of a clause failed, and else how many: of several, the first leads."""
        sent = {case["case"] for case in self.sent if case["clause"] == clause and case["tries"]}
        failed = self._cases(clause) & sent
        return (True, 0) if failed == sent else (False, len(failed))

    def _near(self, cases: Sequence[Event]) -> list[Likeness]:
        return self.signatures.near(likeness.failing_of(cases), self.without)

    def _trait(self, violations: Iterable[Violation]) -> str:
        ids = {violation.case["case"] for violation in violations}
        failing = [self.known[id_] for id_ in ids if id_ in self.known]
        holding = [
            self.known[case["case"]]
            for case in self.sent
            if case["case"] in self.known and case["outcome"] == "held" and case["tries"]
        ]
        return common_trait(failing, holding)


def _probe_cases(contract: Contract) -> dict[str, Case]:
    return {probe.case.id: probe.case for some in probes(contract).values() for probe in some}


def _mark(violation: Violation) -> Mark:
    return violation.finding["kind"], violation.finding["actual"]


def _manner(violation: Violation) -> str:
    """Return what is wrong with how an answer is written: its status, or the reason why it has no shape."""
    actual = str(violation.finding["actual"])
    return actual.partition("; ")[2] if violation.finding["kind"] == "shape" else actual.partition(" ")[0]


def _share(theirs: set[Any], mine: set[Any]) -> float:
    return len(theirs & mine) / len(theirs) if theirs else 0.0
