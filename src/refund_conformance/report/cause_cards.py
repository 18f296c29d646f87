"""The causes as cards: what is wrong, since when, the smallest request, expected against got, what to do next."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refund_conformance.cases.case import Case
from refund_conformance.contract.model import Contract
from refund_conformance.report import curl, difference, events, evidence
from refund_conformance.report.attribution import Account
from refund_conformance.report.difference import Line, Row
from refund_conformance.report.escaping import plain
from refund_conformance.report.headings import happened
from refund_conformance.report.history import BAD, Past
from refund_conformance.report.violations import Violation

Event = Mapping[str, Any]

CASES_NAMED = 12

EVIDENCED = 12
"""Causes that are shown with a request and what came: of more, the failures of their clauses show them."""

PICKED = 40
"""Failing cases of a cause of which the one with the smallest request is shown."""


@dataclass(frozen=True)
class Since:
    """Since when something fails: the run that it failed first in, and how many failed it in a row.

    ``known`` is False where there is no earlier run, ``started`` "" where this run is the first that fails.
    """

    started: str
    runs: int
    known: bool
    href: str = ""

    @property
    def sentence(self) -> str:
        """Say it."""
        if not self.known:
            return "no earlier run to compare with"
        if not self.started:
            return "new in this run"
        day = self.started[:16].replace("T", " ")
        return f"since {day} UTC, {self.runs} runs in a row"


@dataclass(frozen=True)
class Card:
    """A cause as a page shows it."""

    number: int
    title: str
    explanation: str
    confidence: float
    clauses: tuple[str, ...]
    cases: tuple[str, ...]
    count: int
    since: Since
    heading: str
    case: str
    circumstances: tuple[str, ...]
    request: tuple[Line, ...]
    rows: tuple[Row, ...]
    command: str

    @property
    def sureness(self) -> str:
        """How sure the title is, in words."""
        return "sure" if self.confidence >= 0.9 else "likely" if self.confidence >= 0.7 else "possible"


def since(past: Sequence[Past], clauses: Sequence[str]) -> Since:
    """Return since when any of some clauses fails without a break."""
    first, runs = None, 1
    tested = [run for run in past if any(run.results.get(c, "untested") != "untested" for c in clauses)]
    for run in reversed(tested):
        if not any(run.results.get(clause) in BAD for clause in clauses):
            break
        first, runs = run, runs + 1
    if first is None:
        return Since("", 1, bool(tested))
    return Since(first.started, runs, True, first.href)


def cards(
    contract: Contract,
    known: Mapping[str, Case],
    causes: Sequence[Mapping[str, Any]],
    account: Account,
    exchanges: Mapping[int, Event],
    past: Sequence[Past],
) -> tuple[Card, ...]:
    """Return the causes of a run as cards."""
    violations = {row.clause.id: row.violations for row in account.clauses}
    return tuple(
        _card(contract, known, number, cause, violations, exchanges, past)
        for number, cause in enumerate(causes, 1)
    )


def numbers(account: Account) -> set[int]:
    """Return the numbers of the exchanges that cards may show."""
    return {
        number
        for row in account.clauses
        for violation in row.violations[:PICKED]
        for number in violation.case["exchanges"][-1:]
    }


def _card(
    contract: Contract,
    known: Mapping[str, Case],
    number: int,
    cause: Mapping[str, Any],
    violations: Mapping[str, Sequence[Violation]],
    exchanges: Mapping[int, Event],
    past: Sequence[Past],
) -> Card:
    mine = [one for clause in cause["clauses"] for one in violations[clause][:PICKED]]
    shown = min(mine, key=lambda one: _measure(one, exchanges))
    exchange = _shown(shown, exchanges) if number <= EVIDENCED else None
    case = known.get(shown.case["case"])
    area = _matter(contract, case, shown.case["clause"])
    return Card(
        number=number,
        title=plain(cause["title"], 300),
        explanation=plain(cause["explanation"], 600),
        confidence=cause["confidence"],
        clauses=tuple(cause["clauses"]),
        cases=tuple(plain(id_, 200) for id_ in cause["cases"][:CASES_NAMED]),
        count=len(cause["cases"]),
        since=since(past, cause["clauses"]),
        heading=happened(shown.case, lengths(exchange)),
        case=plain(shown.case["case"], 200),
        circumstances=difference.circumstances(case),
        request=difference.request_lines(contract, area, exchange) if exchange else (),
        rows=difference.rows(contract, case, shown.finding, exchange) if number <= EVIDENCED else (),
        command="" if events.is_recorded(shown.case["case"]) else f"refund-conformance replay --cause {number}",
    )


def _measure(violation: Violation, exchanges: Mapping[int, Event]) -> tuple[bool, bool, bool, int]:
    """Return what to choose the smallest by: known requests of the clause itself, single ones, short ones."""
    exchange = _shown(violation, exchanges)
    own = violation.case["clause"] == violation.clause
    single = len(violation.case["exchanges"]) == max(1, violation.case["tries"])
    return exchange is None, not own, not single, evidence.size(exchange) if exchange else 0


def _shown(violation: Violation, exchanges: Mapping[int, Event]) -> Event | None:
    return next((exchanges[n] for n in reversed(violation.case["exchanges"]) if n in exchanges), None)


def _matter(contract: Contract, case: Case | None, clause: str) -> str:
    """Return the area of the part of a request that matters: that of its first wrong part, else the clause's."""
    if case is not None and case.blame:
        return case.blame[0][1].partition(".")[0]
    return contract.clauses[clause].area if clause in contract.clauses else ""


def lengths(exchange: Event | None) -> dict[str, int]:
    """Return the characters of the texts in a request's JSON body by field."""
    try:
        body = json.loads(curl.raw(exchange["request"])) if exchange else {}
    except (ValueError, RecursionError):
        return {}
    members = body.items() if isinstance(body, dict) else ()
    return {name: len(value) for name, value in members if isinstance(value, str)}
