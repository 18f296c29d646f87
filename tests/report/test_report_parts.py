"""The parts of a page by themselves: visible bytes, evidence, answer times, course."""

from pathlib import Path
from typing import Any

import pytest
from report_story import Story, finding, message, request, response

from refund_conformance.report import latency, run_log, timeline
from refund_conformance.report.escaping import Piece, pieces, plain, tidy
from refund_conformance.report.evidence import evidence
from refund_conformance.report.render import render


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\tb\nc\x00\x7f", "a\\tb\\nc\\0\\x7f"),
        ("Привет", "Привет"),
        ("\u202eabc\u200b\ufeff\ud800", "\\u202eabc\\u200b\\ufeff\\ud800"),
        ("e\u0301 \u00a0", "e\\u0301 \\u00a0"),
        ("😀\U000e0001", "😀\\U000e0001"),
        ("x" * 12, "xxxxxxxxxx… (12 characters)"),
    ],
)
def test_plain_is_one_line_of_what_can_be_seen(text: str, shown: str) -> None:
    assert plain(text, 10) == shown


def test_tidy_keeps_lines() -> None:
    assert tidy("a\n\tb\x1b[0m") == "a\n\tb\\x1b[0m"


def test_pieces_tell_escapes_runs_and_bytes() -> None:
    assert pieces("a\x01b", "utf-8", 10) == (Piece("a"), Piece("\\x01", "escape"), Piece("b"))
    assert pieces("x" * 501, "utf-8", 1000) == (Piece("x" * 8), Piece("…×501", "note"))
    assert pieces("\xff{", "latin-1", 10) == (Piece("\\xff", "escape"), Piece("{"))
    assert pieces("a\nb", "utf-8", 10) == (Piece("a"), Piece("\\n", "escape"), Piece("\nb"))


def test_lengths_are_told_where_the_eye_does_not_see_them() -> None:
    body = '{"description":"' + "😀" * 500 + '","email":"a@b.example"}'
    (length,) = _evidence(request(body)).lengths
    assert (length.name, length.characters, length.utf8, length.utf16) == ("description", 500, 2000, 1000)


def test_a_request_that_was_not_kept_whole_has_no_command() -> None:
    assert _evidence(request("x" * 4096, size=70_000)).curl is None
    assert _evidence(request("x" * 4096)).curl is not None


def test_a_request_with_a_secret_in_its_body_has_a_command() -> None:
    assert '"$T"' in (_evidence(request('{"password":"[redacted]"}', size=40)).curl or "")


def test_the_smallest_request_is_shown(tmp_path: Path) -> None:
    story = Story()
    for size in (300, 20, 100):
        shown = story.exchange(request("y" * size))
        bad = finding("json.malformed")
        story.case(f"json.malformed/size-{size}", "violated", bad, exchanges=[shown])
    page = _page(story, tmp_path)
    assert "Case <code>json.malformed/size-20</code>" in page
    assert "2 more cases fail alike" in page
    assert "2 more failing cases" in page


def test_requests_that_led_there_are_shown_in_order(tmp_path: Path) -> None:
    story = Story()
    steps = [story.exchange(request(f'{{"step":{number}}}')) for number in range(9)]
    story.case("order.once/second", "violated", finding("order.once", "200 without errors"), exchanges=steps)
    page = _page(story, tmp_path)
    assert "8 requests led there" in page
    page = page.partition('<section id="failures"')[2]
    assert page.index("step&#34;:0") < page.index("step&#34;:2") < page.index("step&#34;:8")
    assert "5 more, in between" in page


def test_a_repeated_request_is_shown_once_and_how_steady_it_is(tmp_path: Path) -> None:
    story = Story()
    tries = [story.exchange(came=response(status)) for status in (500, 500, 200)]
    bad = finding("server.steady", kind="unsteady", actual="500 in 2 of 3 tries")
    story.case("email.type/number", "violated", bad, exchanges=tries, tries=3, failed=2)
    page = _page(story, tmp_path)
    assert "intermittent: 2 of 3 tries" in page
    assert "1 other answer to the same request" in page
    assert "<dt>Intermittent</dt><dd><strong>1</strong>" in page.replace("\n", "")


@pytest.mark.parametrize("statuses", [(500, 400, 400), (400, 500, 400), (400, 400, 500)], ids=str)
def test_the_answer_that_failed_is_shown_last(tmp_path: Path, statuses: tuple[int, ...]) -> None:
    story = Story()
    tries = [story.exchange(came=response(status, reason=f"reason-{status}")) for status in statuses]
    bad = finding("server.steady", kind="unsteady", actual="500 in 1 of 3 tries")
    failing = [tries[statuses.index(500)]]
    story.case("email.type/number", "violated", bad, exchanges=tries, tries=3, failed=1, failing=failing)
    page = _page(story, tmp_path)
    assert page.index("reason-400") < page.index("reason-500")
    assert page.count("reason-500") == page.count("reason-400") == 1


def test_a_failure_that_was_confirmed_is_shown_before_a_smaller_one_that_was_not(tmp_path: Path) -> None:
    story = Story()
    for number in range(20):
        shown = [story.exchange(request("x" * (number + 1)))]
        story.case(f"json.malformed/once-{number}", "violated", finding("json.malformed"), exchanges=shown)
    shown = [story.exchange(request("x" * 300)) for _ in range(3)]
    bad = finding("json.malformed")
    story.case("json.malformed/thrice", "violated", bad, exchanges=shown, tries=3, failed=3, failing=shown)
    assert "Case <code>json.malformed/thrice</code>" in _page(story, tmp_path)


@pytest.mark.whole
@pytest.mark.parametrize(
    ("case", "variable"),
    [
        ("auth.expired/expired-token", "REFUND_EXPIRED_TOKEN"),
        ("auth.forged/payload-changed", "CASE_TOKEN"),
        ("auth.every-request/same-connection", "CASE_TOKEN"),
        ("email.type/drawn-1", "REFUND_TOKEN"),
    ],
)
def test_the_command_names_the_right_secret(tmp_path: Path, case: str, variable: str) -> None:
    story = Story()
    story.case(case, "violated", finding(case.partition("/")[0]))
    assert f"&#39;AuthorizationJWT: Bearer &#39;&#34;${variable}&#34;" in _page(story, tmp_path)


def test_answer_times_by_area(tmp_path: Path) -> None:
    story = Story()
    for number in range(20):
        shown = [story.exchange(seconds=(number + 1) / 1000)]
        story.case(f"auth.missing/{number}", exchanges=shown)
    story.exchange(seconds=0.5)
    story.exchange(failure="timeout", seconds=9.0)
    run = run_log.read(story.write(tmp_path))
    auth, other = latency.by_area(story.contract, run)
    assert (auth.area, auth.count, round(auth.median), round(auth.p95), round(auth.longest)) == (
        "auth",
        20,
        10,
        19,
        20,
    )
    assert (other.area, other.count, other.p95_width) == ("other", 1, 100)


def test_the_course_counts_every_request_once(tmp_path: Path) -> None:
    story = Story()
    for status in (200, 400, 401, 500, 503):
        story.exchange(came=response(status))
    story.exchange(failure="timeout", attempt=2)
    course = timeline.timeline(run_log.read(story.write(tmp_path)))
    assert course is not None
    assert dict(course.totals) == {"accepted": 1, "refused": 2, "failed": 3}
    assert (course.repeated, course.retries) == (1, (course.columns - 1,))
    assert all(0 <= block.y <= block.y + block.height <= 100.01 for block in course.blocks)


def test_a_run_at_one_moment_has_a_course(tmp_path: Path) -> None:
    story = Story()
    for _ in range(3):
        story.exchange(started=5.0)
    course = timeline.timeline(run_log.read(story.write(tmp_path)))
    assert course is not None
    assert course.highest == 3


def test_a_run_that_sent_nothing_has_no_course(tmp_path: Path) -> None:
    assert timeline.timeline(run_log.read(Story().write(tmp_path))) is None


def _evidence(sent: dict[str, Any]) -> Any:
    event = {
        "number": 1,
        "seconds": 0.1,
        "attempt": 1,
        "request": sent,
        "response": message("", status=200, reason="OK"),
    }
    return evidence({**event, "failure": None, "detail": ""}, "https://x.example", "T")


def _page(story: Story, directory: Path) -> str:
    render(story.write(directory))
    return (directory / "report.html").read_text()
