"""Replay a run's cases through pytest, so that its plugins write their reports of them: HTML, JUnit XML, CTRF.

Nothing is sent and no test is collected: each case becomes a ready test report, which is handed to the plugins.
"""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import pytest
from pytest_html.report_data import ReportData
from pytest_html.selfcontained_report import SelfContainedReport

from refund_conformance.contract.errors import RunError
from refund_conformance.report import templating
from refund_conformance.report.artifacts import CTRF, HTML, JUNIT
from refund_conformance.report.escaping import plain, tidy
from refund_conformance.report.items import Item, slug
from refund_conformance.report.pytest_environment import undisturbed

_INI = "[pytest]\nrender_collapsed = all\njunit_family = xunit2\n"
_LEFT_OUT = ("cacheprovider", "faulthandler", "logging", "terminal", "threadexception", "unraisableexception")
_WITHOUT = (*_LEFT_OUT, "warnings", "doctest", "pastebin", "stepwise", "debugging")


def replay(directory: Path, items: Sequence[Item], content: str, title: str = "Conformance report") -> None:
    """Write report.html, junit.xml and ctrf.json of some cases into ``directory``.

    ``content`` is the main part of the page, as HTML; ``title`` is what a browser names it.
    """
    with tempfile.TemporaryDirectory() as root, undisturbed(), redirect_stderr(StringIO()):
        settings = Path(root) / "pytest.ini"
        settings.write_text(_INI, encoding="utf-8")
        arguments = ["-c", str(settings), "--rootdir", root, "--noconftest", "--disable-plugin-autoload", root]
        arguments += ["-p", "pytest_metadata.plugin", "-p", "pytest_html.plugin", "-p", "ctrf.main"]
        arguments += ["--capture=no", "--assert=plain", *(f"-pno:{name}" for name in _WITHOUT)]
        arguments += ["--junit-xml", str(directory / JUNIT), "--ctrf", str(directory / CTRF)]
        status = pytest.main(arguments, plugins=[_Replay(directory / HTML, items, content, title)])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RunError(f"{directory}", "the pages cannot be written there", "Make room, or name another.")


class _Replay:
    """The plugin that stands in for collection and tests, and lays out pytest-html's rows."""

    def __init__(self, path: Path, items: Sequence[Item], content: str, title: str) -> None:
        self._path = path
        self._items = {item.id: item for item in items}
        self._content = content
        self._title = title

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Register pytest-html's report, with our own template around it."""
        report = SelfContainedReport(str(self._path), config, ReportData(config), templating.frame(), "")
        config.pluginmanager.register(report, "refund-conformance-html")

    @pytest.hookimpl(optionalhook=True)
    def pytest_metadata(self, metadata: dict[str, Any]) -> None:
        """Leave out what pytest-metadata found in the environment of whoever renders."""
        metadata.clear()

    @pytest.hookimpl
    def pytest_collection(self, session: pytest.Session) -> bool:
        """Collect nothing: the cases are known."""
        session.testscollected = len(self._items)
        return True

    @pytest.hookimpl
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Report every case."""
        for item in self._items.values():
            for report in _reports(item):
                session.config.hook.pytest_runtest_logreport(report=report)
        return True

    # -- pytest-html -------------------------------------------------------------------------------

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: ReportData) -> None:
        """Name the page."""
        report.title = self._title

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """Put in the main part."""
        prefix.append(self._content)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Name the columns."""
        cells[:] = templating.head()

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        """Lay out a row. pytest-html puts cells in as they are, so they come from a template that escapes."""
        item = self._items[report.nodeid]
        result, _, duration, *_ = [re.sub(r"<[^>]*>", "", cell) for cell in cells]
        cells[:] = (
            templating.row(item, result, "Waived" if item.waived else _LABELS.get(result, result), duration)
            if item.listed
            else []
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_html(self, data: list[str]) -> None:
        """Leave the log out: what there is to tell stands in the row and in the main part."""
        data.clear()


_LABELS = {"XFailed": "Warned", "Skipped": "Not sent", "Error": "Undecided"}


def _reports(item: Item) -> Iterator[pytest.TestReport]:
    """Yield a case's reports of setup, call and teardown as pytest would."""
    setup: Literal["passed", "failed"] = "failed" if item.outcome == "error" else "passed"
    yield _report(item, "setup", setup, 0.0)
    if item.outcome != "error":
        outcome = "skipped" if item.outcome == "xfailed" else item.outcome
        yield _report(item, "call", outcome, item.seconds)
    yield _report(item, "teardown", "passed", 0.0)


def _report(
    item: Item,
    when: Literal["setup", "call", "teardown"],
    outcome: Literal["passed", "failed", "skipped"],
    seconds: float,
) -> pytest.TestReport:
    location = (f"{slug(item.clause)}.py", 0, slug(item.slug))
    told: Any = None
    if outcome == "failed":
        told = tidy(f"{item.title}\n{item.message}")
    elif outcome == "skipped":
        told = (location[0], 0, f"Skipped: {plain(item.message)}")
    stop = item.started + seconds
    report = pytest.TestReport(
        item.id, location, {}, outcome, told, when, (), seconds, item.started, stop, _properties(item)
    )
    if item.outcome == "xfailed" and when == "call":
        report.wasxfail = plain(item.message)
    return report


def _properties(item: Item) -> list[tuple[str, object]]:
    return [("clause", item.clause), ("level", item.level), ("title", plain(item.title))]
