"""Requests that must be accepted, each promise alone, and as many as possible in one request."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_stage import CASES, CONTRACT, EVERY_CLAUSE
from refund_conformance.cases.payloads import fields, json_text
from refund_conformance.cases.valid import JOINED, Joined, Text, Valid, joined_cases, limit_of, valids

WHOLES = list(joined_cases(CONTRACT, EVERY_CLAUSE))
ALONE = {valid.id: valid for valid in valids(CONTRACT)}
TEXTS = st.builds(
    Text,
    st.lists(st.text(max_size=20), max_size=3).map(tuple),
    st.lists(st.sampled_from(list(fields.SCRIPTS)), max_size=3, unique=True).map(tuple),
)


@given(text=TEXTS, limit=st.integers(0, 600))
def test_a_text_is_within_its_limit_however_it_is_counted_and_filled_up_by_scripts(text: Text, limit: int) -> None:
    written = text.written(limit)
    assert len(written) <= fields.utf16_length(written) <= limit
    if text.scripts:
        assert fields.utf16_length(written) >= limit - 1


@pytest.mark.parametrize("slug", ["unicode/at-limit-mixed", "max-length/at-limit-ascii"])
def test_a_text_at_the_limit_has_exactly_its_length(slug: str) -> None:
    body = ALONE[f"description.{slug}"].body(CONTRACT)
    assert len(body["description"]) == limit_of(CONTRACT.fields["description"])


@pytest.mark.parametrize("valid", ALONE.values(), ids=ALONE)
def test_nothing_is_wrong_with_what_must_be_accepted(valid: Valid) -> None:
    assert fields.invalid_fields(CONTRACT, valid.body(CONTRACT)) == {}
    assert valid.case(CONTRACT).situation.wrong == ()
    assert valid.case(CONTRACT).draft.body == CASES[valid.id].draft.body


def test_each_promise_is_in_one_request() -> None:
    members = [id_ for whole in WHOLES for id_ in whole.members]
    assert sorted(members) == sorted(valid.id for valid in ALONE.values() if valid.group == "refundable")
    assert len(WHOLES) <= 4


@pytest.mark.parametrize("whole", WHOLES, ids=lambda whole: whole.case.slug)
def test_a_joined_request_has_what_each_of_its_promises_asks_for(whole: Joined) -> None:
    body = json.loads(whole.case.draft.body)
    assert fields.invalid_fields(CONTRACT, body) == {}
    for valid in (ALONE[id_] for id_ in whole.members):
        for name, value in valid.values.items():
            assert body.get(name) == value
        for name, text in valid.texts.items():
            assert all(piece in body[name] for piece in text.pieces)
            assert all(fields.SCRIPTS[script][:10] in body[name] for script in text.scripts)
        assert valid.spelling in (str, whole.case.draft.spelling)


def test_a_joined_text_at_the_limit_is_as_long_in_bytes_as_the_longest_of_its_texts() -> None:
    (whole,) = (whole for whole in WHOLES if "description.unicode/at-limit-mixed" in whole.members)
    assert len(json.loads(whole.case.draft.body)["description"].encode()) > 2 * 500


def test_promises_that_exclude_each_other_are_not_joined() -> None:
    absent, mixed = ALONE["description.optional/absent"], ALONE["description.unicode/at-limit-mixed"]
    signs = ALONE["description.unicode/signs"]
    one, other = (ALONE[f"json.valid-forms/{slug}"] for slug in json_text.FORMS)
    pairs = [(absent, mixed), (mixed, absent), (mixed, signs), (one, other)]
    assert [pair[0].with_other(pair[1], CONTRACT) for pair in pairs] == [None] * len(pairs)


def test_one_promise_alone_is_its_own_case() -> None:
    (whole,) = joined_cases(CONTRACT, {"description.optional"})
    assert (whole.case.id, *whole.members) == ("description.optional/absent",) * 2


def test_joined_requests_are_not_among_the_listed_cases() -> None:
    assert not [id_ for id_ in CASES if id_.startswith(JOINED)]
