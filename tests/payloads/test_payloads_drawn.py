"""What Hypothesis draws breaks exactly what it is drawn for, and valid values break nothing."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payloads_schemas import CONTRACTS, KEYWORDS, SHIPPED, broken_keywords

from refund_conformance.contract import Contract
from refund_conformance.payloads import drawn, fields

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
@settings(max_examples=25)
def test_a_drawn_value_breaks_its_keyword_alone(
    contract: Contract, name: str, aspect: str, data: st.DataObject
) -> None:
    strategy = drawn.breaking(contract.fields[name], aspect)
    assert strategy is not None
    found = broken_keywords(contract, {**fields.plain(contract), name: data.draw(strategy)})
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
