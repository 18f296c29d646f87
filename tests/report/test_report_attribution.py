"""The account of a run: one result for each clause, and every violation where it belongs."""

from typing import Any

import pytest

from refund_conformance.contract import model as contracts
from refund_conformance.report.attribution import Account, ClauseAccount, draw
from refund_conformance.report.violations import WIDEST

CONTRACT = contracts.load()
Event = dict[str, Any]

START: Event = {"event": "start", "time": "2026-03-01T05:00:00+00:00", "chosen": None}


def finding(
    clause: str, kind: str = "accepted", actual: str = "200 without errors", also: tuple[str, ...] = ()
) -> Event:
    return {"clause": clause, "kind": kind, "expected": "400 with 111 alone", "actual": actual, "also": list(also)}


def case(
    id_: str, *findings: Event, outcome: str = "", answer: str = "error", reason: str = "", tries: int = 1
) -> Event:
    advice = all(each["kind"] == "advice" for each in findings)
    return {
        "event": "case",
        "case": id_,
        "clause": id_.partition("/")[0],
        "title": "Title.",
        "outcome": outcome or ("held" if not findings else "warned" if advice else "violated"),
        "reason": reason,
        "findings": list(findings),
        "exchanges": [],
        "answer": answer if tries else "",
        "failed": 0 if advice else 1,
        "tries": tries,
    }


def unsent(id_: str, outcome: str = "untested", reason: str = "orders.unknown is not set") -> Event:
    return case(id_, outcome=outcome, reason=reason, tries=0)


def account(*events: Event, **start: Any) -> Account:
    return draw(CONTRACT, [{**START, **start}, *events])


def of(clause: str, *events: Event, **start: Any) -> ClauseAccount:
    (found,) = (each for each in account(*events, **start).clauses if each.clause.id == clause)
    return found


def violated(*events: Event) -> set[str]:
    return {each.clause.id for each in account(*events).with_result("violated")}


# ---- one clause


def test_every_clause_has_one_account_in_the_contracts_order() -> None:
    assert [each.clause.id for each in account().clauses] == list(CONTRACT.clauses)


def test_a_clause_whose_cases_all_held_has_held() -> None:
    found = of("order.unknown", case("order.unknown/a"), case("order.unknown/b"))
    assert (found.result, found.cases, found.violations, found.reason) == ("held", 2, (), "")


def test_one_violation_among_many_cases_violates_the_clause() -> None:
    wrong = case("order.unknown/b", finding("order.unknown"))
    found = of("order.unknown", case("order.unknown/a"), wrong, case("order.unknown/c"))
    assert (found.result, found.cases, len(found.violations)) == ("violated", 3, 1)
    assert found.reason == "expected 400 with 111 alone; got 200 without errors (order.unknown/b)"
    assert found.violations[0].case == wrong


def test_a_clause_that_is_advice_is_warned_of() -> None:
    found = of("auth.codes", case("auth.codes/missing", finding("auth.codes", "advice")))
    assert (found.result, found.cases) == ("warned", 1)


def test_a_finding_counts_against_the_clause_it_names_and_not_against_the_cases_own() -> None:
    events = [case("order.unknown/a", finding("errors.shape", "shape")), case("order.unknown/b")]
    assert of("errors.shape", *events).result == "violated"
    assert of("order.unknown", *events).result == "held"


def test_a_clause_without_cases_is_untested_and_says_so() -> None:
    assert (of("order.unknown").result, of("order.unknown").reason) == ("untested", "no case of it was sent")
    assert of("errors.shape").reason == "no answer of that kind came"


def test_a_clause_whose_cases_were_not_sent_is_untested_for_their_reasons_each_told_once() -> None:
    events = [
        unsent("order.unknown/a"),
        unsent("order.unknown/b"),
        unsent("order.unknown/c", "skipped", "another reason"),
    ]
    found = of("order.unknown", *events)
    assert (found.result, found.cases) == ("untested", 0)
    assert found.reason == "orders.unknown is not set; another reason"


def test_a_skipped_case_does_not_make_a_tested_clause_untested() -> None:
    assert of("order.unknown", case("order.unknown/a"), unsent("order.unknown/b", "skipped")).result == "held"


def test_a_clause_with_undecided_cases_alone_is_untested() -> None:
    undecided = case("order.unknown/a", outcome="undecided", reason="only a gateway answered", answer="")
    found = account(undecided)
    assert found.undecided == [undecided]
    assert of("order.unknown", undecided).result == "untested"
    assert of("order.unknown", undecided).reason == "only a gateway answered"
    assert of("order.unknown", undecided, case("order.unknown/b")).result == "held"


@pytest.mark.parametrize(
    ("clause", "count"),
    [
        ("errors.shape", 3),
        ("errors.status", 3),
        ("success.status", 2),
        ("server.answers", 6),
        ("server.no-5xx", 6),
    ],
)
def test_a_promise_on_every_answer_counts_the_answers_of_its_kind(clause: str, count: int) -> None:
    answers = ["error"] * 3 + ["success"] * 2 + [""]
    events = [case(f"order.unknown/{number}", answer=answer) for number, answer in enumerate(answers)]
    assert (of(clause, *events).result, of(clause, *events).cases) == ("held", count)


def test_a_violation_of_a_promise_on_every_answer_is_a_case_of_it_at_least() -> None:
    silent = case("order.unknown/a", finding("success.status", "status"), answer="error")
    assert of("success.status", silent).cases == 1


def test_cases_of_clauses_that_the_contract_does_not_have_are_left_out() -> None:
    assert violated(case("order.odd/a", finding("order.odd"))) == set()


def test_a_clause_that_was_not_chosen_is_untested_unless_something_speaks_against_it() -> None:
    events = [
        case("order.unknown/a"),
        case("order.unknown/b", finding("errors.shape", "shape")),
        case("auth.missing/a"),
    ]
    results = {each.clause.id: each for each in account(*events, chosen=["order.unknown"]).clauses}
    assert results["order.unknown"].result == "held"
    assert results["errors.shape"].result == "violated"
    assert results["auth.missing"].result == "untested"
    assert results["auth.missing"].reason == "it was not chosen for this run"


# ---- what follows from what


def test_a_general_failure_counts_against_the_clause_it_was_met_in() -> None:
    crash = finding("server.no-5xx", "crash", "500", ("description.max-length",))
    assert violated(case("description.max-length/a", crash)) == {"server.no-5xx", "description.max-length"}


def test_a_general_failure_in_many_areas_counts_by_itself() -> None:
    clauses = ("description.type", "email.type", "order.unknown", "json.malformed")
    events = [case(f"{clause}/a", finding("errors.shape", "shape", also=(clause,))) for clause in clauses]
    found = account(*events)
    assert {each.clause.id for each in found.with_result("violated")} == {"errors.shape"}
    assert {each.clause for each in found.folded} == set(clauses)
    assert {each.root for each in found.folded} == {"errors.shape"}


def test_a_general_failure_in_few_areas_counts_against_each_of_them() -> None:
    clauses = ("description.type", "description.null", "email.type")
    assert len({clause.split(".")[0] for clause in clauses}) == WIDEST
    events = [case(f"{clause}/a", finding("errors.shape", "shape", also=(clause,))) for clause in clauses]
    assert violated(*events) == {"errors.shape", *clauses}


TEN = (
    "description.type",
    "description.null",
    "description.max-length",
    "email.type",
    "email.null",
    "email.required",
)


def test_a_general_failure_with_every_field_in_many_ways_is_not_the_fields_matter() -> None:
    events = [case(f"{clause}/a", finding("errors.shape", "shape", also=(clause,))) for clause in TEN]
    assert violated(*events) == {"errors.shape"}


def test_of_such_a_failure_a_clause_is_named_all_of_whose_cases_suffer() -> None:
    events = [case(f"{clause}/a", finding("server.no-5xx", "crash", also=(clause,))) for clause in TEN]
    events += [case(f"{clause}/b") for clause in TEN[1:]]
    assert violated(*events) == {"server.no-5xx", TEN[0]}


def test_a_general_failure_of_requests_put_together_is_not_held_against_a_clause_that_held_alone() -> None:
    composed = case("errors.alone/a", finding("errors.shape", "shape", also=("description.null",)))
    assert violated(composed) == {"errors.shape", "description.null"}
    assert violated(composed, case("description.null/null")) == {"errors.shape"}
    own = case("description.null/null", finding("errors.shape", "shape", also=("description.null",)))
    assert violated(composed, own) == {"errors.shape", "description.null"}


def test_an_order_that_is_accepted_in_an_odd_way_was_refundable() -> None:
    for clause, kind in (("success.status", "status"), ("success.body", "refused")):
        odd = finding(clause, kind, "201", also=("order.refundable",))
        assert violated(case("order.refundable/plain", odd)) == {clause}


@pytest.mark.parametrize(
    ("rests", "id_"),
    [
        ("email.required", "fields.name/email-capitalised"),
        ("description.type", "fields.message-names-field/description"),
        ("email.required", "fields.message-names-field/email"),
        ("order.unknown", "route.order-id/text"),
        ("description.unicode", "json.valid-forms/escaped"),
        ("order.once", "content-type.exact/asks-content-type-case"),
        ("fields.name", "json.structure/asks-deep-nesting"),
    ],
)
def test_what_only_shows_that_another_clause_is_broken_is_folded_into_that(rests: str, id_: str) -> None:
    own = id_.partition("/")[0]
    root = case(f"{rests}/a", finding(rests, "other-error", "400 with 15010"))
    alike = case(id_, finding(own, "other-error", "400 with 15010"))
    found = account(root, alike)
    assert {each.clause.id for each in found.with_result("violated")} == {rests}
    assert [each.clause for each in found.folded] == [own]
    assert violated(alike) == {own}
    assert violated(root, case(id_, finding(own, "other-error", "400 with 110"))) == {rests, own}
    assert violated(root, case(id_, finding("errors.shape", "shape", "400 with 15010"))) == {rests, "errors.shape"}


def test_what_crashes_as_that_does_on_which_it_rests_is_folded_too() -> None:
    crash = {"kind": "crash", "actual": "500"}
    events = [
        case("order.unknown/a", finding("server.no-5xx", also=("order.unknown",), **crash)),
        case("route.order-id/text", finding("server.no-5xx", also=("route.order-id",), **crash)),
    ]
    assert violated(*events) == {"server.no-5xx", "order.unknown"}
    assert violated(events[1]) == {"server.no-5xx", "route.order-id"}


@pytest.mark.parametrize(
    ("rests", "id_"),
    [
        ("description.null", "fields.all-reported/description-null-and-email-empty"),
        ("email.empty", "fields.all-reported/description-null-and-email-empty"),
        ("description.null", "errors.alone/merchant-json-all-fields-spent"),
        ("description.optional", "email.required/empty-object"),
    ],
)
def test_an_error_that_is_missing_for_a_field_follows_from_that_fields_clause(rests: str, id_: str) -> None:
    root = case(f"{rests}/a", finding(rests))
    missing = case(id_, finding("fields.all-reported", "fields", "400 with 15010"))
    assert violated(root, missing) == {rests}
    assert violated(missing) == {"fields.all-reported"}
    assert violated(case("email.accepts/a", finding("email.accepts")), missing) == {
        "email.accepts",
        "fields.all-reported",
    }


def test_valid_requests_refused_as_no_json_show_that_and_not_that_fields_are_misjudged() -> None:
    events = [case(f"{clause}/a", finding(clause, "other-error", "400 with 110")) for clause in TEN]
    events.append(
        case("json.valid-forms/spaced-and-reversed", finding("json.valid-forms", "refused", "400 with 110"))
    )
    events += [case(f"{clause}/b") for clause in TEN]
    assert violated(*events) == {"json.valid-forms"}


def test_valid_requests_refused_for_a_wrong_price_tell_nothing_of_what_they_say() -> None:
    events = [case("description.unicode/emoji", finding("description.unicode", "refused", "400 with 15040"))]
    assert violated(*events) == {"order.refundable"}


def test_what_is_refused_as_the_plain_request_is_follows_from_that() -> None:
    refused = {"kind": "refused", "actual": "403 without an error code"}
    events = [
        case("order.refundable/plain", finding("order.refundable", **refused)),  # type: ignore[arg-type]
        case("email.accepts/capitals", finding("email.accepts", **refused)),  # type: ignore[arg-type]
        case("json.valid-forms/escaped", finding("json.valid-forms", "refused", "400 with 110")),
    ]
    found = account(*events)
    assert {each.clause.id for each in found.with_result("violated")} == {"order.refundable", "json.valid-forms"}
    assert [each.clause for each in found.folded] == ["email.accepts"]


def test_acceptances_are_not_folded_into_a_refusal() -> None:
    events = [
        case("order.refundable/plain", finding("order.refundable", "refused", "403")),
        case("order.unknown/a", finding("order.unknown", "accepted", "403")),
    ]
    assert violated(*events) == {"order.refundable", "order.unknown"}


def test_unauthorized_requests_let_in_by_a_remembered_authorization_follow_from_that() -> None:
    events = [
        case("auth.missing/no-header"),
        case("auth.forged/alg-none", finding("auth.forged")),
        case("auth.every-request/same-connection", finding("auth.every-request")),
        case("order.unknown/a", finding("order.unknown")),
    ]
    assert violated(*events) == {"auth.every-request", "order.unknown"}


def test_they_stand_for_themselves_if_the_first_of_them_was_let_in_too() -> None:
    events = [
        case("auth.missing/no-header", finding("auth.missing")),
        case("auth.forged/alg-none", finding("auth.forged")),
        case("auth.every-request/same-connection", finding("auth.every-request")),
    ]
    assert violated(*events) == {"auth.missing", "auth.forged", "auth.every-request"}


def test_valid_requests_refused_for_their_content_type_break_the_promise_about_it() -> None:
    events = [
        case("email.accepts/capitals", finding("email.accepts", "refused", "400 with 111")),
        case("description.optional/absent", finding("description.optional", "refused", "400 with 111")),
    ]
    assert "content-type.exact" in violated(*events)


# ---- waivers


def waiver(clause: str, **more: str) -> Event:
    return {"clause": clause, "reason": "known", "expires": "2026-04-01", "case": "", "link": "", **more}


WRONG = case("order.unknown/a", finding("order.unknown"))


def test_a_known_violation_is_waived_with_the_reason() -> None:
    found = of("order.unknown", WRONG, waivers=[waiver("order.unknown", link="https://tracker.example/5")])
    assert found.result == "waived"
    assert found.reason.startswith("until 2026-04-01: known, https://tracker.example/5 (expected 400")
    assert len(found.violations) == 1


@pytest.mark.parametrize(
    "given",
    [
        waiver("order.foreign"),
        waiver("order.unknown", case="order.unknown/b"),
        waiver("order.unknown", expires="2026-03-01"),
        waiver("order.unknown", expires="no day"),
    ],
    ids=["another-clause", "another-case", "expired", "undated"],
)
def test_any_other_waiver_waives_nothing_and_is_told_to_be_of_no_use(given: Event) -> None:
    found = account(WRONG, waivers=[given])
    assert {each.clause.id for each in found.with_result("violated")} == {"order.unknown"}
    assert [each.clause for each in found.unused_waivers] == [given["clause"]]


def test_a_waiver_of_one_case_does_not_cover_another() -> None:
    second = case("order.unknown/b", finding("order.unknown"))
    given = [waiver("order.unknown", case="order.unknown/a")]
    assert of("order.unknown", WRONG, waivers=given).result == "waived"
    assert of("order.unknown", WRONG, second, waivers=given).result == "violated"


def test_a_waiver_that_is_needed_is_of_use_and_a_record_without_a_day_waives_nothing() -> None:
    given = [waiver("order.unknown")]
    assert account(WRONG, waivers=given).unused_waivers == []
    assert of("order.unknown", WRONG, waivers=given, time="?").result == "violated"
