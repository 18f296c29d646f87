"""The end of a run on the terminal."""

import io
from pathlib import Path

import pytest
from report_story import Story, faulty_story, finding

from refund_conformance.report.render import render
from refund_conformance.report.terminal import NOTES, tell


def _told(story: Story, directory: Path, reason: str = "") -> str:
    stream = io.StringIO()
    summary = render(story.write(directory, reason=reason))
    tell(summary, story.contract, directory, stream)
    return stream.getvalue()


def test_a_violated_clause_has_promise_expected_and_got(tmp_path: Path) -> None:
    faulty = faulty_story()
    told = _told(faulty, tmp_path)
    promise = faulty.contract.clauses["auth.missing"].promise
    lines = told.splitlines()
    at = lines.index("violated: auth.missing")
    assert lines[at + 1 : at + 4] == [
        f"  promise   {promise}",
        "  expected  401 with an error code",
        "  got       200 without errors (auth.missing/no-header)",
    ]
    assert f"Report: {tmp_path / 'report.html'}" in told


def test_there_is_a_row_for_each_area(tmp_path: Path) -> None:
    faulty = faulty_story()
    told = _told(faulty, tmp_path)
    rows = {line.split()[0]: line.split() for line in told.splitlines() if line.strip()}
    assert set(faulty.contract.areas) <= set(rows)
    assert rows["auth"][1:] == ["6", "1", "1", "8"]


def test_nothing_but_text_goes_to_a_file(tmp_path: Path) -> None:
    faulty = faulty_story()
    assert "\x1b" not in _told(faulty, tmp_path)


@pytest.mark.parametrize("no_color", [True, False])
def test_no_color_is_honoured_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_color: bool
) -> None:
    faulty = faulty_story()
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    told = _told(faulty, tmp_path)
    assert ("\x1b[1;31m" in told or "\x1b[31m" in told) is not no_color


def test_what_the_target_said_cannot_move_the_cursor(tmp_path: Path) -> None:
    story = Story()
    story.case("auth.missing/x", "violated", finding("auth.missing", "\x1b[2J[red]x\x07\u202e"))
    told = _told(story, tmp_path, reason="\x1b]0;title\x07[bold]")
    assert "\x1b" not in told
    assert "\\x1b[2J[red]x\\x07\\u202e" in told
    assert "\\x1b]0;title\\x07[bold]" in told


@pytest.mark.parametrize("count", [0, 1, NOTES, NOTES + 2])
def test_notes_are_told_the_first_of_many(tmp_path: Path, count: int) -> None:
    story = Story()
    for number in range(count):
        story.events.append({"event": "note", "text": f"Order {number} is odd.\x1b"})
    told = [line for line in _told(story, tmp_path).splitlines() if line.startswith("note: ")]
    expected = [f"note: Order {number} is odd.\\x1b" for number in range(min(count, NOTES))]
    assert told == [*expected, *(["note: 2 more of these are in the report"] if count > NOTES else [])]


def test_an_incomplete_run_says_why(tmp_path: Path) -> None:
    story = Story()
    told = _told(story, tmp_path, reason="target x: cannot be reached. Check it.")
    assert "INCOMPLETE" in told
    assert "Reason: target x: cannot be reached. Check it." in told
