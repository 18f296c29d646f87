"""What a card shows: headings that say what happened, expected against got, and the part that matters."""

import json
from dataclasses import replace
from typing import Any

import pytest
from report_story import finding, request, response

from refund_conformance.cases import all_cases
from refund_conformance.contract.model import load
from refund_conformance.report.cause_cards import Since, since
from refund_conformance.report.difference import circumstances, request_lines, rows
from refund_conformance.report.headings import happened
from refund_conformance.report.history import Past

CONTRACT = load()
CASES = all_cases(CONTRACT)
ERROR = {"errors": [{"error": 15010, "message": "Invalid field value: email"}]}


def _exchange(status: int = 200, answer: str = "", **sent: Any) -> dict[str, Any]:
    return {"number": 1, "request": request(**sent), "response": response(status, answer)}


def _table(case: str, exchange: dict[str, Any] | None) -> dict[str, tuple[str, str, bool]]:
    found = rows(CONTRACT, CASES.get(case), finding("auth.missing"), exchange)
    return {row.part: (row.expected, row.got, row.differs) for row in found}


def test_status_and_code_are_compared() -> None:
    table = _table("email.format/two-at", _exchange(200))
    assert table["Status"] == ("400", "200", True)
    assert table["Error code"] == ("15010", "no body", True)
    assert table["Field"] == ("email", "none", True)


def test_what_agrees_is_not_marked() -> None:
    table = _table("json.malformed/empty", _exchange(400, json.dumps(ERROR)))
    assert table["Status"] == ("400", "400", False)
    assert table["Error code"] == ("110", "15010", True)
    assert table["Message"][1:] == ("Invalid field value: email", False)


@pytest.mark.parametrize(("case", "exchange"), [("a.b/unknown", _exchange()), ("email.null/null", None)])
def test_the_judge_s_words_stand_where_no_more_is_known(case: str, exchange: dict[str, Any] | None) -> None:
    assert _table(case, exchange) == {"Answer": ("401 with an error code", "200 without errors", True)}


@pytest.mark.parametrize(
    ("area", "marked"),
    [
        ("description", '"é'),
        ("content-type", "application/json"),
        ("auth", "Bearer [redacted]"),
        ("order", "/v1/order/730001/refund"),
    ],
)
def test_the_part_that_matters_is_marked(area: str, marked: str) -> None:
    body = json.dumps({"description": "é" * 600, "email": "a@b.example"}, ensure_ascii=False)
    lines = request_lines(CONTRACT, area, _exchange(body=body))
    texts = ["".join(piece.text for piece in line.marked) for line in lines if line.marked]
    assert len(texts) == 1
    assert texts[0].startswith(marked)
    if area == "description":
        assert texts[0].endswith("… (600 characters, 1,200 bytes)")


def test_a_header_that_was_not_sent_is_named() -> None:
    lines = request_lines(CONTRACT, "auth", _exchange(headers=[["Content-Type", "application/json"]]))
    assert any("(not sent)" in piece.text for line in lines for piece in line.marked)


def test_another_method_is_marked_alone() -> None:
    [first, *_] = request_lines(CONTRACT, "route", _exchange(method="GET"))
    assert [piece.text.strip() for piece in first.marked] == ["GET"]


def test_circumstances_tell_what_the_request_does_not_show() -> None:
    assert circumstances(CASES["order.not-paid/not-paid-first"]) == ("Order: not paid",)
    assert circumstances(CASES["order.refundable/plain"]) == circumstances(None) == ()


@pytest.mark.parametrize(
    ("title", "kind", "told"),
    [
        ("A forged token (alg-none) is refused.", "accepted", "A forged token (alg-none) was accepted"),
        (
            "A valid description (emoji) is accepted.",
            "refused",
            "A description of 277 characters (emoji) was refused",
        ),
        ("What nobody foresaw", "crash", "What nobody foresaw: made the server fail"),
    ],
)
def test_headings_say_what_happened(title: str, kind: str, told: str) -> None:
    case = {"clause": "description.unicode", "title": title, "findings": [finding("auth.missing", kind=kind)]}
    assert happened(case, {"description": 277}).startswith(told)
    assert happened({**case, "findings": []}) == title


def test_since_is_the_first_of_the_runs_that_fail_in_a_row() -> None:
    runs = [
        Past(f"2026-03-0{day}T05:00:00+00:00", "violated", {"a.b": result}, href=f"{day}.json")
        for day, result in enumerate(("violated", "held", "violated", "untested", "violated"), 1)
    ]
    assert since(runs, ["a.b"]) == Since("2026-03-03T05:00:00+00:00", 3, True, "3.json")
    assert since(runs[:2], ["a.b"]).sentence == "new in this run"
    assert since([replace(runs[0], results={})], ["a.b"]).sentence == "no earlier run to compare with"
