"""What `explain` tells of a clause."""

import re
from pathlib import Path

import pytest
from report_story import Story, faulty_story

from refund_conformance.app.cli import main
from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import RunError
from refund_conformance.mock.faults import catalogue
from refund_conformance.report import explain
from refund_conformance.report.render import render

CONTRACT = contracts.load()


def _told(clause: str, directory: Path) -> list[str]:
    return list(explain.explain(CONTRACT, CONTRACT.clauses[clause], [("a-fault", "Its story.")], directory))


def test_promise_source_cases_faults_and_last_result_are_told(tmp_path: Path) -> None:
    story = faulty_story()
    render(story.write(tmp_path / "latest"))
    clause = CONTRACT.clauses["auth.missing"]
    lines = _told("auth.missing", tmp_path / "latest")
    assert lines[:3] == ["auth.missing (must)", f"  {clause.promise}", f"  Source: {clause.source}"]
    assert any(line.startswith("  - auth.missing/no-header: ") for line in lines)
    assert "  - a-fault: Its story." in lines
    assert lines[-2:] == [
        "  Last result: violated (2026-03-01T05:00:00+00:00, https://staging.example, ci)",
        "    expected 401 with an error code; got 200 without errors (auth.missing/no-header)",
    ]


def test_runs_before_are_counted(tmp_path: Path) -> None:
    for day, story in enumerate((Story().everything_held(), Story().everything_held(), faulty_story()), 1):
        story.started = f"2026-03-{day:02d}T05:00:00+00:00"
        render(story.write(tmp_path / "latest"))
    assert _told("auth.missing", tmp_path / "latest")[-1] == "  In 3 runs: 2 held, 1 violated"


def test_without_a_report_the_history_tells_of_the_last_run(tmp_path: Path) -> None:
    directory = Story().everything_held().write(tmp_path / "latest")
    render(directory)
    for path in directory.iterdir():
        path.unlink()
    assert _told("auth.missing", directory)[-1].startswith("  Last result: held (2026-03-01")


def test_without_any_run_that_is_said(tmp_path: Path) -> None:
    assert _told("auth.missing", tmp_path)[-1] == f"  Last result: there is no report in {tmp_path}"


def test_a_file_that_is_no_report_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "conformance.json").write_text("{}")
    with pytest.raises(RunError, match=r"conformance\.json"):
        _told("auth.missing", tmp_path)


def test_each_clause_has_something_that_checks_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["explain", "", "--report", str(tmp_path)])
    explained = capsys.readouterr().out.split("\n  Source: ")[1:]
    assert len(explained) == len(CONTRACT.clauses)
    assert [
        text for text in explained if not re.search("\n  (Checked|Judged) ", text) or "  Broken by 0 " in text
    ] == []


def test_the_command_names_every_fault_that_breaks_a_clause(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["explain", "order.once", "--report", "elsewhere"])
    told = capsys.readouterr().out
    faults = [fault.name for fault in catalogue().values() if fault.clause == "order.once"]
    assert (ended.value.code, len(faults) > 3) == (0, True)
    assert [name for name in faults if f"  - {name}: " not in told] == []
    assert told.endswith("  Last result: there is no report in elsewhere\n")


def test_reports_know_nothing_of_the_mock() -> None:
    modules = sorted(Path(explain.__file__).parent.glob("*.py"))
    assert len(modules) > 20
    assert [path.name for path in modules if "refund_conformance.mock" in path.read_text(encoding="utf-8")] == []
