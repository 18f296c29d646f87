"""Combinations: every pair of wrong values of two factors is met, and each case is what its name says."""

from dataclasses import replace
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refund_conformance.cases.case import Case
from refund_conformance.cases.combinations import FACTORS, combination, combined_cases, explored_combinations
from refund_conformance.contract import model as contracts
from refund_conformance.oracle.permitted import permitted
from refund_conformance.oracle.situation import Situation

CONTRACT = contracts.load()
COMBINED = list(combined_cases(CONTRACT))

RIGHT = {"who": "merchant", "media": "json", "body": "plain", "order": "refundable"}
PARTS: dict[str, dict[str, str]] = {
    "merchant": {},
    "missing": {"authorization": "missing"},
    "forged": {"authorization": "forged"},
    "unconfigured": {"caller": "unconfigured"},
    "json": {},
    "other": {"content_type": "other"},
    "plain": {},
    "malformed": {"body": "malformed"},
    "one-field": {},
    "all-fields": {},
    "refundable": {},
    "not_paid": {"order": "not-paid"},
    "spent": {"order": "refund-open"},
    "unknown": {"order": "unknown"},
    "foreign": {"order": "foreign"},
}
INVALID = {"one-field": frozenset({"description"}), "all-fields": frozenset({"description", "email"})}


EVERY = list(product(*FACTORS.values()))


def met(case: Case) -> dict[str, str]:
    """Return the value of each factor that a case shows."""
    situation = case.situation
    who = situation.authorization if situation.authorization != "valid" else situation.caller
    body = situation.body if situation.body != "object" else "plain"
    if situation.invalid:
        body = "one-field" if len(situation.invalid) == 1 else "all-fields"
    return {
        "who": "merchant" if who == "configured" else who,
        "media": "json" if situation.content_type == "json" else "other",
        "body": body,
        "order": case.group,
    }


def test_the_factors_are_the_parts_that_can_be_wrong_together() -> None:
    assert {name: set(options) for name, options in FACTORS.items()} == {
        "who": {"merchant", "missing", "forged", "unconfigured"},
        "media": {"json", "other"},
        "body": {"plain", "malformed", "one-field", "all-fields"},
        "order": {"refundable", "not_paid", "spent", "unknown", "foreign"},
    }


@pytest.mark.parametrize(("one", "other"), list(combinations(FACTORS, 2)))
def test_every_pair_of_wrong_values_meets_in_some_case(one: str, other: str) -> None:
    shown = {(found[one], found[other]) for found in map(met, COMBINED)}
    for pair in product(FACTORS[one], FACTORS[other]):
        if pair[0] != RIGHT[one] and pair[1] != RIGHT[other]:
            assert pair in shown or {*pair} <= {"unconfigured", "one-field", "not_paid", "spent"}


def test_fields_and_the_state_of_an_order_are_wrong_together_where_nothing_hides_it() -> None:
    clear = {tuple(found[name] for name in FACTORS) for found in map(met, COMBINED)}
    assert {("merchant", "json", "all-fields", state) for state in ("not_paid", "spent")} <= clear


def test_every_pair_of_parts_is_wrong_together_in_some_case() -> None:
    shown = {frozenset(pair) for case in COMBINED for pair in combinations(case.situation.wrong, 2)}
    parts = ("authorization", "content_type", "body", "caller", "order", "field")
    impossible = {frozenset({"authorization", "caller"}), frozenset({"body", "field"})}
    assert shown == {frozenset(pair) for pair in combinations(parts, 2)} - impossible


def test_each_combined_case_has_several_wrong_parts_and_a_name_of_its_own() -> None:
    assert all(len(case.situation.wrong) > 1 for case in COMBINED)
    assert len({case.id for case in COMBINED}) == len(COMBINED)


def test_far_fewer_cases_than_combinations_are_sent() -> None:
    assert len(COMBINED) < len(EVERY) / 4


def test_a_combination_has_exactly_the_wrong_parts_of_its_values() -> None:
    for value in EVERY:
        who, _, body, order = value
        case = combination(CONTRACT, *value)
        expected = Situation(invalid=INVALID.get(body, frozenset()))
        for part, wrong in ((part, wrong) for each in value for part, wrong in PARTS[each].items()):
            expected = expected.with_part(part, wrong)
        if who == "unconfigured" and order not in ("unknown", "foreign"):
            expected = replace(expected, questions=(("unconfigured-order", ""),))
        assert case.situation == expected, value
        assert case.group == order
        assert case.slug == "-".join(value).replace("_", "-")
        assert case.clause == ("auth.first" if who in ("missing", "forged") else "errors.alone")


def test_each_wrong_part_of_a_combination_is_the_matter_of_its_own_clause() -> None:
    clauses = {
        "missing": ("authorization", "auth.missing"),
        "forged": ("authorization", "auth.forged"),
        "unconfigured": ("caller", "caller.configuration"),
        "other": ("content_type", "content-type.other"),
        "malformed": ("body", "json.malformed"),
        "not-an-object": ("body", "json.structure"),
        "one-field": ("field", "description.null"),
        "all-fields": ("field", "description.null"),
        "not_paid": ("order", "order.not-paid"),
        "zero_price": ("order", "order.zero-price"),
        "spent": ("order", "order.once"),
        "unknown": ("order", "order.unknown"),
        "foreign": ("order", "order.foreign"),
    }
    for value in EVERY:
        blame = dict(combination(CONTRACT, *value).blame)
        assert blame == dict(clauses[each] for each in value if each in clauses), value


@pytest.mark.parametrize("clause", ["auth.first", "errors.alone"])
@given(data=st.data())
def test_a_random_combination_has_several_wrong_parts(clause: str, data: st.DataObject) -> None:
    case = data.draw(explored_combinations(CONTRACT)[clause])
    assert case.clause == clause
    assert len(case.situation.wrong) > 1


def test_a_combined_case_permits_one_answer_for_each_wrong_part() -> None:
    for case in COMBINED:
        answers = permitted(CONTRACT, case.situation, {})
        may_be_anothers = {"order"} if case.situation.questions else set()
        assert {answer.part for answer in answers} == set(case.situation.wrong) | may_be_anothers
