"""Replay sends the cases of a report again, with the settings of its run, and writes them for other tools."""

import json
from pathlib import Path

import pytest

from command_runs import Call, call
from refund_conformance.app.replay import Again, replay
from refund_conformance.contract.errors import UsageError
from refund_conformance.report import summary
from refund_conformance.report.events import EventFile

pytestmark = pytest.mark.whole

FAULT = "auth-alg-none"
CASE = "auth.forged/alg-none"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a run of one clause against a mock with a fault."""
    return call(tmp_path_factory.mktemp("report") / "run", Call(("run", "--fault", FAULT, "auth.forged"))).report


def _said(again: Again) -> tuple[int, list[str]]:
    lines: list[str] = []
    return replay(again, lines.append), lines


@pytest.mark.parametrize("chosen", [{"failed": True}, {"cause": 1}, {"cases": (CASE,)}])
def test_faults_of_the_run_are_remembered(report: Path, chosen: dict[str, object]) -> None:
    status, lines = _said(Again(report=report, **chosen))  # type: ignore[arg-type]
    assert status == 1
    assert f"{CASE}: violated" in lines
    assert lines[0] == "1 cases: 1 refundable orders are used, up to 2 if wrong requests are accepted"


def test_another_fault_takes_the_place_of_the_remembered_one(report: Path) -> None:
    status, lines = _said(Again(report=report, cases=(CASE,), faults=("desc-required",)))
    assert (status, lines[-1]) == (0, f"{CASE}: held")


def test_files_for_other_tools_hold_what_was_sent(report: Path, tmp_path: Path) -> None:
    har, tests = tmp_path / "sent.har", tmp_path / "test_sent.py"
    _said(Again(report=report, cases=(CASE,), har=har, pytest=tests, with_curl=True))
    entries = json.loads(har.read_text())["log"]["entries"]
    assert entries[-1]["request"]["method"] == "POST"
    assert entries[-1]["response"]["status"] == 200
    text = tests.read_text()
    compile(text, str(tests), "exec")
    assert "def test_auth_forged_alg_none" in text
    assert "permitted = [(401, None)]" in text


@pytest.mark.parametrize(
    ("again", "told"),
    [
        (Again(cases=("auth.forgd/alg-none",)), "Do you mean auth.forged/alg-none"),
        (Again(), "Name cases, or choose with --failed or --cause N."),
    ],
)
def test_a_wrong_choice_gets_a_hint(
    again: Again, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=told.replace(".", r"\.")):
        replay(again, print)


def test_a_cause_that_is_not_there_is_named(report: Path) -> None:
    with pytest.raises(UsageError, match="It has 1"):
        replay(Again(report=report, cause=7), print)


def test_a_check_of_several_requests_is_named_and_not_sent(report: Path, tmp_path: Path) -> None:
    events = EventFile(tmp_path)
    for line in (report / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "case" and event["case"] == CASE:
            event["case"] = "order.lifecycle/walk"
        events.write(event)
    events.close()
    (tmp_path / summary.FILE).write_bytes((report / summary.FILE).read_bytes())
    status, lines = _said(Again(report=tmp_path, failed=True))
    assert (status, len(lines)) == (1, 1)
    assert "`refund-conformance run order.lifecycle` checks it again" in lines[0]
