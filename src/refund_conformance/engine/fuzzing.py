"""Carry out the cases that are drawn of a clause, within bounds, and make a failing one smaller."""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from unittest import SkipTest

from hypothesis.database import ExampleDatabase, InMemoryExampleDatabase
from hypothesis.errors import HypothesisException
from hypothesis.strategies import SearchStrategy

from refund_conformance.cases.case import Case
from refund_conformance.cases.generation import Drawn, drawing_test, fingerprint, fuzzed
from refund_conformance.engine.runner import Runner
from refund_conformance.oracle.finding import Kind
from refund_conformance.oracle.result import Outcome, Result

SHRINKS = 10
"""Requests spent at most on making a failing payload smaller."""

COMING = 128
"""How many drawn cases are looked at ahead of their turn, where several requests may be in flight."""


class _FailingError(AssertionError):
    """A drawn case failed; Hypothesis looks for a smaller one that fails likewise."""


class _Exploration:
    """The drawn cases that were carried out, each payload once."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self._held: set[bytes] = set()
        self._failed: set[bytes] = set()
        self._left = SHRINKS
        self.seen = 0
        self.last: Result | None = None
        self.failing: Result | None = None
        """The last result that is a violation: that of the smallest payload."""

    def carry_out(self, case: Case) -> None:
        """Carry a case out, unless its payload is known. Raises _FailingError if it fails."""
        sent = fingerprint(case)
        if sent in self._held or (self.failing and sent not in self._failed and not self._left):
            return
        if sent not in self._failed and not self._holds(case):
            self._failed.add(sent)
        if sent in self._failed:
            raise _FailingError(case.clause)
        self._held.add(sent)

    def carry_out_drawn(self, case: Case) -> None:
        """Carry a case out that Hypothesis has just drawn, under a number of its own."""
        self.carry_out(replace(case, id=f"{case.id}-{self.seen + 1}"))

    def _holds(self, case: Case) -> bool:
        self._left -= self.failing is not None
        result = self.runner.examine(case)
        self.seen += 1
        self.last = result
        if any(finding.kind is Kind.ACCEPTED for finding in result.findings):
            self._left = 0  # it used up an order, and so would each smaller one
        if result.outcome is not Outcome.VIOLATED:
            return True
        self.failing = result
        return False


def explore(
    runner: Runner,
    strategy: SearchStrategy[Case],
    drawn: Iterator[Drawn],
    seed: int,
    database: ExampleDatabase | None = None,
) -> Result | None:
    """Carry out cases drawn by a strategy and return the result that tells most: the last failing one.

    What failed in an earlier run is in the ``database``, and comes first. None if nothing was drawn.
    """
    done = _Exploration(runner)
    if database is not None:
        _replay(done, strategy, database, seed)
    if done.failing is None:
        _explore_anew(done, strategy, drawn, seed, database or InMemoryExampleDatabase())
    return done.failing or done.last


def _explore_anew(
    done: _Exploration,
    strategy: SearchStrategy[Case],
    drawn: Iterator[Drawn],
    seed: int,
    database: ExampleDatabase,
) -> None:
    """Carry out cases as they are drawn, some of them sent ahead; at the first failure, shrink."""
    numbered = (
        Drawn(replace(one.case, id=f"{one.case.id}-{number}"), one.source)
        for number, one in enumerate(drawn, done.seen + 1)
    )
    coming = deque(islice(numbered, COMING))
    done.runner.prefetch(one.case for one in coming)
    while coming:
        turn = coming.popleft()
        try:
            done.carry_out(turn.case)
        except _FailingError:
            with suppress(_FailingError):
                fuzzed(drawing_test(strategy, done.carry_out_drawn, database, seed))(turn.source)
            _replay(done, strategy, database, seed)
            return
        if done.last is not None and done.last.outcome is Outcome.UNTESTED:
            return  # nor would the others be
        if len(coming) == COMING // 2:  # drawing and sending by turns, each for a while, are quicker
            following = list(islice(numbered, COMING // 2))
            done.runner.prefetch(one.case for one in following)
            coming += following


def _replay(done: _Exploration, strategy: SearchStrategy[Case], database: ExampleDatabase, seed: int) -> None:
    """Carry out the cases that a database has, and make a failing one smaller."""
    # Hypothesis's complaints are not told: the results speak for themselves. Where nothing is kept, it skips.
    with suppress(_FailingError, HypothesisException, ExceptionGroup, SkipTest):
        drawing_test(strategy, done.carry_out_drawn, database, seed)()
