"""Draw the account of a run from its events: which clauses held, which were violated, and which is the root."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from typing import Any

from refund_conformance.cases.questions import ASKING
from refund_conformance.contract.model import Clause, Contract, Level
from refund_conformance.contract.untested import PARTIAL
from refund_conformance.report import waivers
from refund_conformance.report.events import RECORDED
from refund_conformance.report.violations import Violation, violations_of
from refund_conformance.report.waivers import Waiver

Event = Mapping[str, Any]


@dataclass(frozen=True)
class ClauseAccount:
    """A clause's result: held, violated, warned, waived or untested.

    One that is untested has the reason in words, and what it makes of the run: ``partial``, or incomplete.
    ``mask`` is the clause that all of its cases broke instead.
    """

    clause: Clause
    result: str
    cases: int
    violations: tuple[Violation, ...] = ()
    reason: str = ""
    partial: bool = False
    mask: str = ""


@dataclass
class Account:
    """All clauses of a run, and the violations that were folded into the clause that they follow from.

    ``notes`` are what the run met that breaks no clause for sure. ``missing`` are cases of chosen clauses that the
    settings provide for, and the run did not test.
    """

    clauses: list[ClauseAccount] = field(default_factory=list)
    folded: list[Violation] = field(default_factory=list)
    undecided: list[Event] = field(default_factory=list)
    missing: list[Event] = field(default_factory=list)
    unused_waivers: list[Waiver] = field(default_factory=list)
    waiver_notes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def with_result(self, result: str) -> list[ClauseAccount]:
        """Return the clauses with one result."""
        return [clause for clause in self.clauses if clause.result == result]


def draw(contract: Contract, events: Iterable[Event]) -> Account:
    """Return the account of the events of a run."""
    events = list(events)
    cases = _decided_later(
        [event for event in events if event["event"] == "case" and event["clause"] in contract.clauses]
    )
    account = Account(
        undecided=[case for case in cases if case["outcome"] == "undecided"],
        notes=[event["text"] for event in events if event["event"] == "note"],
    )
    violations = violations_of(contract, cases, account.folded)
    start = next((event for event in events if event["event"] == "start"), {})
    chosen, known = _chosen(contract, start), _Waived(start)
    is_narrowed = bool(start.get("narrowed") or absent_shards(start))
    unshown = UNSHOWN if start.get("profile") == RECORDED else ""
    drawing = _Drawing(cases, violations, account.folded, left_out=unshown or (LEFT_OUT if is_narrowed else ""))
    for clause in contract.clauses.values():
        if clause.id not in chosen and not drawing.against(clause):
            row = ClauseAccount(
                clause, "untested", 0, (), unshown or "it was not chosen for this run", partial=True
            )
            account.clauses.append(row)
        else:
            account.clauses.append(known.waived(drawing.clause(clause)))
    _forgive_masked(account)
    account.missing.extend(case for case in cases if case["clause"] in chosen and not _leaves_partial(case))
    account.unused_waivers.extend(known.unused())
    account.waiver_notes.extend(known.notes(account.clauses))
    return account


def _decided_later(cases: list[Event]) -> list[Event]:
    """Return the cases without those that came to no decision at first, and were tried once more."""
    last = {case["case"]: place for place, case in enumerate(cases)}
    return [
        case for place, case in enumerate(cases) if case["outcome"] != "undecided" or place == last[case["case"]]
    ]


def _forgive_masked(account: Account) -> None:
    """Let clauses that others mask make the run no more than partial, where those are violated or waived."""
    named = {row.clause.id for row in account.clauses if row.result in ("violated", "waived")}
    account.clauses[:] = [replace(row, partial=True) if row.mask in named else row for row in account.clauses]


def absent_shards(start: Event) -> list[int]:
    """Return the numbers of the shards of a run that are not in its record."""
    shards = start.get("shards") or {"count": 1, "present": [1]}
    return sorted({*range(1, shards["count"] + 1)} - {*shards["present"]})


def _chosen(contract: Contract, start: Event) -> Collection[str]:
    """Return the clauses that a run, or the part of it that this is, was to test."""
    chosen = start.get("chosen")
    return contract.clauses.keys() if chosen is None else frozenset(chosen)


def _leaves_partial(case: Event) -> bool:
    """Whether a case was tested, or left out so that the run is no more than partial. Old records do not say."""
    because = case.get("because", "")
    return case["outcome"] != "untested" or not because or because in PARTIAL


def _day(start: Event) -> date:
    """Return the day of a run; the last of all days, on which no waiver holds, if its record does not tell."""
    try:
        return date.fromisoformat(str(start.get("time"))[:10])
    except ValueError:
        return date.max


class _Waived:
    """The waivers of a run, and which of them were needed."""

    def __init__(self, start: Event) -> None:
        self._waivers = waivers.of(start)
        self._day = _day(start)
        self._needed: set[Waiver] = set()

    def waived(self, drawn: ClauseAccount) -> ClauseAccount:
        """Return a clause's account, waived if it is violated and each violation is covered."""
        covering = [self._covering(violation) for violation in drawn.violations]
        self._needed.update(w for some in covering for w in some)
        if drawn.result != "violated" or not all(covering):
            return drawn
        waiver = covering[0][0]
        link = f", {waiver.link}" if waiver.link else ""
        owner = f", {waiver.owner}" if waiver.owner else ""
        reason = f"until {waiver.expires}: {waiver.reason}{link}{owner} ({drawn.reason})"
        return replace(drawn, result="waived", reason=reason)

    def _covering(self, violation: Violation) -> list[Waiver]:
        clause, case = violation.clause, violation.case["case"]
        mark = waivers.fingerprint(clause, violation.finding)
        return [waiver for waiver in self._waivers if waiver.covers(clause, case, self._day, mark)]

    def unused(self) -> list[Waiver]:
        """Return the waivers that cover nothing: nothing is violated there, or their day has come."""
        return [waiver for waiver in self._waivers if waiver not in self._needed]

    def notes(self, clauses: Iterable[ClauseAccount]) -> Iterator[str]:
        """Yield a sentence on each waiver that has expired, expires soon, or matched no failure."""
        rows = list(clauses)
        violations = [violation for row in rows for violation in row.violations]
        for waiver in self._waivers:
            note = waiver.note(
                self._day,
                is_matched=any(
                    waiver.matches(v.clause, v.case["case"], waivers.fingerprint(v.clause, v.finding))
                    for v in violations
                ),
                is_tested=any(waiver.names(row.clause.id) and row.result != "untested" for row in rows),
            )
            if note:
                yield note


class _Drawing:
    """Draws the results of clauses from the cases of a run and the violations that count.

    A clause is held only by an answer to a case of its own that was permitted. ``left_out`` says why tests were
    left out on purpose, if they were: by pytest's own options, for another shard, in a recording of others.
    """

    def __init__(
        self,
        cases: Sequence[Event],
        violations: Sequence[Violation],
        folded: Sequence[Violation],
        *,
        left_out: str,
    ) -> None:
        self._cases = cases
        self._answers = Counter(case["answer"] for case in cases if case["tries"])
        self._left_out = left_out
        self._against: dict[str, list[Violation]] = defaultdict(list)
        self._own: dict[str, list[Event]] = defaultdict(list)
        for violation in violations:
            self._against[violation.clause].append(violation)
        for case in cases:
            self._own[case["clause"]].append(case)
        self._roots = {id(violation.finding): violation.root for violation in folded}

    def against(self, clause: Clause) -> tuple[Violation, ...]:
        """Return the violations that count against a clause."""
        return tuple(self._against.get(clause.id, ()))

    def clause(self, clause: Clause) -> ClauseAccount:
        """Return the account of a clause that was to be tested."""
        about = self._cases if clause.every_answer else self._own[clause.id]
        sent = [case for case in about if case["tries"] and case["outcome"] not in ("untested", "skipped")]
        count = _relevant(clause, self._answers) if clause.every_answer else len(sent)
        if against := self.against(clause):
            result = "warned" if clause.level is Level.SHOULD else "violated"
            return ClauseAccount(clause, result, max(count, len(against)), against, _told(against))
        # Both answers to an open question are permitted, so that they show nothing where there are other cases.
        informative = [case for case in sent if not _asks(case)] or sent
        if any(_is_evidence(clause, case) for case in informative):
            return ClauseAccount(clause, "held", max(count, 1))
        decided = [case for case in sent if case["outcome"] != "undecided"]
        if count and decided and any(case["findings"] for case in decided):
            return self._masked(clause, decided)
        return self._untested(clause)

    def _masked(self, clause: Clause, sent: Sequence[Event]) -> ClauseAccount:
        """Return the account of a clause whose cases all show nothing about it: they break another one instead."""
        named: Counter[str] = Counter()
        for finding in chain.from_iterable(case["findings"] for case in sent):
            named.update({finding["clause"], self._roots.get(id(finding), finding["clause"])} - {clause.id})
        ranked = [name for name, _ in named.most_common()]
        masks = [name for name in ranked if name in self._against] or ranked or sorted(self._against)
        told = f"an answer that breaks {masks[0]}" if masks else "an answer that shows nothing about it"
        whose = f"each of its {len(sent)} cases" if len(sent) > 1 else "its case"
        reason = f"masked: {whose} got {told}"
        return ClauseAccount(clause, "untested", 0, (), reason, mask=masks[0] if masks else "")

    def _untested(self, clause: Clause) -> ClauseAccount:
        """Return the account of a clause without a case that was sent and decided."""
        own = self._own[clause.id]
        reasons = dict.fromkeys(case["reason"] for case in own if case["reason"])
        if reasons:
            partial = all(map(_leaves_partial, own)) and not any(case["outcome"] == "undecided" for case in own)
            return ClauseAccount(clause, "untested", 0, (), "; ".join(reasons), partial)
        if clause.every_answer:
            return ClauseAccount(clause, "untested", 0, (), "no answer of that kind came", partial=True)
        return ClauseAccount(clause, "untested", 0, (), self._left_out or NO_CASE, bool(self._left_out))


NO_CASE = "no case of it was sent"
LEFT_OUT = "its cases were left out of this run"
UNSHOWN = "no recorded exchange shows it"


def _asks(case: Event) -> bool:
    """Whether a case asks an open question."""
    return bool(case["case"].partition("/")[2].startswith(ASKING))


def _is_evidence(clause: Clause, case: Event) -> bool:
    """Whether a case shows that its clause holds: an answer was permitted, and is of the clause's kind."""
    permitted = case["outcome"] in ("held", "warned") or 0 < case["failed"] < case["tries"]
    kind = {"errors": "error", "success": "success"}.get(clause.area) if clause.every_answer else None
    return permitted and case["outcome"] != "undecided" and (kind is None or case["answer"] == kind)


def _relevant(clause: Clause, answers: Counter[str]) -> int:
    """Return how many answers a general promise was judged on."""
    if clause.area == "errors":
        return answers["error"] + answers["bare"]
    return answers["success"] if clause.area == "success" else sum(answers.values())


def _told(against: tuple[Violation, ...]) -> str:
    worst = against[0]
    return f"expected {worst.finding['expected']}; got {worst.finding['actual']} ({worst.case['case']})"
