"""In what order checks add most: those first by which most of the mock's faults are seen, for what they cost."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from refund_conformance.cases import all_cases
from refund_conformance.contract.data_files import folder
from refund_conformance.contract.model import Contract
from refund_conformance.engine import race
from refund_conformance.engine.partitions import joints
from refund_conformance.report.atomic_write import replace_file

FILE = "check-order.json"

BEGINNING = 3
"""Requests that every run begins with."""

ROUNDS = 3
"""How many checks that see a fault come before those that see none besides: another server's fault is never quite
the same."""


@dataclass(frozen=True)
class Step:
    """A check, by its case or, where it has none, its clause.

    ``adds`` is how many faults it is the first to see.
    """

    check: str
    adds: int


@cache
def load() -> tuple[Step, ...]:
    """Return the order that selfcheck has found."""
    data = json.loads((folder("contracts") / FILE).read_text(encoding="utf-8"))
    return tuple(Step(**step) for step in data["order"])


@dataclass(frozen=True)
class Seen:
    """A fault that was seen: the clause that it breaks, and the cases that failed."""

    fault: str
    clause: str
    cases: frozenset[str]


def write(faults: Iterable[Seen], contract: Contract, path: Path) -> int:
    """Find the order from faults that were seen, and write it; return how many checks it has."""
    check_of = _checks(contract)
    checks = {seen.fault: {check_of(case) for case in _own(seen, contract)} for seen in faults}
    steps = list(ordered(checks, _price(contract)))
    data = {"format": 1, "order": [asdict(step) for step in steps]}
    replace_file(path, json.dumps(data, indent=0) + "\n")
    return len(steps)


def ordered(seen: Mapping[str, set[str]], price: Callable[[str], int]) -> Iterator[Step]:
    """Yield checks so that as few requests as possible see as many faults as possible.

    ``seen`` has the checks that see each fault. Once all are seen they are looked for again, by other checks.
    """
    sees: dict[str, set[str]] = {}
    for fault, checks in seen.items():
        for check in checks:
            sees.setdefault(check, set()).add(fault)
    for round_ in range(ROUNDS):
        left = set(seen)
        while sees:
            best = max(sorted(sees), key=lambda check: len(sees[check] & left) / price(check))
            found = sees[best] & left
            if not found:
                break
            yield Step(best, len(found) if round_ == 0 else 0)
            left -= found
            del sees[best]


def curve(contract: Contract, bounds: Sequence[int]) -> list[tuple[int, float]]:
    """Return, for numbers of requests, what part of the mock's faults a run with so many can see at most."""
    price = _price(contract)
    sent, seen, found = BEGINNING, 0, dict.fromkeys(bounds, 0)
    total = sum(step.adds for step in load()) or 1
    for step in load():
        sent, seen = sent + price(step.check), seen + step.adds
        found |= {bound: seen for bound in bounds if sent <= bound}
    return [(bound, count / total) for bound, count in found.items()]


def _own(seen: Seen, contract: Contract) -> Iterable[str]:
    """Return the cases by which a fault is named as what it is."""
    every_answer = contract.clauses[seen.clause].every_answer
    own = {case for case in seen.cases if every_answer or case.partition("/")[0] == seen.clause}
    return own or seen.cases


def _checks(contract: Contract) -> Callable[[str], str]:
    """Return what tells to which check a case of a record belongs."""
    cases, shared = all_cases(contract), joints(contract, contract.clauses)
    wholes = {joint.joined.case.id: joint.joined.members[0] for joint in shared.values()}
    followed = {id_.replace("/", "-").replace(".", "-"): first for id_, first in wholes.items()}

    def check_of(case: str) -> str:
        clause, _, slug = case.partition("/")
        if case in shared:
            return shared[case].joined.members[0]
        if case in cases or case in wholes:
            return wholes.get(case, case)
        return followed.get(slug.removeprefix("after-"), clause)

    return check_of


def _price(contract: Contract) -> Callable[[str], int]:
    """Return what tells how many requests a check takes, more or less."""
    cases = all_cases(contract)
    several = {"order.race": race.price(0)[0], "order.lifecycle": 10, "server.isolation": 8}
    firsts = {joint.joined.members[0] for joint in joints(contract, contract.clauses).values()}

    def price(check: str) -> int:
        if check in cases:
            return race.SIMULTANEOUS if check in firsts else 1
        return several.get(check, 4)

    return price
