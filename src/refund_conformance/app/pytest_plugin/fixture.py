"""What a test of the suites works with: it hands over cases and is told whether they held."""

from collections.abc import Callable

import pytest

from refund_conformance.cases.case import Case
from refund_conformance.contract.errors import TargetError
from refund_conformance.engine.registry import Scenario
from refund_conformance.engine.run import Run
from refund_conformance.engine.runner import Runner
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.report.escaping import plain


class Target:
    """The server under test, as tests see it. Each method ends the test as the result demands."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def check(self, case: Case) -> None:
        """Send a case and judge the answer."""
        self._carry_out(lambda runner: runner.examine(case))

    def explore(self, clause: str) -> None:
        """Send cases of a clause that Hypothesis draws."""
        try:
            result = self._run.explore(clause)
        except TargetError as problem:
            pytest.skip(str(problem))
        _tell(result)

    def carry_out(self, scenario: Scenario) -> None:
        """Carry out a check of several requests."""
        profile, seed = self._run.context.profile, self._run.context.seed
        self._carry_out(lambda runner: scenario.carry_out(runner, profile, seed))

    def _carry_out(self, check: Callable[[Runner], Result]) -> None:
        try:
            result = self._run.carry_out(check)
        except TargetError as problem:
            pytest.skip(str(problem))
        _tell(result)


def _tell(result: Result | None) -> None:
    if result is None or result.outcome in (Outcome.HELD, Outcome.WARNED):
        return
    if result.outcome is not Outcome.VIOLATED:
        pytest.skip(result.reason or "nothing was sent")
    lines = [plain(f"{f.clause}: expected {f.expected}; got {f.actual}") for f in result.findings]
    pytest.fail("\n".join([f"{result.title} [{result.case}]", *lines]), pytrace=False)
