"""What a test of the suites works with: it hands over cases and is told whether they held."""

import pytest

from refund_conformance.cases.case import Case
from refund_conformance.contract.errors import TargetError
from refund_conformance.engine import comparisons, scenarios
from refund_conformance.engine.run import Run
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.report.escaping import plain


class Target:
    """The server under test, as tests see it. Each method ends the test as the result demands."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def check(self, case: Case) -> None:
        """Send a case and judge the answer."""
        self._carry_out(lambda examination: examination.examine(case))

    def explore(self, clause: str) -> None:
        """Send cases of a clause that Hypothesis draws."""
        try:
            result = self._run.explore(clause)
        except TargetError as problem:
            pytest.skip(str(problem))
        _tell(result)

    def check_no_effect(self, clause: str) -> None:
        """Prove that requests which were refused had no effect."""
        self._carry_out(lambda examination: scenarios.no_effect(examination, clause))

    def check_every_request(self) -> None:
        """Prove that a connection, or an address, lends no authorization."""
        self._carry_out(scenarios.every_request)

    def check_strangers_told_alike(self) -> None:
        """Prove that without authorization nobody learns whether an order exists."""
        self._carry_out(comparisons.strangers_told_alike)

    def check_foreign_as_unknown(self) -> None:
        """Prove that a foreign order is answered as an unknown one."""
        self._carry_out(comparisons.foreign_as_unknown)

    def check_steady(self) -> None:
        """Prove that the same request gets the same answer."""
        self._carry_out(comparisons.steady)

    def check_isolation(self) -> None:
        """Prove that requests under way at once get their own answers."""
        self._carry_out(scenarios.at_once)

    def check_once_at_last(self) -> None:
        """Prove that what was accepted still stands in the way at the end."""
        self._carry_out(scenarios.once_at_last)

    def check_race(self) -> None:
        """Prove that of simultaneous requests one is accepted."""
        rounds = self._run.profile.races
        self._carry_out(lambda examination: scenarios.race_rounds(examination, rounds))

    def check_lifecycle(self) -> None:
        """Prove that answers follow from what was accepted before."""
        profile, seed = self._run.profile, self._run.seed
        self._carry_out(lambda examination: scenarios.walk(examination, profile, seed))

    def review(self, kind: str) -> None:
        """Make sure that answers of a kind ("error", "success") were judged, and tell what they broke."""
        self._carry_out(lambda examination: scenarios.review(examination, kind))

    def _carry_out(self, check: scenarios.Flow) -> None:
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
