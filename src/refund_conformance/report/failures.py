"""What a page tells of each clause that does not hold: the kinds of failure, each with its smallest request."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refund_conformance.cases.case import Case
from refund_conformance.report import events
from refund_conformance.report.attribution import ClauseAccount
from refund_conformance.report.cause_cards import lengths
from refund_conformance.report.escaping import plain
from refund_conformance.report.evidence import Evidence, evidence, same_answer, same_request, size, weight
from refund_conformance.report.headings import happened
from refund_conformance.report.violations import Violation

KINDS_SHOWN = 3
"""Kinds of failure of one clause that are shown with evidence."""

REQUESTS_SHOWN = 4
"""Requests of one failure that are shown, where it took more than one."""

CASES_SHOWN = 20
"""Failing cases of one clause that are named."""

EVIDENCE = 700_000
"""Characters of HTML that the evidence of all failures takes at most."""

PICKED = 8
"""Failing cases of one kind of which the one with the smallest request is shown."""

Event = Mapping[str, Any]
Exchanges = Mapping[int, Event]


@dataclass(frozen=True)
class Failure:
    """One kind of failure of a clause, shown by its smallest case.

    ``root`` is the clause that really went wrong, if it is another. ``often`` says how steadily it fails. The last
    of the ``requests`` shows the failure; the others led to it, or, if it ``is_repeated``, are the same request,
    answered otherwise.
    """

    case: str
    title: str
    heading: str
    kind: str
    expected: str
    actual: str
    root: str
    often: str
    intermittent: bool
    count: int
    replay: str
    requests: tuple[Evidence, ...]
    left_out: int
    is_repeated: bool

    @property
    def before(self) -> tuple[Evidence, ...]:
        """The requests beside the one that shows the failure."""
        return self.requests[:-1]


@dataclass(frozen=True)
class BrokenClause:
    """A clause that does not hold, with what shows it."""

    account: ClauseAccount
    failures: tuple[Failure, ...]
    others: tuple[tuple[str, str], ...]
    unnamed: int

    @property
    def heading(self) -> str:
        """What happened, in one sentence."""
        return self.failures[0].heading if self.failures else self.account.clause.promise


def numbers(accounts: Iterable[ClauseAccount]) -> set[int]:
    """Return the numbers of the exchanges that may be shown for some clauses."""
    return {
        number
        for account in accounts
        for group in _groups(account.violations)
        for violation in group[:PICKED]
        for number in _shown(violation.case)
    }


class Room:
    """How much evidence still fits on the page, in characters of HTML. What is left out stays in the record."""

    def __init__(self, characters: int = EVIDENCE) -> None:
        self._left = characters

    def fitting(self, shown: Sequence[Evidence]) -> tuple[Evidence, ...]:
        """Return the evidence that fits, the last one first to be taken in, and keep its place."""
        taken: list[Evidence] = []
        for item in reversed(shown):
            if weight(item) > self._left:
                break
            self._left -= weight(item)
            taken.insert(0, item)
        return tuple(taken)


@dataclass(frozen=True)
class Presentation:
    """How failures are shown: the exchanges there are, where they went, and the cases known by id.

    An empty ``base_url`` stands for a mock that is gone.
    """

    exchanges: Exchanges
    base_url: str
    cases: Mapping[str, Case]
    room: "Room"

    def clause(self, account: ClauseAccount) -> BrokenClause:
        """Return a clause that does not hold as a page shows it."""
        groups = _groups(account.violations)
        shown = tuple(self._failure(group) for group in groups[:KINDS_SHOWN])
        named = {item.case for item in shown}
        titles = {violation.case["case"]: violation.case["title"] for violation in account.violations}
        rest = [(plain(case, 200), plain(title, 200)) for case, title in titles.items() if case not in named]
        return BrokenClause(account, shown, tuple(rest[:CASES_SHOWN]), max(0, len(rest) - CASES_SHOWN))

    def _failure(self, group: Sequence[Violation]) -> Failure:
        violation = _smallest(group, self.exchanges)
        case, finding = violation.case, violation.finding
        steps = _steps(case, self.exchanges)
        shown = steps if len(steps) <= REQUESTS_SHOWN else [*steps[: REQUESTS_SHOWN - 1], steps[-1]]
        secret = self._secret(case["case"])
        requests = self.room.fitting([evidence(event, self.base_url, secret) for event in shown])
        return Failure(
            case=plain(case["case"], 200),
            title=plain(case["title"], 300),
            heading=happened({**case, "findings": [finding]}, lengths(steps[-1] if steps else None)),
            kind=finding["kind"],
            expected=plain(finding["expected"], 600),
            actual=plain(finding["actual"], 600),
            root=violation.root if violation.root != violation.clause else "",
            often=_often(case),
            intermittent=intermittent(violation),
            count=len(group),
            replay=self._replay(case["case"]),
            requests=requests,
            left_out=len(steps) - len(requests),
            is_repeated=_is_repeated(case),
        )

    def _secret(self, id_: str) -> str:
        """Return the shell variable that stands for a case's token; CASE_TOKEN for one that the suite made."""
        case = self.cases.get(id_)
        made = case.situation.authorization == "forged" if case else id_.startswith("auth.")
        return "CASE_TOKEN" if made else f"REFUND_{case.draft.credential.upper() if case else 'TOKEN'}"

    def _replay(self, id_: str) -> str:
        """Return the command that sends a case again, "" for one that somebody else sent."""
        if events.is_recorded(id_):
            return ""
        target = " --target target.toml" if self.base_url else ""
        return f"refund-conformance replay {shlex.quote(plain(id_, 200))}{target}"


def intermittent(violation: Violation) -> bool:
    """Whether a failure came in some tries and not in others."""
    case = violation.case
    return bool(0 < case["failed"] < case["tries"]) or violation.finding["kind"] == "unsteady"


def is_intermittent(account: ClauseAccount) -> bool:
    """Whether a clause failed in some tries only."""
    return any(map(intermittent, account.violations))


def _groups(violations: Sequence[Violation]) -> list[list[Violation]]:
    """Return violations that fail alike together, what went wrong in the clause itself before what followed.

    Within a group, those that were confirmed by sending them again come first.
    """
    groups: dict[tuple[str, str, str], list[Violation]] = {}
    for violation in violations:
        finding = violation.finding
        groups.setdefault((finding["kind"], finding["expected"], finding["actual"]), []).append(violation)
    ranked = [sorted(group, key=lambda violation: not _is_confirmed(violation.case)) for group in groups.values()]
    return sorted(ranked, key=lambda group: group[0].root != group[0].clause)


def _is_confirmed(case: Event) -> bool:
    """Whether a case failed more than once, and each time."""
    return bool(1 < case["tries"] == case["failed"])


def _failing(case: Event) -> Sequence[int]:
    """Return the numbers of the exchanges that failed; () where the record does not tell them."""
    failing: Sequence[int] = case.get("failing", ())
    return failing


def _shown(case: Event) -> set[int]:
    """Return the numbers of the exchanges that may be shown for a case."""
    numbers = case["exchanges"]
    return {*numbers[:PICKED], *numbers[-1:], *_failing(case)[-1:]}


def _smallest(group: Sequence[Violation], exchanges: Exchanges) -> Violation:
    def measure(violation: Violation) -> tuple[bool, bool, int]:
        found = [exchanges[number] for number in violation.case["exchanges"] if number in exchanges]
        return not found, not _is_confirmed(violation.case), sum(size(event) for event in found[:REQUESTS_SHOWN])

    return min(group[:PICKED], key=measure)


def _steps(case: Event, exchanges: Exchanges) -> list[Event]:
    """Return the exchanges that show a failure, the failing one last.

    They are each step; or, of a request that was only repeated, each answer once.
    """
    found = [exchanges[number] for number in case["exchanges"] if number in exchanges]
    if not _is_repeated(case):
        return found
    failing = _failing(case)
    found.sort(key=lambda event: event["number"] in failing)
    distinct: list[Event] = []
    for event in found:
        if not any(same_request(event, other) and same_answer(event, other) for other in distinct):
            distinct.append(event)
    return distinct


def _is_repeated(case: Event) -> bool:
    """Whether the exchanges of a case are one request, sent again."""
    return bool(len(case["exchanges"]) == case["tries"])


def _often(case: Event) -> str:
    failed, tries = case["failed"], case["tries"]
    if tries <= 1:
        return "sent once"
    if failed in (0, tries):
        return f"steady: {tries} of {tries} tries"
    return f"intermittent: {failed} of {tries} tries"
