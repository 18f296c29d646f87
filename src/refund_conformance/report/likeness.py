"""Compare how a run fails with how known faults fail: the signatures of the mock's catalogue, kept as data."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from math import log, sqrt
from typing import Any

from refund_conformance.cases.probes import PROBE
from refund_conformance.contract.data_files import folder
from refund_conformance.report.events import exploration

FILE = "fault-signatures.json"

ACTUAL_COMPARED = 60
"""Characters of what came that are compared: the beginning is what tells."""

Event = Mapping[str, Any]
Failing = frozenset[tuple[str, str, str]]
"""How a run fails: (case, kind of finding, what came) for each finding."""


@dataclass(frozen=True)
class Signature:
    """How a server with one known fault fails. ``clauses`` are those that a run of it reports as violated."""

    name: str
    clause: str
    title: str
    story: str
    clauses: frozenset[str]
    failing: Failing

    @cached_property
    def tokens(self) -> frozenset[str]:
        """What is compared of it."""
        return tokens(self.failing)


@dataclass(frozen=True)
class Likeness:
    """A signature and how near it is: 1 for the same failures, 0 for none in common."""

    signature: Signature
    nearness: float


def failing_of(cases: Iterable[Event]) -> Failing:
    """Return how some cases fail; drawn cases of one clause count as one, and probes as none."""
    return frozenset(
        (exploration(case["case"]) or case["case"], finding["kind"], finding["actual"][:ACTUAL_COMPARED])
        for case in cases
        if not case["case"].partition("/")[2].startswith(PROBE)
        for finding in case["findings"]
    )


def tokens(failing: Failing) -> frozenset[str]:
    """Return the parts that are compared: case, case with kind and answer, clause with kind and answer."""
    found: set[str] = set()
    for case, kind, actual in failing:
        clause = case.partition("/")[0]
        found |= {case, f"{case} {kind}", f"{case} {kind} {actual}", f"{clause} {kind} {actual}"}
    return frozenset(found)


class Signatures:
    """All known signatures. A token that few of them have weighs more than one that many have."""

    def __init__(self, known: Iterable[Signature]) -> None:
        self.known = tuple(known)
        self._having = Counter(token for signature in self.known for token in signature.tokens)
        self._norms = {signature.name: self._norm(signature.tokens) for signature in self.known}

    def weight(self, token: str) -> float:
        """Return how much a token tells: more, the fewer signatures have it."""
        return log((len(self.known) + 1) / (self._having[token] + 0.5))

    def near(self, failing: Failing, without: str = "") -> list[Likeness]:
        """Return all signatures that have something in common with some failures, the nearest first.

        ``without`` names a signature that is left out, to measure with.
        """
        mine = tokens(failing)
        norm = self._norm(mine)
        found = [
            Likeness(known, self._common(mine, known.tokens) / (norm * self._norms[known.name]))
            for known in self.known
            if known.name != without and not mine.isdisjoint(known.tokens)
        ]
        return sorted(found, key=lambda likeness: (-likeness.nearness, likeness.signature.name))

    def covered(self, signature: Signature, failing: Failing) -> float:
        """Return the weighted share of a signature's failures that some failures have too."""
        return self._common(signature.tokens, tokens(failing)) / max(self._norms[signature.name] ** 2, 1e-9)

    def _common(self, one: frozenset[str], other: frozenset[str]) -> float:
        return sum(self.weight(token) ** 2 for token in one & other)

    def _norm(self, some: frozenset[str]) -> float:
        return sqrt(sum(self.weight(token) ** 2 for token in some)) or 1.0


def as_data(signatures: Iterable[Signature]) -> dict[str, Any]:
    """Return signatures as the content of the data file: failing slugs by clause, kind and what came."""
    return {
        "format": 1,
        "signatures": {
            one.name: {
                "clause": one.clause,
                "story": one.story,
                "violated": sorted(one.clauses),
                "failing": _packed(one.failing),
            }
            for one in sorted(signatures, key=lambda one: one.name)
        },
    }


def _packed(failing: Failing) -> dict[str, dict[str, list[str]]]:
    packed: dict[str, dict[str, list[str]]] = {}
    for case, kind, actual in sorted(failing):
        clause, _, slug = case.partition("/")
        packed.setdefault(clause, {}).setdefault(f"{kind}: {actual}", []).append(slug)
    return packed


def from_data(data: Mapping[str, Any], titles: Mapping[str, str]) -> Iterator[Signature]:
    """Yield the signatures of a data file; one without a title is told by its story."""
    for name, row in data["signatures"].items():
        failing = frozenset(
            (f"{clause}/{slug}" if slug else clause, *answer.split(": ", 1))
            for clause, answers in row["failing"].items()
            for answer, slugs in answers.items()
            for slug in slugs
        )
        title = titles.get(name, row["story"].rstrip("."))
        yield Signature(name, row["clause"], title, row["story"], frozenset(row["violated"]), failing)


@cache
def known(titles: tuple[tuple[str, str], ...]) -> Signatures:
    """Return the signatures that come with the package; none, if there is no file of them."""
    path = folder("contracts") / FILE
    if not path.is_file():
        return Signatures(())
    return Signatures(from_data(json.loads(path.read_text(encoding="utf-8")), dict(titles)))
