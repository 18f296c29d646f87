"""The end of a run under pytest: its pages, the last look for secrets in them, and the outcome on the terminal."""

import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

import pytest

from refund_conformance.contract.errors import RunError
from refund_conformance.contract.model import Contract
from refund_conformance.report.session import ReportSession
from refund_conformance.report.summary import Summary

NAME = "refund-conformance-ending"
_OUTPUT = "refund_secrets"


class Ending:
    """A pytest plugin that makes the pages of a run, unless whoever started pytest makes them.

    ``session`` returns the record of the run, in the process that has one; ``known`` returns the secrets that the
    process knows at the moment. ``secrets`` are all that any process knew.
    """

    def __init__(
        self,
        config: pytest.Config,
        contract: Contract,
        session: Callable[[], ReportSession | None],
        known: Callable[[], Iterable[str]],
    ) -> None:
        self.secrets: set[str] = set()
        self._config = config
        self._contract = contract
        self._session = session
        self._known = known
        self._made: Summary | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, Any, Any]:
        """Learn the secrets that a test brought: a token is renewed now and then."""
        report = yield
        self.secrets.update(self._known())
        return report

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Learn the secrets of a worker. They are told by its own channel: reports go to other plugins, too."""
        told: Mapping[str, list[str]] = getattr(node, "workeroutput", {})
        self.secrets.update(told.get(_OUTPUT, ()))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Make the pages, once the record is closed, and look for secrets in them."""
        yield
        self.secrets.update(self._known())
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput[_OUTPUT] = sorted(self.secrets)
        record = self._session()
        if record is None or record.summary is None or self._config.option.no_pages:
            return
        from refund_conformance.report.secret_scan import finish

        try:
            self._made = finish(record.directory, self.secrets)
        except RunError as problem:
            sys.stderr.write(f"\n{record.problem or problem}\n")
            return
        if self._made.exit_status != record.summary.exit_status:
            session.exitstatus = self._made.exit_status

    @property
    def record(self) -> ReportSession | None:
        """The record of the run, in the process that has one."""
        return self._session()

    @pytest.hookimpl
    def pytest_terminal_summary(self) -> None:
        """Tell the outcome."""
        record = self._session()
        if self._made is not None and record is not None:
            from refund_conformance.report.terminal import tell

            sys.stdout.write("\n")
            tell(self._made, self._contract, record.directory, sys.stdout)
