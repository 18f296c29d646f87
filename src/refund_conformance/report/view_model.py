"""The report page's content, ready to be laid out: nothing is left for the template to decide."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from refund_conformance.cases import all_cases
from refund_conformance.contract.model import Contract
from refund_conformance.report import cause_cards, events, failures, history, latency, timeline
from refund_conformance.report.attribution import ClauseAccount
from refund_conformance.report.cause_cards import Card
from refund_conformance.report.escaping import plain
from refund_conformance.report.failures import BrokenClause
from refund_conformance.report.history import Changes, Past
from refund_conformance.report.latency import Latency
from refund_conformance.report.run_log import Traffic
from refund_conformance.report.summary import Summary
from refund_conformance.report.timeline import Timeline

RESULTS = ("violated", "warned", "untested", "waived", "held")
"""Results of clauses, worst first."""

REASONS = 3
"""Reasons why clauses were not tested that stand on top."""

NOTES = 50
"""Notes that are shown at most."""


@dataclass(frozen=True)
class Area:
    """The clauses of one area, worst first."""

    name: str
    clauses: tuple[ClauseAccount, ...]

    @property
    def counts(self) -> Counter[str]:
        """How many clauses have which result."""
        return Counter(item.result for item in self.clauses)

    @property
    def held(self) -> tuple[ClauseAccount, ...]:
        """The clauses that held."""
        return tuple(item for item in self.clauses if item.result == "held")

    @property
    def other(self) -> tuple[ClauseAccount, ...]:
        """The clauses that did not hold, or were not tested."""
        return tuple(item for item in self.clauses if item.result != "held")

    @property
    def worst(self) -> str:
        """The worst result of the area's clauses."""
        return min((item.result for item in self.clauses), key=RESULTS.index)

    @property
    def cases(self) -> int:
        """How many cases were sent, or answers judged."""
        return cases(self.clauses)


@dataclass(frozen=True)
class Answer:
    """An open question with this target's answer to it, and the one that its settings pin."""

    id: str
    asks: str
    observed: str
    pinned: str


@dataclass(frozen=True)
class Page:
    """Everything that report.html tells."""

    data: Mapping[str, Any]
    counts: Mapping[str, int]
    areas: tuple[Area, ...]
    violated: tuple[BrokenClause, ...]
    warned: tuple[BrokenClause, ...]
    waived: tuple[BrokenClause, ...]
    folded: int
    notes: tuple[str, ...]
    questions: tuple[Answer, ...]
    versions: Mapping[str, str]
    document: str
    changes: Changes | None
    intermittent: tuple[str, ...]
    strips: Mapping[str, tuple[str, ...]]
    latency: tuple[Latency, ...]
    timeline: Timeline | None
    cards: tuple[Card, ...] = ()
    past: tuple[Past, ...] = ()

    @property
    def untested(self) -> list[tuple[str, list[str]]]:
        """The commonest reasons why clauses were not tested, and the clauses of each."""
        by_reason: dict[str, list[str]] = {}
        for row in self.data["clauses"]:
            if row["result"] == "untested":
                by_reason.setdefault(row["reason"], []).append(row["id"])
        return sorted(by_reason.items(), key=lambda pair: -len(pair[1]))[:REASONS]

    @property
    def title(self) -> str:
        """The title of the page: verdict and target."""
        target = re.sub(r"[<>&]", " ", plain(str(self.data["target"]) or "unknown target", 100))
        return f"{str(self.data['verdict']).capitalize()}: {target}"

    @property
    def shown(self) -> frozenset[str]:
        """The clauses whose failures are shown."""
        return frozenset(item.account.clause.id for item in self.broken)

    @property
    def broken(self) -> tuple[BrokenClause, ...]:
        """The clauses that do not hold: violated, warned, waived."""
        return (*self.violated, *self.warned, *self.waived)


def page(contract: Contract, traffic: Traffic, summary: Summary, directory: Path) -> Page:
    """Return the page of the run whose events are in ``directory``."""
    account = summary.account
    past = history.before(directory, summary.data)
    broken = {result: account.with_result(result) for result in ("violated", "warned", "waived")}
    wanted = failures.numbers(chain.from_iterable(broken.values())) | cause_cards.numbers(account)
    found = events.exchanges(directory, wanted)
    target = str(summary.data["target"])
    base_url = target.rstrip("/") if target.startswith(("http://", "https://")) else ""
    presentation = failures.Presentation(found, base_url, all_cases(contract), failures.Room())
    return Page(
        data=summary.data,
        counts={result: len(account.with_result(result)) for result in RESULTS},
        areas=tuple(areas(account.clauses)),
        violated=tuple(map(presentation.clause, broken["violated"])),
        warned=tuple(map(presentation.clause, broken["warned"])),
        waived=tuple(map(presentation.clause, broken["waived"])),
        folded=len(account.folded),
        notes=tuple(account.notes[:NOTES]),
        questions=tuple(_questions(contract, summary)),
        versions={"refund-conformance": summary.data["version"], **traffic.start.get("versions", {})},
        document=contract.operation.document,
        changes=history.since_last(past, summary.data),
        intermittent=tuple(item.clause.id for item in broken["violated"] if failures.is_intermittent(item)),
        strips=history.strips(past, summary.data) if past else {},
        latency=latency.by_area(contract, traffic),
        timeline=timeline.timeline(traffic),
        cards=cause_cards.cards(
            contract, presentation.cases, summary.data.get("causes", ()), account, found, past
        ),
        past=tuple(past),
    )


def cases(clauses: Collection[ClauseAccount]) -> int:
    """Return how many cases of an area were sent; of promises about every answer, how many answers there were."""
    sent = sum(item.cases for item in clauses if not item.clause.every_answer)
    return max([sent, *(item.cases for item in clauses if item.clause.every_answer)])


def areas(clauses: list[ClauseAccount]) -> list[Area]:
    """Return clauses by area: areas and clauses with worse results first, otherwise in the contract's order."""
    names = dict.fromkeys(item.clause.area for item in clauses)
    found = [
        Area(name, tuple(sorted((item for item in clauses if item.clause.area == name), key=_badness)))
        for name in names
    ]
    bad = ("violated", "warned", "untested")
    return sorted(found, key=lambda area: bad.index(area.worst) if area.worst in bad else len(bad))


def _badness(item: ClauseAccount) -> int:
    return RESULTS.index(item.result)


def _questions(contract: Contract, summary: Summary) -> Iterator[Answer]:
    for row in summary.data["questions"]:
        question = contract.questions[row["id"]]
        yield Answer(question.id, question.asks, row["observed"] or "", row["pinned"] or "")
