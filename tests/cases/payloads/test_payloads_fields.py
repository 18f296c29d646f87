"""Each value breaks exactly what it says it breaks, and the others nothing, by jsonschema's own judgement."""

import re
from dataclasses import replace
from typing import Any

import pytest
from payloads_schemas import CONTRACTS, EXTENDED, KEYWORDS, SHIPPED, broken_keywords, strictly_an_email

from refund_conformance.cases.payloads import addresses, fields
from refund_conformance.cases.payloads.fields import Break
from refund_conformance.contract.errors import ContractError
from refund_conformance.contract.model import Contract, Field


def breaks_of(name: str) -> list[Break]:
    return list(fields.breaks(CONTRACTS[name]))


LISTED = [
    pytest.param(CONTRACTS[name], item, id=f"{name}-{item.field}-{item.aspect}-{item.slug}")
    for name in CONTRACTS
    for item in breaks_of(name)
]
EITHER = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS.keys())


# ---- breaks


@pytest.mark.parametrize(("contract", "item"), LISTED)
def test_a_break_breaks_exactly_one_keyword_of_one_field(contract: Contract, item: Break) -> None:
    body = fields.broken(contract, item)
    found = broken_keywords(contract, body)
    assert fields.invalid_fields(contract, body) == found
    assert list(found) == [item.field]
    keywords = found[item.field]
    if "enum" in contract.fields[item.field].schema and item.aspect in ("type", "null"):
        keywords -= {"enum"}  # what lists its values has said the type already
    if item.slug == "over-trailing-blanks":
        keywords -= {"format"}  # that is wrong in two ways is the point of it
    assert len(keywords) == 1
    assert keywords <= KEYWORDS[item.aspect]


@EITHER
def test_breaks_have_names_of_their_own_that_a_node_id_can_hold(contract: Contract) -> None:
    names = [(item.clause, item.slug) for item in fields.breaks(contract)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9-]+", slug) for _, slug in names)


@EITHER
def test_every_keyword_of_every_field_is_broken(contract: Contract) -> None:
    found: dict[str, set[str]] = {}
    for item in fields.breaks(contract):
        for name, keywords in broken_keywords(contract, fields.broken(contract, item)).items():
            found.setdefault(name, set()).update(keywords)
    for name, field in contract.fields.items():
        expected = (field.schema.keys() - {"description"}) | ({"required"} if field.required else set())
        assert found[name] == expected, name


@EITHER
def test_each_field_gets_a_value_of_every_other_type(contract: Contract) -> None:
    of_type = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}
    for name, field in contract.fields.items():
        items = [item for item in fields.breaks(contract) if (item.field, item.aspect) == (name, "type")]
        drawn = {of_type[type(item.members[name])] for item in items}
        alike = {
            "number": "integer",
            "string": "number",
        }  # whoever takes an integer for a text takes a fraction too
        own = {field.schema["type"], alike.get(field.schema["type"], field.schema["type"])}
        assert drawn == set(of_type.values()) - own, name


def test_the_breaks_of_the_shipped_schema_are_those_of_its_clauses() -> None:
    clauses = {item.clause for item in fields.breaks(SHIPPED)}
    assert clauses == {
        *(f"description.{aspect}" for aspect in ("type", "null", "max-length", "unicode")),
        *(f"email.{aspect}" for aspect in ("type", "null", "max-length", "empty", "format", "required")),
        "fields.name",
    }


def test_a_body_may_be_broken_in_several_fields_at_once() -> None:
    by_name = {(item.field, item.slug): item for item in fields.breaks(SHIPPED)}
    body = fields.broken(SHIPPED, by_name["email", "nothing-after-at"], by_name["description", "null"])
    assert body == {"description": None, "email": "support@"}
    assert fields.invalid_fields(SHIPPED, body) == {"description": {"type"}, "email": {"format"}}


def test_a_broken_name_stands_in_its_fields_place_with_its_value() -> None:
    by_name = {item.slug: item for item in fields.breaks(SHIPPED) if item.aspect == "name"}
    body = fields.broken(SHIPPED, by_name["email-capitalised"])
    assert list(body) == ["description", "Email"]
    assert body["Email"] == fields.plain(SHIPPED)["email"]
    assert fields.unknown_names(SHIPPED, body) == ("Email",)


def test_wrong_names_are_no_names_of_fields() -> None:
    for contract in CONTRACTS.values():
        for item in fields.breaks(contract):
            if item.aspect == "name":
                assert not item.members.keys() & contract.fields.keys()


# ---- right values


@EITHER
def test_the_plain_body_has_every_field_and_breaks_nothing(contract: Contract) -> None:
    body = fields.plain(contract)
    assert list(body) == list(contract.fields)
    assert broken_keywords(contract, body) == fields.invalid_fields(contract, body) == {}
    assert fields.unknown_names(contract, body) == ()


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 2.5}, 3),
        ({"type": "integer", "maximum": -2.5}, -3),
        ({"type": "integer", "minimum": 2, "maximum": 9}, 2),
        ({"type": "number"}, 1),
        ({"type": "number", "minimum": 2.5}, 2.5),
        ({"type": "number", "maximum": -2.5}, -2.5),
        ({"type": "string", "enum": ["a", "b"], "title": "A choice", "$comment": "of two"}, "a"),
    ],
)
def test_an_ordinary_value_is_within_its_limits(schema: dict[str, Any], value: object) -> None:
    assert fields.ordinary(Field("amount", False, schema)) == value


@pytest.mark.parametrize("least", [0, 1, 31, 32, 33, 200])
@pytest.mark.parametrize("most", [1, 5, 31, 32, 33, 400])
def test_an_ordinary_text_tells_people_what_it_is_where_that_fits(least: int, most: int) -> None:
    plain = f"Damaged goods {fields.MARK}"
    assert len(plain) == 32
    for bounds in ({"minLength": least}, {"maxLength": most}, {"minLength": min(least, most), "maxLength": most}):
        value = fields.ordinary(Field("note", False, {"type": "string", **bounds}))
        low, high = bounds.get("minLength", 0), bounds.get("maxLength", 1000)
        assert low <= len(value) <= high
        assert (value == plain) == (low <= 32 <= high)


def test_all_that_is_missing_from_an_empty_body_is_invalid() -> None:
    missing = {field.name for field in EXTENDED.fields.values() if field.required}
    assert len(missing) > 1
    assert fields.invalid_fields(EXTENDED, {}) == {name: {"required"} for name in missing}


@EITHER
def test_values_over_the_limit_begin_one_character_over_it(contract: Contract) -> None:
    for field in contract.fields.values():
        limit = field.schema.get("maxLength")
        lengths = [len(value) for value in fields.over_limit(field).values()]
        if limit is None:
            assert lengths == []
        else:
            assert min(lengths) == limit + 1
            assert max(lengths) >= 10 * limit


def test_the_shipped_limits_are_passed_by_one() -> None:
    description, email = SHIPPED.fields["description"], SHIPPED.fields["email"]
    assert 501 in map(len, fields.over_limit(description).values())
    assert 81 in map(len, fields.over_limit(email).values())


def test_white_space_at_the_ends_counts() -> None:
    description = SHIPPED.fields["description"]
    assert any(len(value.strip()) <= 500 for value in fields.over_limit(description).values())


@pytest.mark.parametrize("limit", [3, 10, 499, 30_000, 100_000])
def test_values_over_any_limit_are_over_it(limit: int) -> None:
    field = Field("note", False, {"type": "string", "maxLength": limit})
    values = fields.over_limit(field).values()
    assert min(map(len, values)) == limit + 1


@pytest.mark.parametrize(("script", "width"), [("ascii", {1}), ("emoji", {3, 4})])
def test_a_script_has_characters_of_some_widths_in_utf_8(script: str, width: set[int]) -> None:
    assert {len(character.encode()) for character in fields.SCRIPTS[script]} == width


def test_emoji_have_variation_selectors() -> None:
    assert "\ufe0f" in fields.SCRIPTS["emoji"]


def test_the_mixed_script_has_what_a_careless_count_stumbles_over() -> None:
    mixed = fields.SCRIPTS["mixed"]
    assert {"\u0301", "\n", "\t", "<", "&", '"'} <= set(mixed)
    assert any("\u0600" <= character <= "\u06ff" for character in mixed)
    assert {len(character.encode()) for character in mixed} == {1, 2, 3}


@pytest.mark.parametrize("script", fields.SCRIPTS)
@pytest.mark.parametrize("length", [0, 1, 2, 13, 499, 500, 501])
def test_text_has_as_many_code_points_as_asked_for(script: str, length: int) -> None:
    assert len(fields.text(script, length)) == length
    assert len(fields.text(script, length, {"maxLength": 13})) == min(length, 13)


def test_addresses_of_any_length_are_well_formed() -> None:
    for limit in range(13, 700):
        field = Field("email", True, {"type": "string", "format": "email", "maxLength": limit})
        over = fields.over_limit(field)
        longest = addresses.email(limit)
        assert over.pop("trailing-blanks") == f"{longest}     "
        for value in (longest, *over.values()):
            assert strictly_an_email(value), value
        assert len(longest) == limit


def test_addresses_to_be_accepted_are_beyond_doubt() -> None:
    for value in (*addresses.accepted_emails().values(), fields.plain(SHIPPED)["email"]):
        assert strictly_an_email(value)
        assert len(value) <= 80


def test_addresses_to_be_accepted_show_what_is_often_refused() -> None:
    every = "".join(addresses.accepted_emails().values())
    assert {"+", ".", "-"} <= set(every)
    assert re.search("[A-Z]", every)
    assert re.search("[0-9]", every)


@pytest.mark.parametrize(
    "value",
    ["a@b", "a.b+c@d-e.f", "ü@b.example", "a@bücher.example", "!@c", "", " \t", 5, None],
)
def test_an_address_by_any_reading_is_possible(value: object) -> None:
    assert addresses.is_possible_email(value)


@pytest.mark.parametrize("length", [130, 131, 400, 800, 801])
def test_an_address_for_careless_patterns_is_well_formed_and_has_long_runs(length: int) -> None:
    value = addresses.knotty_email(length)
    assert len(value) == length
    assert strictly_an_email(value)
    assert min(len(run) for run in re.split("[@.]", value)) > 30


@pytest.mark.parametrize(
    ("value", "surrounded"),
    [("a@b ", True), (" a@b", True), ("a@b\r\n", True), ("\na@b\t", True), ("a@b", False), ("a@b  ", False)],
)
def test_one_blank_or_line_end_surrounds_an_address(value: str, surrounded: bool) -> None:
    assert addresses.is_surrounded(value) == surrounded


@pytest.mark.parametrize("value", ["a@b..c", "a@.b", "a@b.", f"a@{'b' * 64}", "mailto:a@b", "a\0@b", "a@b\ud800"])
def test_labels_schemes_and_controls_are_no_address_either(value: str) -> None:
    assert not addresses.is_possible_email(value)
    assert addresses.is_possible_email("a@" + "b" * 63)


@pytest.mark.parametrize("value", ["a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b c", "a@b\n", "\ta@b", "a@@b"])
def test_no_address_by_any_reading_is_not(value: str) -> None:
    assert not addresses.is_possible_email(value)


def wrong_lengths(**bounds: int) -> set[int]:
    field = Field("contact", False, {"type": "string", "format": "email", **bounds})
    listed = fields.breaks(replace(SHIPPED, fields={"contact": field}))
    return {len(item.members["contact"]) for item in listed if item.aspect == "format"}


@pytest.mark.parametrize("least", [1, 2, 8, 9])
@pytest.mark.parametrize("most", [1, 12, 19, 200])
def test_what_is_no_address_is_as_long_as_an_address_may_be(least: int, most: int) -> None:
    """So that the format is what is wrong with it; no such length is left out."""
    lengths = wrong_lengths()
    assert {8, 12, 19} <= lengths
    assert wrong_lengths(minLength=least) == {length for length in lengths if least <= length}
    assert wrong_lengths(maxLength=most) == {length for length in lengths if length <= most}


@pytest.mark.parametrize(
    ("schema", "slugs"),
    [
        ({}, set()),
        ({"minLength": 1}, {"empty"}),
        ({"minLength": 2}, {"short"}),
        ({"pattern": r"\S"}, {"empty", "white-space"}),
        ({"pattern": r"\S", "minLength": 1}, {"white-space"}),
        ({"pattern": r"\S", "minLength": 4}, {"spaces", "short"}),
    ],
)
def test_a_text_is_too_empty_in_every_way_that_its_schema_excludes_alone(
    schema: dict[str, Any], slugs: set[str]
) -> None:
    contract = replace(SHIPPED, fields={"note": Field("note", False, {"type": "string", **schema})})
    assert {item.slug for item in fields.breaks(contract) if item.aspect == "empty"} == slugs


def test_a_free_text_is_a_string_without_format_or_choice() -> None:
    assert list(fields.free_texts(SHIPPED)) == ["description"]
    assert list(fields.free_texts(EXTENDED)) == ["note", "code", "initial"]


# ---- schemas that there are no payloads for


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "integer", "multipleOf": 5}, "keyword 'multipleOf' has no payloads"),
        ({"type": "number", "exclusiveMinimum": 0}, "keyword 'exclusiveMinimum' has no payloads"),
        ({"type": "string", "pattern": "^[A-Z]+$"}, "pattern '^[A-Z]+$' has no payloads"),
        ({"type": "string", "format": "date"}, "format 'date' has no payloads"),
        ({"type": ["string", "null"]}, "type ['string', 'null'] has no payloads"),
        ({"type": "null"}, "type 'null' has no payloads"),
        ({"enum": ["a"]}, "type None has no payloads"),
        ({}, "type None has no payloads"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value) or "nothing",
)
def test_a_schema_without_payloads_is_refused_with_the_fields_name(schema: dict[str, Any], told: str) -> None:
    with pytest.raises(ContractError) as caught:
        fields.plain(replace(SHIPPED, fields={"note": Field("note", False, schema)}))
    assert caught.value.what == "request schema: field note"
    assert caught.value.why == told
    assert caught.value.remedy


@pytest.mark.parametrize("limit", range(3, 60))
def test_whatever_the_limit_a_text_of_one_script_is_one_character_over_it(limit: int) -> None:
    long = Field("description", required=False, schema={"type": "string", "maxLength": limit})
    values = fields.over_limit(long)
    for script in set(fields.SCRIPTS) - {"ascii"}:
        assert len(values[script]) == len(values[script].strip()) == limit + 1, script
