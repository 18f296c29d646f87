"""The list of cases: stable names, every clause with its cases, and for each wrong part someone to blame."""

import re
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import jwt
import pytest

from refund_conformance.cases import all_cases, explorations
from refund_conformance.cases.case import SPENT, made, plain_draft
from refund_conformance.cases.orders import ENDS, PICKS, REFUNDABLE_GROUPS
from refund_conformance.contract import model as contracts
from refund_conformance.oracle.situation import Situation
from refund_conformance.sut.settings import CREDENTIALS, GROUPS

CONTRACT = contracts.load()
CASES = all_cases(CONTRACT)
TOKEN = jwt.encode({"sub": "merchant", "exp": 4102444800}, "k" * 32, "HS256")

WITHOUT_CASES = {
    *("auth.every-request", "auth.no-effect", "json.no-effect", "fields.no-effect"),
    *("order.race", "order.lifecycle", "server.steady", "server.isolation", "success.status", "success.body"),
    *("errors.shape", "errors.media-type", "errors.known-codes", "errors.status", "errors.message"),
}
"""Clauses that take more than one request, or are judged on every answer."""


def test_a_case_is_named_by_its_clause_and_a_plain_slug() -> None:
    for case in CASES.values():
        clause, slash, slug = case.id.partition("/")
        assert slash, case
        assert clause in CONTRACT.clauses, case
        assert re.fullmatch(r"[A-Za-z0-9-]+", slug), case
        assert len(case.id) <= 120, case
        assert (case.clause, case.slug, case.area, str(case)) == (clause, slug, clause.split(".")[0], case.id)


def test_a_case_is_told_in_one_sentence_without_its_payload() -> None:
    for case in CASES.values():
        assert re.fullmatch(r"[A-Z][^\n]*[.]", case.title), case
        assert case.title.isascii(), case
        assert len(case.title) < 150, case


def test_every_wrong_part_of_a_case_has_a_clause_to_blame() -> None:
    for case in CASES.values():
        assert [part for part, _ in case.blame] == list(case.situation.wrong), case
        assert {clause for _, clause in case.blame} <= CONTRACT.clauses.keys(), case


def test_where_one_part_is_wrong_it_is_the_matter_of_the_cases_own_clause() -> None:
    for case in CASES.values():
        if len(case.situation.wrong) == 1 and case.clause != "auth.codes" and case.area != "server":
            assert dict(case.blame) == {case.situation.wrong[0]: case.clause}, case


def test_a_case_takes_its_order_and_its_token_from_the_settings() -> None:
    for case in CASES.values():
        assert case.group in {*GROUPS, SPENT}, case
        assert case.pick in PICKS, case
        assert case.draft.credential in CREDENTIALS, case


def test_what_a_case_leaves_open_are_questions_of_the_contract() -> None:
    for case in CASES.values():
        assert {question for question, _ in case.situation.questions} <= CONTRACT.questions.keys(), case


def test_every_clause_has_a_case_but_those_of_flows_and_general_promises() -> None:
    assert {case.clause for case in CASES.values()} == CONTRACT.clauses.keys() - WITHOUT_CASES


def test_every_question_is_asked_by_some_case() -> None:
    asked = {question for case in CASES.values() for question, _ in case.situation.questions}
    implied = {"malformed-order-id", "order-not-found-code", "precedence"}
    assert asked | implied == set(CONTRACT.questions)
    assert any(case.situation.route == "malformed-order-id" for case in CASES.values())
    assert any(case.situation.order == "unknown" for case in CASES.values())


def test_every_outcome_of_the_contract_is_met_by_some_case() -> None:
    met = {
        (part, getattr(case.situation, part, "invalid"))
        for case in CASES.values()
        for part in case.situation.wrong
    }
    asked_only = {("route", "malformed-order-id-400"), ("order", "unknown-15020"), ("field", "repeated")}
    asked_only |= {("route", "oversized"), ("route", "cleaned"), ("content_type", "unsupported")}
    asked_only |= {("body", "length-required"), ("body", "unusual-members")}
    assert met == set(CONTRACT.outcomes) - asked_only


def test_only_cases_about_what_an_answer_says_send_the_same_as_another() -> None:
    seen: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for case in CASES.values():
        draft = case.draft
        header = draft.authorization("X", TOKEN)
        sent = (draft.method, draft.path("5"), draft.content_type, draft.body, header, draft.credential)
        how = (draft.extra_headers, draft.framing, draft.spelling, draft.trailer)
        seen[(*sent, *how, case.group, case.pick)].append(case.clause)
    again = {clause for clauses in seen.values() for clause in clauses[1:]}
    states = {"order.not-paid", "order.zero-price", "order.refund-open", "order.unknown"}
    assert again == {"auth.codes", "fields.message-names-field", *states}


def test_the_list_is_the_same_each_time() -> None:
    again = all_cases(contracts.load())
    assert list(again) == list(CASES)
    assert [case.draft.body for case in again.values()] == [case.draft.body for case in CASES.values()]


def test_an_acceptance_uses_up_an_order_so_the_list_of_them_is_short() -> None:
    dear = [case for case in CASES.values() if not case.situation.wrong and case.group in REFUNDABLE_GROUPS]
    assert 10 <= len(dear) <= 25


def test_two_cases_of_one_name_are_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    case = made("auth.missing/no-header", "Again.", Situation(), plain_draft(CONTRACT))
    monkeypatch.setattr("refund_conformance.cases._SOURCES", (lambda contract: iter((case, case)),))
    with pytest.raises(ValueError, match=r"two cases are called auth\.missing/no-header"):
        all_cases(replace(CONTRACT))


# ---- what contract.md asks for, by clause


def slugs(clause: str) -> set[str]:
    return {case.slug for case in CASES.values() if case.clause == clause}


def bodies(clause: str) -> list[bytes]:
    return [case.draft.body for case in CASES.values() if case.clause == clause]


def test_each_group_of_orders_is_tried_more_than_once() -> None:
    tried = Counter(case.group for case in CASES.values() if case.area == "order")
    for group in set(GROUPS) - set(REFUNDABLE_GROUPS):
        assert tried[group] >= len(ENDS), group


def test_the_other_methods_are_tried() -> None:
    assert slugs("route.method") == {"get", "head", "put", "patch", "delete"}


def test_a_request_without_a_field_or_without_any_is_tried() -> None:
    assert {b"{}", b'{"email":"refunds@example.com"}'} <= {
        *bodies("email.required"),
        *bodies("description.optional"),
    }
    assert {"absent", "empty-object", "in-query"} == slugs("email.required")


@pytest.mark.parametrize("clause", ["auth.codes", "auth.first"])
def test_advice_about_authorization_has_cases_for_missing_and_forged_tokens(clause: str) -> None:
    kinds = {case.situation.authorization for case in CASES.values() if case.clause == clause}
    assert {"missing", "forged"} <= kinds


def test_all_reported_cases_have_every_field_invalid() -> None:
    found = [case.situation.invalid for case in CASES.values() if case.clause == "fields.all-reported"]
    assert set(found) == {frozenset({"description", "email"})}
    assert len(found) >= 4


def test_drawn_cases_belong_to_clauses_of_the_contract() -> None:
    drawn = explorations(CONTRACT)
    assert drawn.keys() <= CONTRACT.clauses.keys()
    assert {"json.malformed", "content-type.other", "description.max-length", "email.format"} <= drawn.keys()


def test_the_suites_folder_has_no_case_of_its_own() -> None:
    for path in (Path(__file__).parents[2] / "suites").glob("*.py"):
        assert "Situation" not in path.read_text(encoding="utf-8")
