"""The trials as a table: a line for the terminal, and a page that tells what went wrong."""

from pathlib import Path

import pytest

from refund_conformance import __version__
from refund_conformance.app.selfcheck import Subject, Trial
from refund_conformance.app.selfcheck_matrix import line, page, write

SEEN = Trial(Subject("auth-anonymous-passes", "auth.missing", fault="x"), 1, ("auth.missing",), 350, 26, 5, "")
UNSEEN = Trial(Subject("email-null-110", "email.null", fault="x"), 0, (), 361, 27, 0, "")
LAWFUL = Trial(Subject("bearer-case=401", answer=("bearer-case", "401")), 0, (), 340, 25, 0, "401")
ACCUSED = Trial(Subject("slow-answers", variant="x"), 1, ("server.answers",), 355, 30, 17, "")


@pytest.mark.parametrize(
    ("trial", "begins", "tells"),
    [
        (SEEN, "seen ", "breaks auth.missing; named auth.missing after 5 requests"),
        (UNSEEN, "unseen ", "breaks email.null; named nothing after 0 requests"),
        (LAWFUL, "not accused ", "is lawful; named nothing"),
        (ACCUSED, "accused: server.answers ", "is lawful; named server.answers after 17 requests"),
    ],
)
def test_a_line_begins_with_the_judgement_and_tells_what_was_named(trial: Trial, begins: str, tells: str) -> None:
    text = line(trial)
    assert text.startswith(begins)
    assert f" {trial.subject.name} " in text
    assert tells in text
    assert "\n" not in text


def test_a_page_counts_faults_lawful_differences_and_what_went_wrong() -> None:
    text = page([LAWFUL, UNSEEN, ACCUSED, SEEN])
    assert "catalogue (2), and with each lawful\ndifference (2). 2 of the trials went wrong:" in text
    assert "- `email-null-110`: unseen\n" in text
    assert "- `slow-answers`: accused: server.answers\n" in text
    assert f"`refund-conformance selfcheck` {__version__} on 20" in text


def test_a_page_tells_the_bounds_that_were_met() -> None:
    text = page([LAWFUL, UNSEEN, ACCUSED, SEEN])
    assert "Requests a run: 340 to 361. Refundable orders a run: at most 30." in text


def test_a_page_without_anything_wrong_says_so() -> None:
    text = page([SEEN, LAWFUL])
    assert "0 of the trials went wrong." in text
    assert "- `" not in text


def test_a_page_has_a_row_for_each_trial_in_the_order_of_clauses() -> None:
    text = page([LAWFUL, UNSEEN, ACCUSED, SEEN])
    faults, lawful = text.split("## Faults")[1].split("## Lawful differences")
    rows = [row for row in faults.splitlines() if row.startswith("| ")][2:]
    assert rows == [
        "| auth-anonymous-passes | auth.missing | auth.missing | 5 |",
        "| email-null-110 | email.null |  | 0 |",
    ]
    assert "| bearer-case=401 | conformant | 401 |" in lawful
    assert "| slow-answers | accused |  |" in lawful


def test_tables_of_a_page_have_no_gaps() -> None:
    tables = [block for block in page([SEEN, LAWFUL]).split("\n\n") if block.startswith("|")]
    assert len(tables) == 2
    for table in tables:
        assert len({row.count("|") for row in table.strip().splitlines()}) == 1


def test_a_page_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "page.md"
    write([SEEN], path)
    assert path.read_text(encoding="utf-8") == page([SEEN])
    assert path.read_text(encoding="utf-8").endswith("\n")
