"""Interruption at any moment: what was recorded so far is valid, and it is never taken for a whole run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hostile_answers import silent
from hostile_runs import BOUND, SuiteRun, assert_discreet, assert_recorded, command, environment
from hostile_server import serving

from refund_conformance.contract import model as contracts
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.report import events
from refund_conformance.report.render import render
from refund_conformance.report.summary import summarize

PAUSE = 0.02
"""Seconds between two looks at how far a run has come."""

PAGES = ("conformance.json", "report.html", "junit.xml", "ctrf.json", "summary.md", "badge.json")


@pytest.fixture
def slow_mock() -> Iterator[RunningMock]:
    """A lawful mock that a run takes long for."""
    with running(MockSettings(delay=0.05)) as mock:
        yield mock


def interrupted(
    directory: Path,
    mock: RunningMock,
    signals: list[int],
    *more: str,
    lines: int = 40,
    group: bool = False,
    before: Callable[[], None] = lambda: None,
    timeout: int = 10,
) -> SuiteRun:
    """Start a run, send it signals once so many events are recorded, and return when it has ended.

    ``before`` is called before the first signal. ``timeout`` is how many seconds the run waits for an answer.
    """
    settings, report = directory / "target.toml", directory / "report"
    target = mock.target_toml().replace("[target]", f"[target]\ntimeout = {timeout}")
    settings.write_text(target, encoding="utf-8")
    with serving(silent) as elsewhere:
        process = subprocess.Popen(
            [*command(settings, report), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=environment(directory / "home", elsewhere.url),
            start_new_session=True,
        )
        with process:
            _wait_for_lines(report / "events.jsonl", lines, process)
            before()
            for number in signals:
                os.killpg(process.pid, number) if group else process.send_signal(number)
                _pause()
            output, _ = process.communicate(timeout=BOUND)
        told = output.decode("utf-8", "replace")
        return SuiteRun(process.returncode, told, report, mock.target_toml(), elsewhere.connections)


def _wait_for_lines(path: Path, lines: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(int(BOUND / PAUSE)):
        if process.poll() is not None or (path.exists() and path.read_bytes().count(b"\n") >= lines):
            return
        _pause()


def _pause() -> None:
    threading.Event().wait(PAUSE)


def assert_incomplete(directory: Path) -> list[dict[str, Any]]:
    """Assert that a summary of what was recorded is incomplete, and return the events."""
    recorded = list(events.read(directory))
    summary = summarize(contracts.load(), recorded)
    assert summary.data["verdict"] == "incomplete"
    assert summary.data["reason"]
    return recorded


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> SuiteRun:
    """A run that was killed midway, in a directory with pages of the run before, against a target with a fault."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "report").mkdir()
    for name in PAGES:
        (folder / "report" / name).write_text("conformant as yesterday")
    with running(MockSettings(delay=0.05, faults=("auth-anonymous-passes",))) as mock:
        return interrupted(folder, mock, [signal.SIGKILL], lines=150)


def assert_killed(run: SuiteRun) -> None:
    """Assert what holds after kill -9."""
    assert run.status == -signal.SIGKILL
    assert_recorded(run)
    assert_discreet(run)
    recorded = assert_incomplete(run.directory)
    assert recorded[-1]["event"] != "end"
    assert summarize(contracts.load(), recorded).exit_status == 3


def test_killed_run_is_valid_so_far(killed: SuiteRun) -> None:
    assert_killed(killed)


def test_run_that_is_killed_as_it_begins_is_valid_so_far(slow_mock: RunningMock, tmp_path: Path) -> None:
    assert_killed(interrupted(tmp_path, slow_mock, [signal.SIGKILL], lines=3))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminated_run_ends_with_its_pages(number: int, slow_mock: RunningMock, tmp_path: Path) -> None:
    run = interrupted(tmp_path, slow_mock, [number], lines=60)
    assert run.status == 143, run.output
    assert_recorded(run)
    assert_discreet(run)
    assert run.events[-1]["terminated"] is True
    assert run.conformance["verdict"] == "incomplete"
    assert "it was interrupted" in (run.directory / "report.html").read_text(encoding="utf-8")
    before = (run.directory / "conformance.json").read_bytes()
    assert render(run.directory).exit_status == 143
    assert (run.directory / "conformance.json").read_bytes() == before
    assert "Traceback" not in run.output


def test_no_page_of_the_run_before_stands_beside_a_killed_run(killed: SuiteRun) -> None:
    for name in PAGES:
        assert "conformant" not in (killed.directory / name).read_text(encoding="utf-8"), name
    ElementTree.parse(killed.directory / "junit.xml")  # noqa: S314  (our own file)
    assert killed.conformance["reason"] == "the run did not come to its end"


def test_a_second_run_in_a_directory_is_refused_in_one_line(slow_mock: RunningMock, tmp_path: Path) -> None:
    ended: list[subprocess.CompletedProcess[str]] = []

    def second() -> None:
        words = [*command(tmp_path / "target.toml", tmp_path / "report"), "route"]
        ended.append(subprocess.run(words, capture_output=True, text=True, timeout=BOUND, check=False))

    run = interrupted(tmp_path, slow_mock, [signal.SIGINT], before=second)
    assert run.status == 130, run.output
    assert ended[0].returncode == 2
    (line,) = (ended[0].stdout + ended[0].stderr).splitlines()
    assert "another run is writing there" in line


def test_report_of_a_killed_run_sends_nothing(killed: SuiteRun, tmp_path: Path) -> None:
    run = replace(killed, directory=tmp_path / "report")
    shutil.copytree(killed.directory, run.directory)
    assert run.conformance["verdict"] == "incomplete"
    before = (run.directory / "events.jsonl").read_bytes()
    with serving(silent) as elsewhere:
        made = subprocess.run(
            [str(Path(sys.executable).with_name("refund-conformance")), "report", str(run.directory)],
            capture_output=True,
            timeout=BOUND,
            env=environment(tmp_path / "home", elsewhere.url),
            check=False,
        )
    assert made.returncode == 3, made.stderr
    assert run.conformance["verdict"] == "incomplete"
    assert (run.directory / "events.jsonl").read_bytes() == before
    assert b"Traceback" not in made.stderr
    assert elsewhere.connections == 0
    assert_discreet(run)


@pytest.mark.parametrize("lines", [2, 150])
def test_run_that_is_interrupted_says_so(lines: int, slow_mock: RunningMock, tmp_path: Path) -> None:
    run = interrupted(tmp_path, slow_mock, [signal.SIGINT], lines=lines)
    assert_interrupted(run)


def test_run_that_is_interrupted_twice_says_so(slow_mock: RunningMock, tmp_path: Path) -> None:
    run = interrupted(tmp_path, slow_mock, [signal.SIGINT, signal.SIGINT])
    assert_recorded(run)
    assert_incomplete(run.directory)
    assert_discreet(run)
    assert run.status == 130


def test_run_in_flight_that_is_interrupted_says_so(slow_mock: RunningMock, tmp_path: Path) -> None:
    run = interrupted(tmp_path, slow_mock, [signal.SIGINT], "--in-flight", "8", lines=60)
    assert_interrupted(run)


def test_run_in_flight_waits_for_no_answer_when_it_is_interrupted(slow_mock: RunningMock, tmp_path: Path) -> None:
    def hang() -> None:
        slow_mock.mock.pace.delay = 600  # which is longer than this test would wait

    run = interrupted(tmp_path, slow_mock, [signal.SIGINT], "--in-flight", "8", lines=60, before=hang, timeout=600)
    assert_interrupted(run)


def assert_interrupted(run: SuiteRun) -> None:
    """Assert what holds after Ctrl-C."""
    assert run.status == 130, run.output[-3000:]
    assert_recorded(run)
    assert run.events[-1]["event"] == "end"
    assert run.events[-1]["interrupted"]
    assert run.conformance["verdict"] == "incomplete"
    assert run.conformance["reason"] == "it was interrupted"
    assert "Traceback" not in run.output
    assert_incomplete(run.directory)
    assert_discreet(run)


def test_violations_of_a_killed_run_do_not_make_it_whole(killed: SuiteRun) -> None:
    recorded = assert_incomplete(killed.directory)
    assert any(event["event"] == "case" and event["outcome"] == "violated" for event in recorded)


def test_record_cut_at_any_byte_is_read_up_to_there(killed: SuiteRun, tmp_path: Path) -> None:
    whole = (killed.directory / "events.jsonl").read_bytes()[:20_000]
    known = [json.loads(line) for line in whole.splitlines(keepends=True) if line.endswith(b"\n")]
    cut = tmp_path / "cut"
    cut.mkdir()
    for length in range(0, len(whole), 97):
        (cut / "events.jsonl").write_bytes(whole[:length])
        read = list(events.read(cut))
        assert read == known[: len(read)]
        assert len(read) == whole[:length].count(b"\n")
