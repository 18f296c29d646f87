"""A secret may be spelt like a word of ours: that changes no outcome, result, verdict, exit status or page."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from engine_stage import CONTRACT, on_mock
from refund_conformance.cases import all_cases
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.report import history, render, secret_scan, summary
from refund_conformance.report.attribution import Account
from refund_conformance.report.events import FORMAT, EventFile
from refund_conformance.sut.settings import Settings

Event = dict[str, Any]

WORDS = (
    *("description", "violated", "server", "conformant", "refund", "refundable", "description.unicode", "held"),
    *("unicode", "outcome", "clause", "clauses", "result", "untested", "answers", "errors", "without errors"),
    *("without", "200 without", "expected", "actual", "finding", "findings", "exchange", "exchanges", "accepted"),
    *("refused", "success", "incomplete", "partial", "reason", "verdict", "requests", "orders", "leased"),
    *("description.max-length/over-501", "server.no-5xx", "field-description", "interrupted", "testsuite"),
    *("message", "merchant", "staging", "pytest", "conformance", "embedded mock", "15010"),
)
"""Words of ours, of the run's and of the libraries that write its pages, which may be somebody's password."""

HARMLESS = "no-word-of-anybody-s"

SERVERS = {"lawful": (), "faulty": ("desc-counted-in-bytes",)}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[RunningMock]:
    with running(MockSettings(faults=SERVERS[request.param], refundable=1000)) as mock:
        yield mock


def carried_out(server: RunningMock, monkeypatch: pytest.MonkeyPatch, *secrets: str) -> list[Event]:
    """Return the events of the cases about the letters of a description, in a run that has these secrets."""
    monkeypatch.setattr(Settings, "secrets", secrets)
    chosen = ["description.unicode"]
    with on_mock(server, chosen=chosen) as bench:
        for case in all_cases(CONTRACT).values():
            if case.clause in chosen:
                bench.runner.examine(case)
    first = {"event": "start", "format": FORMAT, "time": "2026-03-01T05:00:00+00:00", "version": "0.1.0"}
    more = {"profile": "ci", "seed": 0, "target": "https://staging.example", "strict": False, "pins": {}}
    last = {
        "event": "end",
        "time": "2026-03-01T05:00:09+00:00",
        "seconds": 9.0,
        "reason": "",
        "interrupted": False,
    }
    return [{**first, **more, "chosen": chosen}, *bench.events, last]


def told(events: list[Event]) -> tuple[Event, int]:
    """Return what a run says, and its exit status."""
    made = summary.summarize(CONTRACT, events)
    return made.data, made.exit_status


@cache
def _harmless(server: RunningMock) -> tuple[Event, int]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return told(carried_out(server, monkeypatch, HARMLESS))


@pytest.mark.parametrize("server", ["faulty"], indirect=True)
@pytest.mark.parametrize("word", WORDS)
def test_a_run_says_the_same_whatever_word_is_a_secret(
    word: str, server: RunningMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told(carried_out(server, monkeypatch, word)) == _harmless(server)


def test_a_run_says_the_same_though_all_of_them_are_secrets(
    server: RunningMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told(carried_out(server, monkeypatch, *WORDS)) == _harmless(server)


@pytest.mark.parametrize("server", ["faulty"], indirect=True)
def test_the_faulty_server_is_accused(server: RunningMock) -> None:
    data, status = _harmless(server)
    broken = {row["id"] for row in data["clauses"] if row["result"] == "violated"}
    assert (broken, status) == ({"description.unicode"}, 1)


# ---- the last look over the pages


@pytest.fixture(scope="module", params=SERVERS)
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("report") / "latest"
    mock = MockSettings(faults=SERVERS[request.param], refundable=1000)
    with running(mock) as server, pytest.MonkeyPatch.context() as monkeypatch:
        file = EventFile(directory)
        for event in carried_out(server, monkeypatch, HARMLESS):
            file.write(event)
        file.close()
    render.render(directory)
    return directory


def _content(directory: Path) -> dict[str, bytes]:
    files = (*directory.iterdir(), *history.place(directory).iterdir())
    return {path.name: path.read_bytes() for path in files if path.is_file()}


def looked_over(report: Path, monkeypatch: pytest.MonkeyPatch, *secrets: str) -> dict[str, bytes]:
    """Return what a report holds after a last look for secrets, which finds none."""
    data = json.loads((report / summary.FILE).read_text())
    made = summary.Summary(data, Account(), summary.STATUS[data["verdict"]])
    monkeypatch.setattr(render, "render", lambda directory: made)  # its pages are there
    assert secret_scan.finish(report, secrets) is made
    return _content(report)


@pytest.mark.parametrize("report", ["faulty"], indirect=True)
@pytest.mark.parametrize("word", WORDS)
def test_the_last_look_changes_nothing_for_a_word_of_ours(
    word: str, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _content(report)
    assert looked_over(report, monkeypatch, word) == before


def test_the_last_look_changes_nothing_for_all_words_of_ours(
    report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _content(report)
    assert looked_over(report, monkeypatch, *WORDS) == before
