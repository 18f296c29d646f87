"""Let Hypothesis draw further cases of a clause, within bounds, and carry them out."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from unittest import SkipTest

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis.database import ExampleDatabase
from hypothesis.errors import HypothesisException
from hypothesis.strategies import SearchStrategy

from refund_conformance.cases.case import Case
from refund_conformance.examination import Examination
from refund_conformance.finding import Kind
from refund_conformance.result import Outcome, Result

SHRINKS = 10
"""Requests spent at most on making a failing payload smaller."""

COMING = 64
"""How many drawn cases are looked at ahead of their turn, where several requests may be in flight."""

Payload = tuple[str, str | None, bytes]


class _FailingError(AssertionError):
    """A drawn case failed; Hypothesis looks for a smaller one that fails likewise."""


class _Exploration:
    """The drawn cases that were carried out, each payload once."""

    def __init__(self, examination: Examination) -> None:
        self._examination = examination
        self._held: set[Payload] = set()
        self._failed: set[Payload] = set()
        self._left = SHRINKS
        self.seen = 0
        self.last: Result | None = None
        self.failing: Result | None = None
        """The last result that is a violation: that of the smallest payload."""

    def carry_out(self, case: Case) -> None:
        """Carry a case out, unless its payload is known. Raises _FailingError if it fails."""
        payload = (case.draft.method, case.draft.content_type, case.draft.body)
        if payload in self._held or (self.failing and payload not in self._failed and not self._left):
            return
        if payload not in self._failed and not self._holds(case):
            self._failed.add(payload)
        if payload in self._failed:
            raise _FailingError(case.clause)
        self._held.add(payload)

    def carry_out_drawn(self, case: Case) -> None:
        """Carry a case out that Hypothesis has just drawn, under a number of its own."""
        self.carry_out(replace(case, id=f"{case.id}-{self.seen + 1}"))

    def _holds(self, case: Case) -> bool:
        self._left -= self.failing is not None
        result = self._examination.examine(case)
        self.seen += 1
        self.last = result
        if any(finding.kind is Kind.ACCEPTED for finding in result.findings):
            self._left = 0  # it used up an order, and so would each smaller one
        if result.outcome is not Outcome.VIOLATED:
            return True
        self.failing = result
        return False


def explore(
    examination: Examination,
    strategy: SearchStrategy[Case],
    examples: int,
    seed: int,
    database: ExampleDatabase | None = None,
) -> Result | None:
    """Carry out cases drawn by a strategy and return the result that tells most: the last failing one.

    What failed in an earlier run is in the ``database``, and comes first. None if nothing was drawn.
    """
    done = _Exploration(examination)
    if database is not None:
        _hypothesize(done.carry_out_drawn, strategy, seed, examples, (Phase.reuse, Phase.shrink), database)
    if done.failing is None and examples:
        _explore_anew(done, examination, strategy, examples, seed, database)
    return done.failing or done.last


def _explore_anew(
    done: _Exploration,
    examination: Examination,
    strategy: SearchStrategy[Case],
    examples: int,
    seed: int,
    database: ExampleDatabase | None,
) -> None:
    """Draw all cases first, then carry them out, so that some may be sent ahead; at the first failure, shrink."""
    numbered = enumerate(draw(strategy, examples, seed), done.seen + 1)
    named = [replace(case, id=f"{case.id}-{number}") for number, case in numbered]
    examination.send_ahead(named[:COMING])
    with suppress(_FailingError):
        for place, case in enumerate(named):
            done.carry_out(case)
            examination.send_ahead(named[place + COMING : place + COMING + 1])
    if done.failing:
        # Drawn once more, the same payloads lead Hypothesis to the failing one, which it can make smaller.
        phases = (Phase.generate, Phase.shrink)
        _hypothesize(done.carry_out_drawn, strategy, seed, examples, phases, database)


def draw(strategy: SearchStrategy[Case], examples: int, seed: int) -> list[Case]:
    """Return up to so many cases that Hypothesis draws from a strategy; the same ones for the same seed."""
    drawn: list[Case] = []
    _hypothesize(lambda case: drawn.append(case), strategy, seed, examples, (Phase.generate,), None)
    return drawn


def _hypothesize(
    test: Callable[[Case], None],
    strategy: SearchStrategy[Case],
    seed: int,
    examples: int,
    phases: tuple[Phase, ...],
    database: ExampleDatabase | None,
) -> None:
    """Let Hypothesis call a test with cases. Its complaints are not told: the results speak for themselves."""
    bounded = settings(
        max_examples=max(1, examples),
        database=database,
        deadline=None,
        derandomize=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=False,
    )

    def check(case: Case) -> None:
        test(case)

    # The settings come last, for a seed takes the database away. Where nothing is kept in it, Hypothesis skips.
    with suppress(_FailingError, HypothesisException, ExceptionGroup, SkipTest):
        bounded(seeded(seed)(given(strategy)(check)))()
