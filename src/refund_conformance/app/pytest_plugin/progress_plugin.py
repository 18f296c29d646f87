"""Keep count of how far a run is, in all its processes, and show it on a terminal where somebody looks."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from refund_conformance.app.pytest_plugin.progress_state import ProgressState
from refund_conformance.sut.limits import limits_of
from refund_conformance.sut.profile import Profile
from refund_conformance.sut.settings import Settings

if TYPE_CHECKING:  # rich is slow to load, and only a terminal needs it
    from refund_conformance.app.pytest_plugin.progress import Line


class ProgressPlugin:
    """A pytest plugin: each process tells which clauses a test was of, and the one with the record keeps count.

    ``clauses`` returns the clauses that a test of the suites checks. ``usual`` is the verbosity of somebody who
    asked for neither more nor less.
    """

    def __init__(self, config: pytest.Config, clauses: Callable[[pytest.Item], Sequence[str]], usual: int) -> None:
        self.standing = ProgressState()
        self._clauses = clauses
        self._told = False
        self._wanted = is_wanted(config, usual)
        self._is_silent = usual < 0 and config.option.verbose == usual
        self._shown = False
        self._line: Line | None = None

    def begin(self, settings: Settings, profile: Profile) -> None:
        """Show how far a run within these bounds is from its first test on, where somebody looks."""
        self.standing.orders = min(limits_of(settings, profile).orders, len(settings.orders.get("refundable", ())))
        self._shown = self._wanted

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Attach a test's clauses to its last report, and to the first of all how many tests each clause has."""
        report = yield
        if report.when == "teardown":
            report.refund_clauses = self._clauses_of(item)
            if not self._told:
                every = item.session.items
                report.refund_plan = dict(Counter(clause for other in every for clause in self._clauses_of(other)))
                report.refund_tests = len(every)
                self._told = True
        return report

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep count of a test that has ended."""
        if plan := getattr(report, "refund_plan", None):
            self.standing.plan(plan, report.refund_tests)
        if report.when == "teardown":
            self.standing.end(getattr(report, "refund_clauses", ()))
            if self._shown:
                self._show()

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self) -> Generator[None, Any, Any]:
        """Keep pytest's own marks off the terminal where the line is."""
        category, letter, word = yield
        return (category, "", "") if self._shown or self._is_silent else (category, letter, word)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Take the line away."""
        if self._line is not None:
            self._line.close()
        self._shown = False

    def _show(self) -> None:
        if self._line is None:
            from refund_conformance.app.pytest_plugin.progress import Line

            self._line = Line(self.standing)
        self._line.update()

    def _clauses_of(self, item: pytest.Item) -> list[str]:
        return list(self._clauses(item)) if item.get_closest_marker("clause") else []


def is_wanted(config: pytest.Config, usual: int) -> bool:
    """Whether somebody looks at the terminal, and wants neither less to be written there nor more."""
    if config.option.collectonly or config.option.verbose != usual:
        return False
    return sys.stdout.isatty() and os.environ.get("TERM") not in (None, "dumb", "unknown")
