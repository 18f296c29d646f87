"""A page of a long night: 20,000 exchanges with 50 failures stay below 2 MB, and the record is read as it is."""

import json
import re
from pathlib import Path

import pytest
from report_story import Story, finding, request, response

from refund_conformance.contract import model as contracts
from refund_conformance.report.markdown import LARGEST
from refund_conformance.report.render import render

pytestmark = pytest.mark.whole

EXCHANGES = 20_000
FAILURES = 50
LISTED = 10_000
ODD = '{"description":"' + "\u202e😀<&\x01" * 800


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a long night, its evidence as large and as awkward as the record allows."""
    story = Story(profile="nightly")
    clauses = list(story.contract.clauses)
    for number in range(FAILURES):
        clause = clauses[number % len(clauses)]
        came = response(500, ODD[:4096], headers=[["X-Odd", ODD[:1000]]] * 30)
        shown = [story.exchange(request(ODD[:4096]), came) for _ in range(3)]
        bad = finding(clause, f"{number} " + ODD[:2000], expected=ODD[:2000])
        story.case(f"{clause}/bad-{number}", "violated", bad, exchanges=shown, title=ODD[:2000], tries=3, failed=3)
    for number in range(EXCHANGES - 3 * FAILURES):
        kind = "listed" if number < LISTED else "drawn"
        story.case(f"{clauses[number % len(clauses)]}/{kind}-{number}")
    directory = story.write(tmp_path_factory.mktemp("night"))
    render(directory)
    return directory


def test_the_page_is_below_two_megabytes(night: Path) -> None:
    assert (night / "report.html").stat().st_size < 2_000_000


def test_the_summary_is_below_what_github_takes(night: Path) -> None:
    assert (night / "summary.md").stat().st_size < LARGEST


def test_conformance_json_counts_everything(night: Path) -> None:
    data = json.loads((night / "conformance.json").read_text())
    assert data["requests"] == EXCHANGES
    assert data["verdict"] == "violated"
    assert sum(row["result"] == "violated" for row in data["clauses"]) > 40


def test_junit_holds_every_case_and_drawn_ones_that_held_together(night: Path) -> None:
    told = (night / "junit.xml").read_text()
    clauses = len(contracts.load().clauses)
    assert told.count("<testcase ") == FAILURES + LISTED + clauses
    drawn = [int(many) for many in re.findall(r'value="(\d+) drawn cases, such as: ', told)]
    assert len(drawn) == clauses
    assert sum(drawn) == EXCHANGES - 3 * FAILURES - LISTED
