"""The end of a run on the terminal."""

import io
from pathlib import Path

import pytest
from report_story import Story, faulty_story, finding

from refund_conformance.report.render import render
from refund_conformance.report.terminal import CAUSES, NOTES, tell


def _told(story: Story, directory: Path, reason: str = "", *, brief: bool = False) -> str:
    stream = io.StringIO()
    summary = render(story.write(directory, reason=reason))
    tell(summary, story.contract, directory, stream, brief=brief)
    return stream.getvalue()


def test_about_ten_lines_say_verdict_causes_and_what_next(tmp_path: Path) -> None:
    lines = _told(faulty_story(), tmp_path).splitlines()
    assert lines[0].startswith("VIOLATED")
    assert sum(line.startswith(("1. ", "2. ", "3. ")) for line in lines) == 2
    assert f"Next: refund-conformance replay --cause 1 --report {tmp_path}" in lines
    assert lines[-1] == f"Report: {tmp_path / 'report.html'}"
    assert len(lines) <= 18


def test_a_cause_has_clauses_cases_expected_and_got(tmp_path: Path) -> None:
    told = _told(faulty_story(), tmp_path)
    assert "A request without a token is accepted" in told
    assert "   expected 401 with an error code; got 200 without errors (auth.missing/no-header)" in told


def test_a_failure_tells_since_when(tmp_path: Path) -> None:
    for day in (1, 2):
        story = faulty_story()
        story.started = f"2026-03-0{day}T05:00:00+00:00"
        told = _told(story, tmp_path)
        assert ("since 2026-03-01 05:00 UTC, 2 runs in a row" in told) is (day == 2)


def test_brief_is_one_line(tmp_path: Path) -> None:
    told = _told(faulty_story(), tmp_path, brief=True)
    assert told.startswith("VIOLATED")
    assert told.count("\n") == 1


def test_many_causes_are_told_the_first_of(tmp_path: Path) -> None:
    story = Story()
    ways = (
        "auth.missing",
        "route.method",
        "email.format",
        "order.zero-price",
        "json.malformed",
        "caller.configuration",
    )
    for clause in ways:
        story.case(f"{clause}/x", "violated", finding(clause, f"2{len(clause)} without errors"))
    told = _told(story, tmp_path)
    assert f"and {len(ways) - CAUSES} more causes, in the report" in told


def test_untested_clauses_are_named_with_the_reason(tmp_path: Path) -> None:
    story = Story().everything_held()
    story.events = [event for event in story.events if event.get("clause") != "auth.expired"]
    story.case("auth.expired/expired-token", "untested", reason="Set auth.expired_token.")
    assert "untested: 1 (auth.expired): Set auth.expired_token." in _told(story, tmp_path)


def test_nothing_but_text_goes_to_a_file(tmp_path: Path) -> None:
    assert "\x1b" not in _told(faulty_story(), tmp_path)


@pytest.mark.parametrize("no_color", [True, False])
def test_no_color_is_honoured_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_color: bool
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    told = _told(faulty_story(), tmp_path)
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
