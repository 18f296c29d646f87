"""Let Hypothesis draw cases from a strategy, each once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis.database import ExampleDatabase
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy

from refund_conformance.cases.case import Case

SOURCE = 512
"""Random bytes that a case is drawn from: more than any takes."""

STALE = 50
"""After how many draws in a row that bring nothing new there is taken to be nothing more."""


def fingerprint(case: Case) -> bytes:
    """Return what tells a drawn case from another, in few bytes."""
    draft = case.draft
    situation = replace(case.situation, invalid=frozenset())  # the body tells, and a set is written in any order
    told = repr((draft.method, draft.content_type, draft.credential, case.group, situation)).encode()
    return blake2b(told + draft.body, digest_size=16).digest()


@dataclass(frozen=True)
class Drawn:
    """A case that Hypothesis drew, and the bytes that it draws the same case from again."""

    case: Case
    source: bytes


def draw(strategy: SearchStrategy[Case], examples: int, seed: int) -> Iterator[Drawn]:
    """Yield up to so many cases that Hypothesis draws from a strategy, each once; the same for the same seed.

    They are drawn by its entry for fuzzers, which takes less than half the time of its engine.
    """
    if not examples:
        return
    latest: list[Case] = []
    try:
        fuzz = fuzzed(drawing_test(strategy, latest.append, None, seed))
    except Unsatisfiable:
        return
    random = Random(seed)  # noqa: S311  (nothing is secret here)
    known: set[bytes] = set()
    stale = 0
    while len(known) < examples and stale < STALE:
        source = random.randbytes(SOURCE)
        fuzz(source)
        stale += 1
        if latest and (sent := fingerprint(case := latest.pop())) not in known:
            known.add(sent)
            stale = 0
            yield Drawn(case, source)


def fuzzed(test: Any) -> Callable[[bytes], bytes | None]:
    """Return a test's entry for fuzzers: it draws a case from bytes, and keeps one that fails in the database."""
    entry: Callable[[bytes], bytes | None] = test.hypothesis.fuzz_one_input
    return entry


def drawing_test(
    strategy: SearchStrategy[Case], take: Callable[[Case], None], database: ExampleDatabase | None, seed: int
) -> Any:
    """Return a test that takes the cases which Hypothesis draws."""

    def check(case: Case) -> None:
        take(case)

    bounded = settings(
        database=database,
        deadline=None,
        derandomize=False,
        phases=(Phase.reuse, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=False,
    )
    return bounded(seeded(seed)(given(strategy)(check)))  # the settings come last: a seed takes the database away
