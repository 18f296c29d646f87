"""The report page's content, ready to be laid out: nothing is left for the template to decide."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refund_conformance.cases import all_cases
from refund_conformance.contract import Contract
from refund_conformance.report import events, failures
from refund_conformance.report.account import ClauseAccount
from refund_conformance.report.failures import BrokenClause
from refund_conformance.report.summary import Summary
from refund_conformance.report.traffic import Traffic

RESULTS = ("violated", "warned", "untested", "waived", "held")
"""Results of clauses, worst first."""


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
    def worst(self) -> str:
        """The worst result of the area's clauses."""
        return min((item.result for item in self.clauses), key=RESULTS.index)

    @property
    def cases(self) -> int:
        """How many cases were sent, or for a general promise, answers judged."""
        return sum(item.cases for item in self.clauses)


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
    folded: int
    questions: tuple[Answer, ...]
    versions: Mapping[str, str]
    document: str


def page(contract: Contract, traffic: Traffic, summary: Summary, directory: Path) -> Page:
    """Return the page of the run whose events are in ``directory``."""
    account = summary.account
    violated, warned = account.with_result("violated"), account.with_result("warned")
    found = events.exchanges(directory, failures.numbers([*violated, *warned]))
    target = str(summary.data["target"])
    base_url = target.rstrip("/") if target.startswith(("http://", "https://")) else ""
    presentation = failures.Presentation(found, base_url, all_cases(contract))
    return Page(
        data=summary.data,
        counts={result: len(account.with_result(result)) for result in RESULTS},
        areas=tuple(areas(account.clauses)),
        violated=tuple(presentation.clause(item) for item in violated),
        warned=tuple(presentation.clause(item) for item in warned),
        folded=len(account.folded),
        questions=tuple(_questions(contract, summary)),
        versions={"refund-conformance": summary.data["version"], **traffic.start.get("versions", {})},
        document=contract.operation.document,
    )


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
