"""A new field or limit in the request schema yields its cases, without new code."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from refund_conformance.cases import all_cases, explorations
from refund_conformance.cases.case import Case
from refund_conformance.cases.questions import at_once
from refund_conformance.contract import model as contracts
from refund_conformance.contract.model import Contract, Field
from refund_conformance.oracle.permitted import permitted

SHIPPED = contracts.load()


def with_fields(**schemas: tuple[bool, dict[str, Any]]) -> Contract:
    """Return the contract with further fields, each required or not."""
    more = {name: Field(name, required, schema) for name, (required, schema) in schemas.items()}
    return replace(SHIPPED, fields={**SHIPPED.fields, **more})


EXTENDED = with_fields(
    quantity=(True, {"type": "integer", "minimum": 1, "maximum": 99}),
    reason=(True, {"type": "string", "enum": ["defect", "other"]}),
    note=(False, {"type": "string", "minLength": 3, "maxLength": 20}),
    urgent=(False, {"type": "boolean"}),
)
NEW = ("quantity", "reason", "note", "urgent")
CASES = all_cases(EXTENDED)

VALIDATOR = Draft202012Validator(
    {
        "type": "object",
        "required": ["email", "quantity", "reason"],
        "properties": {name: dict(field.schema) for name, field in EXTENDED.fields.items()},
    }
)


def broken(body: dict[str, Any]) -> set[str]:
    """Return the fields that a body breaks."""
    email = body.get("email", "")
    label = r"[^@.\s\x00-\x1f\ud800-\udfff]{1,63}"
    address = rf"(?!mailto:)[^@\s\x00-\x1f\ud800-\udfff]+@{label}(\.{label})*"
    no_address = isinstance(email, str) and not re.fullmatch(address, email)
    found = {"email"} if no_address else set()
    for error in VALIDATOR.iter_errors(body):
        missing = re.match("'(.*)' is a required property", error.message)
        found.add(missing[1] if missing else str(error.absolute_path[0]))
    return found


def cases_of(name: str) -> Iterator[Case]:
    return (case for case in CASES.values() if case.area == name)


def slugs(name: str, aspect: str) -> set[str]:
    return {case.slug for case in cases_of(name) if case.clause == f"{name}.{aspect}"}


def test_every_new_field_is_tried_with_every_wrong_type_and_null() -> None:
    types = {"string", "integer", "number", "boolean", "array", "object"}
    own = {"quantity": "integer", "reason": "string", "note": "string", "urgent": "boolean"}
    for name in NEW:
        assert {slug.partition("-")[0] for slug in slugs(name, "type")} == types - {own[name]} - (
            {"number"} if own[name] == "string" else set()
        )
        assert slugs(name, "null") == {"null"}


def test_a_required_field_is_left_out_and_misspelt_and_an_optional_one_may_be_left_out() -> None:
    assert {name for name in NEW if "absent" in slugs(name, "required")} == {"quantity", "reason"}
    misspelt = {case.slug for case in CASES.values() if case.clause == "fields.name"}
    assert {"quantity-capitalised", "reason-capitalised", "email-capitalised"} <= misspelt
    assert {name for name in NEW if "absent" in slugs(name, "optional")} == {"note", "urgent"}


def test_every_new_limit_is_overstepped() -> None:
    values = {
        case.id: json.loads(case.draft.body)[case.area]
        for name in NEW
        for case in cases_of(name)
        if case.clause.split(".")[1] in ("minimum", "maximum", "enum", "empty", "max-length")
    }
    assert values["quantity.minimum/below"] == 0
    assert values["quantity.maximum/above"] == 100
    assert values["reason.enum/unlisted"] not in ("defect", "other")
    assert values["note.empty/short"] == "xx"
    assert len(values["note.max-length/over-21"]) == 21
    assert len(values["note.max-length/at-limit-ascii"]) == 20


def test_every_case_is_right_about_which_fields_it_breaks() -> None:
    for case in CASES.values():
        body = case.draft.body
        if case.situation.body != "object" or case.situation.questions or b"[[[[" in body:
            continue
        assert broken(json.loads(body)) == case.situation.invalid, case


def test_all_reported_cases_have_all_the_fields_invalid() -> None:
    for case in CASES.values():
        if case.clause == "fields.all-reported":
            assert case.situation.invalid == EXTENDED.fields.keys()


def test_every_field_has_a_case_for_the_message_that_names_it() -> None:
    named = {case.slug for case in CASES.values() if case.clause == "fields.message-names-field"}
    assert named == set(EXTENDED.fields)


def test_cases_of_the_fields_there_were_before_keep_their_names() -> None:
    before = {id_ for id_ in all_cases(SHIPPED) if not id_.startswith(("fields.all-reported/",))}
    assert before <= set(CASES)


def test_another_limit_moves_the_cases_with_it() -> None:
    fields = {**SHIPPED.fields, "description": Field("description", False, {"type": "string", "maxLength": 1000})}
    found = all_cases(replace(SHIPPED, fields=fields))
    assert {"description.max-length/over-1001", "description.max-length/over-66036"} <= found.keys()
    assert "description.max-length/over-501" not in found
    at_limit = [case for id_, case in found.items() if id_.startswith("description.unicode/at-limit-")]
    assert at_limit
    for case in at_limit:
        assert len(json.loads(case.draft.body)["description"]) == 1000
        assert not case.situation.wrong


DRAWN = explorations(EXTENDED)


@pytest.mark.parametrize("clause", [clause for clause in DRAWN if clause.split(".")[0] in NEW])
@given(data=st.data())
@settings(max_examples=20)
def test_a_drawn_value_of_a_new_field_breaks_that_field_alone(clause: str, data: st.DataObject) -> None:
    case = data.draw(DRAWN[clause])
    name = clause.split(".")[0]
    assert broken(json.loads(case.draft.body)) == case.situation.invalid == {name}


def test_what_is_drawn_for_new_fields_belongs_to_their_keywords() -> None:
    drawn = {clause for clause in DRAWN if clause.split(".")[0] in NEW}
    assert drawn == {
        *("quantity.type", "reason.type", "urgent.type"),
        *("note.type", "note.max-length", "note.unicode"),
    }


def test_questions_at_once_stay_few_however_many_fields_there_are() -> None:
    kinds: tuple[dict[str, Any], ...] = (
        {"type": "string", "format": "email"},
        {"type": "string", "maxLength": 60},
    )
    wide = with_fields(**{f"field{number}": (False, kinds[number % 2]) for number in range(40)})
    situation = at_once(wide).situation
    assert len({question for question, _ in situation.questions}) == len(situation.questions) == 4
    answers = permitted(wide, situation, {"repeated-field-errors": "once"})
    assert len(answers) == 1 + 1 + (2**4 - 1)  # accepted, 110, 15010 for any of them


def test_a_misspelt_name_may_be_that_of_another_field() -> None:
    for before in range(3):  # so that each shape of a body has its turn
        others = {f"other{number}": (False, {"type": "boolean"}) for number in range(before)}
        contract = with_fields(**others, line1=(False, {"type": "integer"}), line11=(True, {"type": "string"}))
        case = all_cases(contract)["fields.name/line11-misspelt"]
        assert isinstance(json.loads(case.draft.body)["line1"], str)
        assert case.situation.invalid == {"line1", "line11"}
