"""conformance.json says conformant only of a run that came to its end, tested something, found nothing wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refund_conformance.contract import documents
from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import RunError
from refund_conformance.contract.untested import PARTIAL as REASONS_OF_PARTIAL
from refund_conformance.contract.untested import Because
from refund_conformance.report.summary import REASON_LENGTH, Summary, summarize, write

CONTRACT = contracts.load()
Event = dict[str, Any]

START: Event = {
    "event": "start",
    "format": 1,
    "time": "2026-03-01T05:00:00+00:00",
    "version": "0.1.0",
    "profile": "ci",
    "seed": 7,
    "target": "https://staging.example",
    "strict": False,
    "chosen": None,
    "narrowed": True,
    "pins": {},
}
END: Event = {
    "event": "end",
    "time": "2026-03-01T05:00:09+00:00",
    "seconds": 8.7654321,
    "reason": "",
    "interrupted": False,
}


def case(id_: str, outcome: str = "held", clause: str = "", **more: Any) -> Event:
    kinds = {"violated": "accepted", "warned": "advice"}
    findings = [
        {
            "clause": clause or id_.partition("/")[0],
            "kind": kinds[outcome],
            "expected": "400",
            "actual": "200",
            "also": [],
        }
        for _ in [outcome]
        if outcome in kinds
    ]
    return {
        "event": "case",
        "case": id_,
        "clause": id_.partition("/")[0],
        "title": "Title.",
        "outcome": outcome,
        "reason": "",
        "findings": findings,
        "exchanges": [],
        "answer": "error",
        "failed": int(outcome == "violated"),
        "tries": 1,
        **more,
    }


HELD = case("order.unknown/a")
VIOLATED = case("order.foreign/a", "violated")
WARNED = case("auth.codes/missing", "warned")
UNDECIDED = case("order.once/a", "undecided", reason="only a gateway answered", answer="")
UNTESTED = case("order.not-paid/a", "untested", reason="orders.not_paid is not set", tries=0, answer="")


def of(*events: Event, ended: bool = True, end: Event | None = None, **start: Any) -> Summary:
    last = [{**END, **(end or {})}] if ended else []
    return summarize(CONTRACT, [{**START, **start}, *events, *last])


def told(summary: Summary) -> tuple[str, int]:
    documents.check(summary.data, "conformance-report", "summary", RunError)
    return summary.data["verdict"], summary.exit_status


# ---- the verdict

CONFORMANT, PARTIAL, BROKEN, INCOMPLETE = ("conformant", 0), ("partial", 0), ("violated", 1), ("incomplete", 3)


@pytest.mark.parametrize(
    ("events", "verdict"),
    [
        ([HELD], PARTIAL),
        ([HELD, UNTESTED], PARTIAL),
        ([HELD, WARNED], PARTIAL),
        ([WARNED], PARTIAL),
        ([HELD, VIOLATED], BROKEN),
        ([VIOLATED, UNDECIDED], BROKEN),
        ([VIOLATED, WARNED, UNTESTED], BROKEN),
        ([], INCOMPLETE),
        ([UNTESTED], INCOMPLETE),
        ([HELD, UNDECIDED], INCOMPLETE),
        ([UNDECIDED], INCOMPLETE),
    ],
)
def test_the_verdict_follows_from_the_cases(events: list[Event], verdict: tuple[str, int]) -> None:
    assert told(of(*events)) == verdict


@pytest.mark.parametrize(
    ("events", "verdict"), [([HELD], PARTIAL), ([HELD, WARNED], BROKEN), ([UNTESTED], INCOMPLETE)]
)
def test_where_it_is_strict_a_warning_counts(events: list[Event], verdict: tuple[str, int]) -> None:
    assert told(of(*events, strict=True)) == verdict


def test_a_warning_does_not_make_an_incomplete_run_a_violated_one() -> None:
    assert told(of(HELD, WARNED, UNDECIDED, strict=True)) == INCOMPLETE


def test_a_waived_violation_does_not_fail_a_run() -> None:
    waiver = {"clause": "order.foreign", "reason": "known", "expires": "2026-04-01", "case": "", "link": ""}
    summary = of(HELD, VIOLATED, waivers=[waiver])
    assert told(summary) == PARTIAL
    assert [clause["result"] for clause in summary.data["clauses"] if clause["id"] == "order.foreign"] == [
        "waived"
    ]
    assert told(of(HELD, VIOLATED, waivers=[{**waiver, "expires": "2026-03-01"}])) == BROKEN


@pytest.mark.parametrize("events", [[], [HELD], [HELD, WARNED], [UNTESTED]], ids=len)
def test_a_run_without_its_last_event_is_incomplete_whatever_it_held(events: list[Event]) -> None:
    summary = of(*events, ended=False)
    assert told(summary) == INCOMPLETE
    assert summary.data["reason"] == "the run did not come to its end"


def test_violations_of_a_run_without_its_last_event_do_not_make_it_whole() -> None:
    assert told(of(HELD, VIOLATED, ended=False)) == INCOMPLETE


def test_a_run_that_ended_for_a_reason_is_incomplete_for_that_reason() -> None:
    summary = of(HELD, end={"reason": "the target stopped answering"})
    assert told(summary) == INCOMPLETE
    assert summary.data["reason"] == "the target stopped answering"


@pytest.mark.parametrize("events", [[HELD], [VIOLATED], []], ids=len)
def test_an_interrupted_run_has_an_exit_status_of_its_own(events: list[Event]) -> None:
    assert of(*events, end={"reason": "it was interrupted", "interrupted": True}).exit_status == 130


@pytest.mark.parametrize("events", [[HELD], [VIOLATED], []], ids=len)
def test_a_terminated_run_has_an_exit_status_of_its_own(events: list[Event]) -> None:
    end = {"reason": "it was interrupted", "interrupted": True, "terminated": True}
    assert of(*events, end=end).exit_status == 143


def test_no_events_at_all_are_an_incomplete_run() -> None:
    assert told(summarize(CONTRACT, [])) == INCOMPLETE


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([], "nothing was tested"),
        ([UNTESTED], "nothing was tested"),
        ([HELD], ""),
        (
            [HELD, UNDECIDED, {**UNDECIDED, "case": "order.once/b"}],
            "2 cases got no answer that says anything, order.once/a first: only a gateway answered",
        ),
    ],
    ids=len,
)
def test_the_reason_says_why_a_run_is_incomplete(events: list[Event], reason: str) -> None:
    assert of(*events).data["reason"] == reason


# ---- partial, or incomplete

EVERYTHING = [
    case(f"{id_}/a", answer="success" if id_.startswith("success") else "error") for id_ in CONTRACT.clauses
]


def but(*ids: str) -> list[Event]:
    """Return a case that held for each clause, except some."""
    return [event for event in EVERYTHING if event["clause"] not in ids]


def lacking(clause: str, because: str, **more: Any) -> Event:
    return case(f"{clause}/b", "untested", reason="its reason", because=because, tries=0, answer="", **more)


def test_a_run_that_tested_everything_is_conformant() -> None:
    summary = of(*EVERYTHING, narrowed=False)
    assert told(summary) == CONFORMANT
    assert (summary.data["reason"], summary.data["partial"]) == ("", "")


@pytest.mark.parametrize(
    ("because", "verdict"),
    [
        (Because.SETTINGS, PARTIAL),
        (Because.CHOICE, PARTIAL),
        (Because.TARGET, PARTIAL),
        (Because.BUDGET, INCOMPLETE),
        (Because.SUPPLY, INCOMPLETE),
        ("", PARTIAL),
    ],
)
def test_what_an_untested_clause_makes_of_a_run_follows_from_its_reason(
    because: str, verdict: tuple[str, int]
) -> None:
    summary = of(*but("order.foreign"), lacking("order.foreign", because), narrowed=False)
    assert told(summary) == verdict
    assert "its reason" in summary.data["partial" if verdict == PARTIAL else "reason"]


@pytest.mark.parametrize("because", list(Because))
def test_a_case_that_should_have_been_tested_makes_a_run_incomplete_though_its_clause_held(
    because: Because,
) -> None:
    summary = of(*EVERYTHING, lacking("order.foreign", because), narrowed=False)
    assert told(summary) == (CONFORMANT if because in REASONS_OF_PARTIAL else INCOMPLETE)


def test_a_clause_of_which_no_case_was_sent_makes_a_whole_run_incomplete() -> None:
    summary = of(*but("description.unicode"), narrowed=False)
    assert told(summary) == INCOMPLETE
    assert summary.data["reason"] == "1 clause is untested, description.unicode: no case of it was sent"


def test_a_run_of_chosen_clauses_is_partial() -> None:
    summary = of(*EVERYTHING, chosen=["order.unknown"], narrowed=False)
    assert told(summary) == PARTIAL
    count = len(CONTRACT.clauses)
    told_ = f"{count - 1} of {count} clauses are untested: it was not chosen for this run ({count - 1})"
    assert summary.data["partial"] == told_


@pytest.mark.parametrize(("present", "verdict"), [([1, 2, 3], CONFORMANT), ([2], PARTIAL), ([1, 3], PARTIAL)])
def test_a_run_of_which_shards_are_missing_is_partial(present: list[int], verdict: tuple[str, int]) -> None:
    summary = of(*EVERYTHING, narrowed=False, shards={"count": 3, "present": present})
    assert told(summary) == verdict


@pytest.mark.parametrize(("required", "verdict"), [(["order.unknown"], PARTIAL), (["order.foreign"], INCOMPLETE)])
def test_a_clause_that_is_required_must_be_tested(required: list[str], verdict: tuple[str, int]) -> None:
    events = [*but("order.foreign"), lacking("order.foreign", Because.SETTINGS)]
    summary = of(*events, narrowed=False, required=required)
    assert told(summary) == verdict
    if verdict == INCOMPLETE:
        assert summary.data["reason"] == "1 required clause is untested, order.foreign: its reason"


def test_a_violation_that_is_waived_masks_no_more_than_it_must() -> None:
    """A clause whose cases all break a waived one is left out on purpose."""
    masked = case("order.foreign/a", "violated", clause="errors.shape")
    waiver = {"clause": "errors.shape", "reason": "known", "expires": "2026-04-01", "case": "", "link": ""}
    assert told(of(*but("order.foreign"), masked, narrowed=False, waivers=[waiver])) == PARTIAL
    assert told(of(*but("order.foreign"), masked, narrowed=False)) == BROKEN


# ---- what else it says


def test_the_run_is_told_as_it_began_and_ended() -> None:
    data = of(HELD).data
    assert {
        name: data[name] for name in ("format", "profile", "seed", "strict", "target", "started", "version")
    } == {
        "format": 1,
        "profile": "ci",
        "seed": 7,
        "strict": False,
        "target": "https://staging.example",
        "started": "2026-03-01T05:00:00+00:00",
        "version": "0.1.0",
    }
    assert data["seconds"] == 8.765


def test_requests_and_leased_orders_are_counted() -> None:
    leased = [
        {"event": "leased", "group": group, "order": "5"} for group in ("refundable", "refundable", "unknown")
    ]
    data = of(HELD, *[{"event": "exchange"}] * 3, *leased).data
    assert data["requests"] == 3
    assert data["orders"] == {"refundable": 2, "unknown": 1}


def test_every_clause_is_told_with_its_level_and_its_result() -> None:
    clauses = {row["id"]: row for row in of(HELD, VIOLATED, WARNED, UNTESTED).data["clauses"]}
    assert list(clauses) == list(CONTRACT.clauses)
    assert clauses["order.unknown"] == {
        "id": "order.unknown",
        "level": "must",
        "result": "held",
        "cases": 1,
        "violations": 0,
        "reason": "",
    }
    assert (clauses["order.foreign"]["result"], clauses["order.foreign"]["violations"]) == ("violated", 1)
    assert (clauses["auth.codes"]["level"], clauses["auth.codes"]["result"]) == ("should", "warned")
    assert clauses["order.not-paid"]["reason"] == "orders.not_paid is not set"


def test_a_reason_that_quotes_much_is_cut() -> None:
    long = case("order.unknown/a", "untested", reason="x" * 5000, tries=0, answer="")
    reasons = {row["id"]: row["reason"] for row in of(HELD, long, end={"reason": "y" * 5000}).data["clauses"]}
    assert len(of(HELD, end={"reason": "y" * 5000}).data["reason"]) == REASON_LENGTH + 1
    assert max(map(len, reasons.values())) <= REASON_LENGTH + 1


# ---- questions


def answers(*events: Event, **pins: str) -> dict[str, tuple[str | None, str | None]]:
    rows = of(HELD, *events, pins={name.replace("_", "-"): pin for name, pin in pins.items()}).data["questions"]
    return {row["id"]: (row["pinned"], row["observed"]) for row in rows}


def observed(question: str, answer: str) -> Event:
    return {"event": "observation", "question": question, "answer": answer}


def precedence(first: str, *before: str) -> Event:
    return {"event": "precedence", "first": first, "before": list(before)}


def test_every_question_is_told_also_if_nothing_is_known_of_it() -> None:
    assert answers() == dict.fromkeys(CONTRACT.questions, (None, None))


def test_a_question_is_told_with_its_pin_and_what_was_observed() -> None:
    found = answers(observed("utf16-json", "110"), observed("utf16-json", "110"), utf16_json="accepted")
    assert found["utf16-json"] == ("accepted", "110")


def test_several_observed_answers_are_told_in_the_order_they_came() -> None:
    found = answers(observed("utf16-json", "110"), observed("utf16-json", "accepted"))
    assert found["utf16-json"] == (None, "110 or accepted")


@pytest.mark.parametrize(
    ("events", "order"),
    [
        ([], None),
        ([precedence("authorization", "order")], "authorization, order"),
        (
            [precedence("order", "field"), precedence("authorization", "order", "field")],
            "authorization, order, field",
        ),
        ([precedence("field", "authorization")], "field, authorization"),
        (
            [precedence("authorization", "body"), precedence("caller", "field")],
            "authorization, body, caller, field",
        ),
        ([precedence("body", "order"), precedence("order", "body")], "varies"),
        ([precedence("body", "order"), precedence("order", "field"), precedence("field", "body")], "varies"),
    ],
    ids=range(7),
)
def test_the_order_of_the_parts_is_told_if_there_is_one(events: list[Event], order: str | None) -> None:
    assert answers(*events)["precedence"] == (None, order)


# ---- the file


def test_the_file_holds_what_the_summary_says(tmp_path: Path) -> None:
    summary = of(HELD, VIOLATED)
    write(tmp_path, summary)
    raw = (tmp_path / "conformance.json").read_bytes()
    assert json.loads(raw) == summary.data
    assert raw.endswith(b"}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["conformance.json"]


def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path, of(*[HELD] * 5, target="https://" + "a" * 5000))
    write(tmp_path, of(HELD))
    assert json.loads((tmp_path / "conformance.json").read_text(encoding="utf-8")) == of(HELD).data


def test_half_a_surrogate_pair_in_a_reason_can_be_written(tmp_path: Path) -> None:
    write(tmp_path, of(HELD, end={"reason": "half \ud83d"}))
    assert json.loads((tmp_path / "conformance.json").read_bytes())["reason"] == "half \ud83d"


# ---- any run

MUST = {clause.id for clause in CONTRACT.clauses.values() if clause.level == "must"}
OUTCOMES = ("held", "skipped", "untested", "warned", "undecided", "violated")
FINDINGS = st.fixed_dictionaries(
    {
        "clause": st.sampled_from([*CONTRACT.clauses, "odd.clause"]),
        "kind": st.sampled_from(["accepted", "refused", "advice", "crash", "other-error"]),
        "expected": st.sampled_from(["400 with 111 alone", "200 without errors"]),
        "actual": st.sampled_from(["400 with 111", "404 with 15060", "200 without errors", ""]),
        "also": st.lists(st.sampled_from([*CONTRACT.clauses, "odd.clause"]), max_size=2),
    }
)
CASES = st.builds(
    lambda clause, slug, **more: {**case(f"{clause}/{slug}"), **more},
    st.sampled_from([*CONTRACT.clauses, "odd.clause"]),
    st.sampled_from(["plain", "no-header", "a"]),
    outcome=st.sampled_from(OUTCOMES),
    findings=st.lists(FINDINGS, max_size=2),
    answer=st.sampled_from(["", "error", "success"]),
    tries=st.integers(0, 2),
    reason=st.sampled_from(["", "why"]),
)
EVENTS = st.one_of(
    CASES,
    CASES,
    st.builds(observed, st.sampled_from([*CONTRACT.questions, "odd"]), st.sampled_from(["110", "accepted"])),
    st.builds(precedence, st.sampled_from(["body", "order", "odd"]), st.sampled_from(["field", "body", "odd"])),
    st.just({"event": "note", "text": "text"}),
)


@pytest.mark.whole
@given(events=st.lists(EVENTS, max_size=12), ended=st.booleans(), strict=st.booleans())
def test_any_run_has_a_summary_that_is_never_better_than_its_cases(
    events: list[Event], ended: bool, strict: bool
) -> None:
    summary = of(*events, ended=ended, strict=strict)
    verdict, status = told(summary)
    assert status == {"conformant": 0, "violated": 1, "incomplete": 3}[verdict]
    results = {row["result"] for row in summary.data["clauses"]}
    assert (verdict == "conformant") <= (
        ended
        and "violated" not in results
        and results != {"untested"}
        and not (strict and "warned" in results)
        and not any(each.get("outcome") == "undecided" and each["clause"] in CONTRACT.clauses for each in events)
    )
    assert (ended and "violated" in results) <= (verdict == "violated")


@pytest.mark.whole
@given(events=st.lists(EVENTS, max_size=12))
def test_no_violation_is_folded_away_altogether(events: list[Event]) -> None:
    """Whatever follows from what: if an answer broke a promise, some clause is violated."""
    broke = any(
        finding["clause"] in MUST and finding["kind"] != "advice"
        for each in events
        if each["event"] == "case" and each["clause"] in CONTRACT.clauses
        for finding in each["findings"]
    )
    assert broke <= (told(of(*events)) == BROKEN)
