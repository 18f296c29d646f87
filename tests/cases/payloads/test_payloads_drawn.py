"""What Hypothesis draws breaks exactly what it is drawn for, and valid values break nothing."""

import math
import re
import unicodedata

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from payloads_schemas import CONTRACTS, KEYWORDS, SHIPPED, broken_keywords

from refund_conformance.cases.payloads import drawn, fields, json_text
from refund_conformance.contract.model import Contract, Field

pytestmark = pytest.mark.whole

ASPECTS = ("type", "max-length", "unicode", "format")
DRAWN = [
    pytest.param(contract, name, aspect, id=f"{kind}-{name}-{aspect}")
    for kind, contract in CONTRACTS.items()
    for name, field in contract.fields.items()
    for aspect in ASPECTS
    if drawn.breaking(field, aspect) is not None
]


@pytest.mark.parametrize(("contract", "name", "aspect"), DRAWN)
@given(data=st.data())
@settings(max_examples=100)
def test_a_drawn_value_breaks_its_keyword_alone_and_is_right_json(
    contract: Contract, name: str, aspect: str, data: st.DataObject
) -> None:
    strategy = drawn.breaking(contract.fields[name], aspect)
    assert strategy is not None
    body = {**fields.plain(contract), name: data.draw(strategy)}
    assert json_text.is_json(json_text.dump(body))
    found = broken_keywords(contract, body)
    assert list(found) == [name]
    assert found[name] - {"enum"} <= KEYWORDS[aspect]
    assert found[name] & KEYWORDS[aspect]


def test_what_is_drawn_for_the_shipped_schema_belongs_to_its_clauses() -> None:
    found = {
        f"{name}.{aspect}"
        for name, field in SHIPPED.fields.items()
        for aspect in ASPECTS
        if drawn.breaking(field, aspect) is not None
    }
    assert found == {
        *("description.type", "description.max-length", "description.unicode"),
        *("email.type", "email.max-length", "email.format"),
    }


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS.keys())
@given(data=st.data())
def test_a_drawn_valid_body_breaks_nothing(contract: Contract, data: st.DataObject) -> None:
    values = {name: drawn.valid(field) for name, field in contract.fields.items()}
    assert broken_keywords(contract, data.draw(st.fixed_dictionaries(values))) == {}


@given(value=drawn.valid(SHIPPED.fields["email"]))
def test_a_drawn_valid_address_is_beyond_doubt(value: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9]+([._+-][A-Za-z0-9]+)*@[A-Za-z0-9]+\.example\.com", value)


def test_a_drawn_valid_text_may_be_long_and_is_not_always_ascii() -> None:
    text = drawn.valid(SHIPPED.fields["description"])
    assert len(find(text, lambda value: len(value) >= 150)) <= 200
    assert not find(text, lambda value: not value.isascii()).isascii()


@pytest.mark.parametrize("least", [1, 2, 7])
def test_a_drawn_valid_text_may_be_the_shortest(least: int) -> None:
    field = Field("note", False, {"type": "string", "minLength": least})
    assert len(find(drawn.valid(field), lambda _: True)) == least


@given(value=drawn.valid(Field("note", False, {"type": "string"})))
@settings(max_examples=300)
def test_a_drawn_valid_text_has_no_character_that_a_lawful_server_may_refuse(value: str) -> None:
    assert {unicodedata.category(character) for character in value}.isdisjoint({"Cs", "Cc", "Cn", "Co"})
    assert max(value) <= "\uffff"


@pytest.mark.parametrize("mark", ["", ".b", "+tag", "-c", "_d"])
def test_a_drawn_valid_address_has_every_ordinary_mark(mark: str) -> None:
    address = find(drawn.valid(SHIPPED.fields["email"]), lambda value: _marked(value) == mark)
    assert address.endswith(".example.com")


def _marked(address: str) -> str:
    local = address.partition("@")[0]
    return next((mark for mark in (".b", "+tag", "-c", "_d") if mark in local), "")


def test_no_number_is_drawn_that_json_cannot_write() -> None:
    numbers = drawn.breaking(SHIPPED.fields["email"], "type")
    assert numbers is not None
    with pytest.raises(NoSuchExample):
        find(
            numbers,
            lambda value: isinstance(value, float) and not math.isfinite(value),
            settings=settings(max_examples=300),
        )
