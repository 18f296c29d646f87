"""What other tools read: job summary, annotations, badge, chat message."""

import html
import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_story import Story, faulty_story, finding

from refund_conformance.contract.errors import RunError
from refund_conformance.engine.recorder import Record
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.report import github, webhook
from refund_conformance.report.render import render
from refund_conformance.report.summary import Summary
from refund_conformance.transport.exchange import Exchange, Request, Response
from refund_conformance.transport.redaction import Redactor
from stand_in import Asked, Told, standing_in

pytestmark = pytest.mark.whole

EVIL = (
    "<img src=x>[click](javascript:x)`code`|cell\n::error::x %0A\r"
    "@team https://evil.example www.evil.example *b* _i_ #1 ~~s~~"
)


def _evil() -> Story:
    story = Story()
    story.case("auth.missing/x", "violated", finding("auth.missing", EVIL, expected=EVIL), title=EVIL)
    return story


def test_the_job_summary_puts_failures_before_areas(tmp_path: Path) -> None:
    render(faulty_story().write(tmp_path))
    text = (tmp_path / "summary.md").read_text()
    assert text.startswith("## ❌ Violated\n")
    assert text.index("### ❌ auth.missing") < text.index("### Areas")
    assert "| Expected | 401 with an error code |" in text


def test_nothing_of_the_target_is_markup_in_the_job_summary(tmp_path: Path) -> None:
    render(_evil().write(tmp_path, target=EVIL, reason=EVIL))
    text = (tmp_path / "summary.md").read_text()
    for sign in ("<img", "[click]", "`", "@team", "https://evil", "www.evil", "*b*", "_i_", "~~", "\r"):
        assert sign not in text
    row = next(line for line in text.splitlines() if line.startswith("| Got |"))
    assert row.count("|") == 3
    assert "[click](javascript:x)`code`|cell\\n" in html.unescape(row)


def test_github_is_told_only_where_it_listens(tmp_path: Path) -> None:
    made = render(faulty_story().write(tmp_path))
    stream = io.StringIO()
    github.publish(made, tmp_path, {}, stream)
    assert stream.getvalue() == ""


def test_github_gets_summary_outputs_and_annotations(tmp_path: Path) -> None:
    made = render(faulty_story().write(tmp_path / "report"))
    summary, output = tmp_path / "summary", tmp_path / "output"
    summary.write_text("before\n")
    told = _published(made, tmp_path / "report", summary, output)
    assert summary.read_text().startswith("before\n## ❌ Violated")
    assert output.read_text() == "verdict=violated\nstatus=1\n"
    assert [line.partition("::")[2].partition(" ")[0] for line in told] == ["error", "error", "error", "warning"]
    assert told[0].startswith("::error title=auth.missing::A request without")


def test_an_annotation_is_one_line_and_one_command(tmp_path: Path) -> None:
    made = render(_evil().write(tmp_path, narrowed=True))
    told = _published(made, tmp_path, tmp_path / "s", tmp_path / "o")
    assert len(told) == 1
    assert re.findall(r"^::|\n::", "\n".join(told)) == ["::"]
    assert "%250A" in told[0]


def test_a_summary_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    made = render(faulty_story().write(tmp_path))
    _published(made, tmp_path, tmp_path / "no" / "such", tmp_path)


def test_an_incomplete_run_is_an_error(tmp_path: Path) -> None:
    made = render(Story().write(tmp_path, ended=False))
    told = _published(made, tmp_path, tmp_path / "s", tmp_path / "o")
    assert told == ["::error title=The run is incomplete::the run did not come to its end"]


@pytest.mark.parametrize(
    ("story", "message", "color"),
    [
        (Story().everything_held(), r"\d+ held", "brightgreen"),
        (faulty_story(), r"\d+ held, 3 violated, 1 warned", "red"),
        (Story(), "incomplete", "lightgrey"),
    ],
)
def test_the_badge_is_what_shields_reads(tmp_path: Path, story: Story, message: str, color: str) -> None:
    render(story.write(tmp_path))
    badge = json.loads((tmp_path / "badge.json").read_text())
    assert re.fullmatch(message, badge["message"])
    assert (badge["schemaVersion"], badge["label"], badge["color"]) == (1, "refund conformance", color)


def test_ctrf_and_junit_tell_the_run_s_own_time(tmp_path: Path) -> None:
    render(faulty_story().write(tmp_path))
    summary = json.loads((tmp_path / "ctrf.json").read_text())["results"]["summary"]
    assert summary["stop"] - summary["start"] == summary["duration"] == 4500
    assert 'timestamp="2026-03-01T05:00:00+00:00"' in (tmp_path / "junit.xml").read_text()


# ---- what the target sent back


def test_a_token_that_the_target_sends_back_is_in_no_file(tmp_path: Path) -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZXJjaGFudC03In0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
    story = Story().everything_held()
    record = Record(Redactor([token]), story.events.append, 1000)
    echo = json.dumps({"errors": [{"error": token, "message": f"Bearer {token}"}]}).encode()
    sent = Request("POST", f"/v1/order/{token}/refund", (("AuthorizationJWT", f"Bearer {token}"),), echo)
    came = Response(400, token, (("X-You", token), (token, "x")), echo)
    number = record.exchange(Exchange(sent, came, None, "", 1772341200.0, 0.01))
    bad = Finding("email.null", Kind.OTHER_ERROR, "400", f"400 with {token}", quoted=token).cleaned(record.clean)
    reason = record.clean(f"what it said: {token}")
    result = Result("email.null/x", "email.null", "Title.", Outcome.VIOLATED, reason, (bad,), (number,), tries=1)
    record.keep(result.as_event())
    render(story.write(tmp_path))
    texts = {path.name: html.unescape(path.read_text()) for path in tmp_path.iterdir() if path.is_file()}
    assert {"junit.xml", "ctrf.json", "report.html", "events.jsonl"} <= set(texts)
    assert [name for name, text in texts.items() for part in token.split(".") if part in text] == []
    case = next(case for case in _test_cases(tmp_path) if case.find("failure") is not None)
    assert "got 400 with [redacted]" in ET.tostring(case, encoding="unicode")


def _test_cases(directory: Path) -> list[ET.Element]:
    return list(ET.parse(directory / "junit.xml").iter("testcase"))  # noqa: S314  (we wrote it a moment ago)


# ---- the chat


@pytest.fixture
def chat() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A chat's address, and what it was told."""
    told: list[dict[str, Any]] = []

    def answer(asked: Asked) -> Told:
        told.append(asked.document)
        return Told(500 if asked.path == "/broken" else 200)

    with standing_in(answer) as url:
        yield f"{url}/", told


def _night(root: Path, day: int, *, bad: bool) -> Path:
    story = faulty_story() if bad else Story().everything_held()
    story.started = f"2026-03-{day:02d}T05:00:00+00:00"
    render(story.write(root / "latest"))
    return root / "latest"


def test_a_chat_is_told_of_a_change_and_of_nothing_else(
    tmp_path: Path, chat: tuple[str, list[dict[str, Any]]]
) -> None:
    address, told = chat
    posted = [
        webhook.notify(_night(tmp_path, day, bad=bad), address, "https://ci.example/1")
        for day, bad in enumerate((False, False, True, True, False), 1)
    ]
    assert posted == [True, False, True, False, True]
    assert told[1]["text"].startswith(
        ":x: Refund conformance: violated (was conformant)\nhttps://staging.example, ci"
    )
    assert "auth.missing" in told[1]["text"]
    assert told[1]["text"].endswith("https://ci.example/1")


def test_a_chat_that_fails_is_one_message_without_the_address(
    tmp_path: Path, chat: tuple[str, list[dict[str, Any]]]
) -> None:
    with pytest.raises(RunError, match="did not take the message") as problem:
        webhook.notify(_night(tmp_path, 1, bad=True), chat[0] + "broken")
    assert chat[0] not in str(problem.value)


def test_without_an_address_nobody_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "refund_conformance.report.webhook", str(tmp_path)]
    done = subprocess.run(command, env={"PATH": ""}, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "REFUND_CONFORMANCE_WEBHOOK is not set: nobody is told.\n"


def test_nothing_of_the_target_is_markup_in_a_chat() -> None:
    data = {"verdict": "incomplete", "target": "<!channel> & `x`", "profile": "ci", "started": "", "clauses": []}
    text = webhook.message({**data, "reason": "<https://evil|here>"}, "")["text"]
    assert not re.search("[<>`]", text)


def _published(made: Summary, directory: Path, summary: Path, output: Path) -> list[str]:
    stream = io.StringIO()
    environment = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output), "GITHUB_ACTIONS": "true"}
    github.publish(made, directory, environment, stream)
    return stream.getvalue().splitlines()


def test_code_scanning_gets_one_result_for_each_cause_that_it_knows_again(tmp_path: Path) -> None:
    logs = []
    for day in (1, 2):
        story = faulty_story()
        story.started = f"2026-03-0{day}T05:00:00+00:00"
        made = render(story.write(tmp_path, settings="target.toml"))
        logs.append(json.loads((tmp_path / "report.sarif").read_text())["runs"][0])
    prints = [[result["partialFingerprints"] for result in log["results"]] for log in logs]
    assert prints[0] == prints[1]
    assert len(prints[0]) == len(made.data["causes"]) == 2
    assert {result["ruleId"] for result in logs[0]["results"]} <= {
        rule["id"] for rule in logs[0]["tool"]["driver"]["rules"]
    }
    assert logs[0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "target.toml"


def test_a_pull_request_is_told_only_what_is_new_and_fixed(tmp_path: Path) -> None:
    for day, story in ((1, faulty_story()), (2, Story().everything_held()), (3, faulty_story())):
        story.started = f"2026-03-0{day}T05:00:00+00:00"
        render(story.write(tmp_path))
        text = html.unescape((tmp_path / "changes.md").read_text())
        assert ("There is no earlier run" in text) is (day == 1)
        assert ("✅ Fixed: auth.missing" in text) is (day == 2)
        assert ("❌ New: A request without a token is accepted (auth.missing)" in text) is (day == 3)


def test_tools_are_named_and_durations_are_those_of_the_exchanges(tmp_path: Path) -> None:
    render(faulty_story().write(tmp_path))
    results = json.loads((tmp_path / "ctrf.json").read_text())["results"]
    failed = next(test for test in results["tests"] if test["name"] == "auth.missing/no-header")
    assert results["tool"]["name"] == "refund-conformance"
    assert failed["message"].endswith("was accepted")
    assert failed["duration"] == failed["stop"] - failed["start"] > 0
    assert "filePath" not in failed
