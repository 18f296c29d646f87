"""Replay a run's cases through pytest, so that its plugins write their reports of them: HTML, JUnit XML, CTRF.

Nothing is sent and no test is collected: each case becomes a ready test report, which is handed to the plugins.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, Literal

import pytest
from jinja2 import Template
from pytest_html.report_data import ReportData
from pytest_html.selfcontained_report import SelfContainedReport

from refund_conformance.errors import RunError
from refund_conformance.report.items import Item, slug
from refund_conformance.report.visible import plain, tidy

HTML, JUNIT, CTRF = "report.html", "junit.xml", "ctrf.json"

_INI = "[pytest]\nrender_collapsed = all\njunit_family = xunit2\n"
_LEFT_OUT = ("cacheprovider", "faulthandler", "logging", "terminal", "threadexception", "unraisableexception")
_WITHOUT = (*_LEFT_OUT, "warnings", "doctest", "pastebin", "stepwise", "debugging")
_DISTURBING = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DEBUG")


def replay(directory: Path, cases: Sequence[Item], frame: Template, content: str) -> None:
    """Write report.html, junit.xml and ctrf.json of some cases into ``directory``.

    ``frame`` is the page's template, and ``content`` the main part of it, as HTML.
    """
    with tempfile.TemporaryDirectory() as root, _undisturbed():
        settings = Path(root) / "pytest.ini"
        settings.write_text(_INI, encoding="utf-8")
        arguments = ["-c", str(settings), "--rootdir", root, "--noconftest", "--disable-plugin-autoload", root]
        arguments += ["-p", "pytest_metadata.plugin", "-p", "pytest_html.plugin", "-p", "ctrf.main"]
        arguments += ["--capture=no", "--assert=plain", *(f"-pno:{name}" for name in _WITHOUT)]
        arguments += ["--junit-xml", str(directory / JUNIT), "--ctrf", str(directory / CTRF)]
        status = pytest.main(arguments, plugins=[_Replay(directory / HTML, cases, frame, content)])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RunError(f"report directory {directory}", "pytest could not write the pages", "See its message above.")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep what a person set for pytest out of the replay."""
    kept = {name: os.environ.pop(name) for name in _DISTURBING if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


class _Replay:
    """The plugin that stands in for collection and tests, and lays out pytest-html's rows."""

    def __init__(self, path: Path, cases: Sequence[Item], frame: Template, content: str) -> None:
        self._path = path
        self._cases = {case.id: case for case in cases}
        self._frame = frame
        self._content = content

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Register pytest-html's report, with our own template around it."""
        report = SelfContainedReport(str(self._path), config, ReportData(config), self._frame, "")
        config.pluginmanager.register(report, "refund-conformance-html")

    @pytest.hookimpl(optionalhook=True)
    def pytest_metadata(self, metadata: dict[str, Any]) -> None:
        """Leave out what pytest-metadata found in the environment of whoever renders."""
        metadata.clear()

    @pytest.hookimpl
    def pytest_collection(self, session: pytest.Session) -> bool:
        """Collect nothing: the cases are known."""
        session.testscollected = len(self._cases)
        return True

    @pytest.hookimpl
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Report every case."""
        for case in self._cases.values():
            for report in _reports(case):
                session.config.hook.pytest_runtest_logreport(report=report)
        return True

    # -- pytest-html -------------------------------------------------------------------------------

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: ReportData) -> None:
        """Name the page."""
        report.title = "Conformance report"

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """Put in the main part."""
        prefix.append(self._content)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Name the columns; the plugin's script sorts by a click on an element of class sortable."""
        titles = {"result": "Result", "clause": "Clause", "case": "Case", "duration": "Time"}
        cells[:] = [
            f'<th scope="col"><button type="button" class="sortable" data-column-type="{key}">{title}</button></th>'
            for key, title in titles.items()
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        """Lay out a row. pytest-html puts cells in as they are, so everything is escaped here."""
        case = self._cases[report.nodeid]
        if not case.listed or len(cells) < 4:
            cells.clear()
            return
        told = f"<strong>{escape(plain(case.slug, 150))}</strong> {escape(plain(case.title, 300))}"
        if case.message:
            told += f"<br>{escape(plain(case.message, 400))}"
        result = re.sub(r"<[^>]*>", "", cells[0])
        # Cells of the class col-links do not fold on a click, for which there is no key.
        cells[:] = [
            f'<td class="col-result col-links">{escape(_LABELS.get(result, result))}</td>',
            f'<td class="col-clause col-links"><code>{escape(plain(case.clause, 100))}</code></td>',
            f'<td class="col-case col-links">{told}</td>',
            f'<td class="col-duration col-links">{escape(re.sub(r"<[^>]*>", "", cells[2]))}</td>',
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_html(self, data: list[str]) -> None:
        """Leave the log out: what there is to tell stands in the row and in the main part."""
        data.clear()


_LABELS = {"XFailed": "Warned", "Skipped": "Not sent", "Error": "Undecided"}


def _reports(case: Item) -> Iterator[pytest.TestReport]:
    """Yield a case's reports of setup, call and teardown as pytest would."""
    setup: Literal["passed", "failed"] = "failed" if case.outcome == "error" else "passed"
    yield _report(case, "setup", setup, 0.0)
    if case.outcome != "error":
        outcome = "skipped" if case.outcome == "xfailed" else case.outcome
        yield _report(case, "call", outcome, case.seconds)
    yield _report(case, "teardown", "passed", 0.0)


def _report(
    case: Item,
    when: Literal["setup", "call", "teardown"],
    outcome: Literal["passed", "failed", "skipped"],
    seconds: float,
) -> pytest.TestReport:
    location = (f"{slug(case.clause)}.py", 0, slug(case.slug))
    told: Any = None
    if outcome == "failed":
        told = tidy(f"{case.title}\n{case.message}")
    elif outcome == "skipped":
        told = (location[0], 0, f"Skipped: {plain(case.message)}")
    stop = case.started + seconds
    report = pytest.TestReport(
        case.id, location, {}, outcome, told, when, (), seconds, case.started, stop, _properties(case)
    )
    if case.outcome == "xfailed" and when == "call":
        report.wasxfail = plain(case.message)
    return report


def _properties(case: Item) -> list[tuple[str, object]]:
    return [("clause", case.clause), ("level", case.level), ("title", plain(case.title))]
