"""What render writes: each file is there, true, and of its own form."""

import json
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from report_story import Story, faulty_story, finding, request, response

from refund_conformance.contract import documents
from refund_conformance.contract.errors import RunError
from refund_conformance.report.render import render
from refund_conformance.report.view_model import NOTES

pytestmark = pytest.mark.whole


def test_writes_every_file_and_nothing_else(tmp_path: Path) -> None:
    faulty = faulty_story()
    render(faulty.write(tmp_path))
    expected = {"events.jsonl", "conformance.json", "report.html", "junit.xml", "ctrf.json"}
    assert expected <= {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_first_screen_tells_verdict_target_profile_and_when(tmp_path: Path) -> None:
    faulty = faulty_story()
    render(faulty.write(tmp_path))
    top = (tmp_path / "report.html").read_text().partition("</header>")[0]
    for told in ("Violated: 3 clauses do not hold", "https://staging.example", "ci", "2026-03-01 05:00:00 UTC"):
        assert told in top


@pytest.mark.parametrize("repeated", [0, 2])
def test_requests_that_were_repeated_are_counted_on_top(tmp_path: Path, repeated: int) -> None:
    story = Story().everything_held()
    for attempt in range(repeated):
        story.exchange(attempt=attempt + 2)
    render(story.write(tmp_path))
    page = (tmp_path / "report.html").read_text()
    assert ("<dt>Of them repeated</dt><dd>2</dd>" in page) is bool(repeated)
    assert f"{repeated} of them repeated" in page


def test_notes_are_shown_the_first_of_many(tmp_path: Path) -> None:
    story = Story().everything_held()
    story.events += [{"event": "note", "text": f"Order <{number}> is odd."} for number in range(NOTES + 1)]
    render(story.write(tmp_path))
    page = (tmp_path / "report.html").read_text()
    told = [f"Order &lt;{number}&gt; is odd." in page for number in range(NOTES + 1)]
    assert told == [True] * NOTES + [False]


def test_every_clause_stands_in_the_table_with_its_promise(tmp_path: Path) -> None:
    faulty = faulty_story()
    render(faulty.write(tmp_path))
    page = (tmp_path / "report.html").read_text()
    for clause in faulty.contract.clauses.values():
        assert f"<code>{clause.id}</code>" in page
        assert _escaped(clause.promise) in page


def test_a_failure_shows_promise_source_expected_got_command_and_answer(tmp_path: Path) -> None:
    faulty = faulty_story()
    render(faulty.write(tmp_path))
    page = (tmp_path / "report.html").read_text()
    failure = page.partition('id="failure-auth.missing"')[2].partition("</article>")[0]
    clause = faulty.contract.clauses["auth.missing"]
    told = (clause.promise, clause.source, "401 with an error code", "200 without errors", "sent once")
    for text in (
        *told,
        "curl --include",
        "https://staging.example/v1/order/730001/refund",
        "HTTP 200 OK",
        "nginx",
    ):
        assert _escaped(text) in failure


def test_a_consequence_names_the_clause_it_follows_from(tmp_path: Path) -> None:
    faulty = faulty_story()
    render(faulty.write(tmp_path))
    page = (tmp_path / "report.html").read_text()
    failure = page.partition('id="failure-description.max-length"')[2].partition("</article>")[0]
    assert 'follows from <a href="#failure-server.no-5xx">' in failure


def test_junit_has_a_test_case_for_each_case(tmp_path: Path) -> None:
    faulty = faulty_story()
    render(faulty.write(tmp_path))
    suite = ET.parse(tmp_path / "junit.xml").getroot()[0]  # noqa: S314
    cases = {f"{case.get('classname')}/{case.get('name')}": case for case in suite.iter("testcase")}
    assert len(cases) == sum(event["event"] == "case" for event in faulty.events)
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("2", "0", "1")
    missing = cases["auth.missing/no-header"]
    properties = {item.get("name"): item.get("value") for item in missing.iter("property")}
    assert (properties["clause"], properties["level"]) == ("auth.missing", "must")
    assert "expected 401 with an error code; got 200" in (missing[1].text or "")


def test_ctrf_counts_the_cases(tmp_path: Path) -> None:
    faulty = faulty_story()
    render(faulty.write(tmp_path))
    summary = json.loads((tmp_path / "ctrf.json").read_text())["results"]["summary"]
    assert (summary["failed"], summary["skipped"]) == (2, 1)


def test_conformance_json_keeps_its_schema(tmp_path: Path) -> None:
    faulty = faulty_story()
    made = render(faulty.write(tmp_path))
    data = json.loads((tmp_path / "conformance.json").read_text())
    assert data == made.data
    documents.check(data, "conformance-report", "conformance.json", RunError)


def test_what_is_waived_is_shown_and_fails_nothing(tmp_path: Path) -> None:
    story = Story().everything_held(but=("auth.missing",))
    story.case("auth.missing/no-header", "violated", finding("auth.missing"))
    rows = [
        {"clause": clause, "reason": f"known & told {clause}", "expires": "2026-04-01", "case": "", "link": ""}
        for clause in ("auth.missing", "route.method")
    ]
    made = render(story.write(tmp_path, waivers=rows))
    assert made.data["verdict"] == "conformant"
    page = (tmp_path / "report.html").read_text()
    failure = page.partition('id="failure-auth.missing"')[2].partition("</article>")[0]
    assert "until 2026-04-01: known &amp; told auth.missing" in failure
    assert "curl --include" in failure
    assert "Waiver of route.method matched no failure" in page
    suite = ET.parse(tmp_path / "junit.xml").getroot()[0]  # noqa: S314
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")


def test_a_run_that_was_killed_is_incomplete_and_has_all_pages(tmp_path: Path) -> None:
    story = Story()
    story.case("auth.missing/no-header")
    directory = story.write(tmp_path, ended=False)
    with (directory / "events.jsonl").open("a") as file:
        file.write('{"event":"case","cas')
    made = render(directory)
    assert (made.data["verdict"], made.exit_status) == ("incomplete", 3)
    suite = ET.parse(tmp_path / "junit.xml").getroot()[0]  # noqa: S314
    assert suite.get("errors") == "1"
    assert "the run did not come to its end" in (tmp_path / "report.html").read_text()


def test_a_run_without_any_event_is_told_as_incomplete(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").touch()
    assert render(tmp_path).data["verdict"] == "incomplete"


def test_a_directory_without_events_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"events\.jsonl: No such file"):
        render(tmp_path)


def test_a_changed_line_is_named(tmp_path: Path) -> None:
    story = Story()
    directory = story.write(tmp_path)
    path = directory / "events.jsonl"
    path.write_text(path.read_text() + '{"event":"case"}\n')
    with pytest.raises(RunError, match=r"line 3.*'case' is a required property"):
        render(directory)


def test_nothing_of_the_target_becomes_markup(tmp_path: Path) -> None:
    story = Story()
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202e\ud800"
    shown = story.exchange(
        request(evil, headers=[[evil, evil]], target="/" + evil, method="POST"),
        response(200, evil, evil, headers=[[evil, evil]]),
    )
    hidden = story.exchange(came=None, failure=evil, detail=evil)
    bad = finding("auth.missing", evil, expected=evil, kind=evil)
    story.case("auth.missing/no-header", "violated", bad, exchanges=[shown, hidden], title=evil, reason=evil)
    story.case(f"auth.forged/{evil}", "violated", finding("auth.forged", evil), title=evil)
    story.case("auth.expired/x", "undecided", reason=evil, title=evil)
    story.events.append({"event": "observation", "question": "precedence", "answer": evil})
    story.events.append({"event": "observation", "question": "byte-order-mark", "answer": evil})
    story.events.append({"event": "leased", "group": evil, "order": evil})
    directory = story.write(tmp_path, reason=evil, target=evil, profile=evil, versions={evil: evil})
    render(directory)
    page = (directory / "report.html").read_text(encoding="utf-8")
    assert page.count("<script>") == 3
    assert "<img src=x" not in page
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", page)
    found = re.search("data-jsonblob='([^'<>&]*)'", page)
    assert found is not None
    rows = json.dumps(json.loads(found[1]))
    assert "<script" not in rows
    assert "<img" not in rows
    ET.parse(directory / "junit.xml")  # noqa: S314


def test_a_policy_forbids_what_is_not_ours(tmp_path: Path) -> None:
    faulty = faulty_story()
    render(faulty.write(tmp_path))
    page = (tmp_path / "report.html").read_text()
    policy = re.search('Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe" not in policy[1]
    assert not re.search(r"<[^>]* (style|on\w+)=", page)


def test_settings_of_a_person_for_pytest_do_not_disturb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    faulty = faulty_story()
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    (tmp_path / "conftest.py").write_text("raise SystemExit('conftest')")
    monkeypatch.chdir(tmp_path)
    render(faulty.write(tmp_path / "report"))
    assert (tmp_path / "report" / "report.html").exists()
    assert os.environ["PYTEST_ADDOPTS"] == "--no-such-option"
    assert capfd.readouterr() == ("", "")


def test_rendering_again_gives_the_same_conformance_json(tmp_path: Path) -> None:
    faulty = faulty_story()
    render(faulty.write(tmp_path))
    first = (tmp_path / "conformance.json").read_bytes()
    render(tmp_path)
    assert (tmp_path / "conformance.json").read_bytes() == first


def _escaped(text: str) -> str:
    from markupsafe import escape

    return str(escape(text))
