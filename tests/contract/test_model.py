"""The contract that ships says what the document says; a mistake in a contract is one clear line."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refund_conformance.contract import model as contracts
from refund_conformance.contract.data_files import folder
from refund_conformance.contract.errors import ContractError
from refund_conformance.contract.model import Contract, Level

CONTRACT = contracts.load()
TEXT = (folder("contracts") / "create-refund-request.toml").read_text(encoding="utf-8")
SCHEMA = json.loads((folder("schemas") / "refund-request.json").read_text(encoding="utf-8"))

# Copied by hand from the document: code, status, whether it stands alone, and the message.
DOCUMENTED_ERRORS = {
    (110, 400, True, "JSON is not valid. The request cannot be processed."),
    (111, 400, True, "Invalid data format (Content-type). The request cannot be processed."),
    (
        15000,
        400,
        True,
        "Unable to identify your configuration for accessing this API. Please contact technical support.",
    ),
    (15030, 400, True, 'Order refund is impossible. Order status is not equal to "paid".'),
    (15040, 400, True, "Order refund is impossible. Order price amount is equal to zero."),
    (15050, 400, True, "Order refund is impossible. Order refund request already exists."),
    (15010, 400, False, "Invalid field value: {field}"),
    (15060, 404, True, "Order refund is impossible. Order not found."),
    (1007, 401, False, "Your token is invalid."),
    (1008, 401, False, "Missing token."),
    (1009, 401, False, "Your token is expired."),
}

# The stable ids, as the brief lists them.
BY_AREA = {
    "route": ("unknown-url", "method", "order-id"),
    "auth": (
        "missing",
        "malformed",
        "forged",
        "expired",
        "every-request",
        "accepts",
        "no-effect",
        "codes",
        "first",
    ),
    "content-type": ("other", "missing", "exact"),
    "json": ("malformed", "encoding", "structure", "valid-forms", "chunked", "no-effect", "incomplete"),
    "description": ("optional", "max-length", "unicode", "type", "null"),
    "email": ("required", "max-length", "format", "empty", "type", "null", "accepts"),
    "fields": ("name", "all-reported", "message-names-field", "no-effect"),
    "order": (
        *("refundable", "not-paid", "zero-price", "refund-open", "refund-ended"),
        *("unknown", "foreign", "once", "race", "lifecycle"),
    ),
    "caller": ("configuration",),
    "errors": ("shape", "media-type", "known-codes", "status", "alone", "message"),
    "success": ("status", "body"),
    "server": ("no-5xx", "answers", "steady", "isolation"),
}
CLAUSES = [f"{area}.{name}" for area, names in BY_AREA.items() for name in names]

QUESTIONS = {
    *("content-type-parameters", "content-type-case", "byte-order-mark", "utf16-json", "duplicate-keys"),
    *("lone-surrogate", "nul-character", "character-unit", "unknown-field", "empty-description", "bearer-case"),
    *("international-email", "deep-nesting", "malformed-order-id", "order-not-found-code", "precedence"),
    *("repeated-field-errors", "oversized-request", "email-surrounding-space", "path-cleaning"),
}


def load_text(folder_: Path, text: str) -> Contract:
    path = folder_ / "contract.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return contracts.load(path)


def load_schema(folder_: Path, schema: object) -> Contract:
    path = folder_ / "schema.json"
    path.write_text(json.dumps(schema), encoding="utf-8")
    return contracts.load(schema=path)


def test_the_error_table_is_the_documents() -> None:
    found = {
        (error.code, error.status, error.effect == "interrupts", error.message)
        for error in CONTRACT.errors.values()
    }
    assert found == DOCUMENTED_ERRORS
    assert list(CONTRACT.errors) == [error.code for error in CONTRACT.errors.values()]


def test_the_operation_is_the_documents() -> None:
    operation = CONTRACT.operation
    assert (operation.method, operation.path) == ("POST", "/v1/order/{order}/refund")
    assert (operation.login_path, operation.success_status) == ("/v1/login_check", 200)
    assert (operation.authorization_header, operation.authorization_scheme) == ("AuthorizationJWT", "Bearer")
    assert operation.media_type == "application/json"


def test_the_clauses_have_their_stable_ids_in_order() -> None:
    assert list(CONTRACT.clauses) == CLAUSES


def test_only_six_clauses_are_advice() -> None:
    should = {clause.id for clause in CONTRACT.clauses.values() if clause.level is Level.SHOULD}
    carried = {"json.chunked", "json.incomplete"}
    assert should == {"auth.codes", "auth.first", "errors.media-type", "errors.message", *carried}


def test_promises_on_every_answer_are_those_about_errors_success_and_server() -> None:
    general = {clause.area for clause in CONTRACT.clauses.values() if clause.every_answer}
    special = {clause.area for clause in CONTRACT.clauses.values() if not clause.every_answer}
    assert general == {"errors", "success", "server"}
    assert general & special == {"server"}


@pytest.mark.parametrize("id_", CLAUSES)
def test_a_promise_is_a_sentence_of_its_own(id_: str) -> None:
    clause = CONTRACT.clauses[id_]
    assert re.fullmatch(r"[A-Z].*\.", clause.promise)
    assert clause.source
    assert [other.id for other in CONTRACT.clauses.values() if other.promise == clause.promise] == [id_]


def test_every_open_question_is_asked() -> None:
    assert set(CONTRACT.questions) >= QUESTIONS
    assert all(question.asks.endswith("?") for question in CONTRACT.questions.values())


def test_only_the_not_found_code_has_an_answer_that_is_not_permitted_by_default() -> None:
    narrowed = {
        question.id: question.permitted
        for question in CONTRACT.questions.values()
        if set(question.permitted) != set(question.answers)
    }
    assert narrowed == {"order-not-found-code": ("15060",)}


def test_the_fields_and_their_limits_are_the_documents() -> None:
    description, email = CONTRACT.fields["description"], CONTRACT.fields["email"]
    assert list(CONTRACT.fields) == ["description", "email"]
    assert (description.required, description.schema["type"], description.schema["maxLength"]) == (
        False,
        "string",
        500,
    )
    assert (email.required, email.schema["type"], email.schema["maxLength"]) == (True, "string", 80)


def test_areas_stand_in_the_contracts_order() -> None:
    assert CONTRACT.areas == tuple(BY_AREA)


# ---- selection


@pytest.mark.parametrize("id_", CLAUSES)
def test_an_id_selects_its_clause_alone(id_: str) -> None:
    assert CONTRACT.select([id_]) == {id_}


@pytest.mark.parametrize("area", CONTRACT.areas)
def test_an_area_selects_all_its_clauses(area: str) -> None:
    assert CONTRACT.select([area]) == {id_ for id_ in CLAUSES if id_.split(".")[0] == area}


def test_a_prefix_selects_what_begins_with_it() -> None:
    assert CONTRACT.select(["order.refund"]) == {"order.refundable", "order.refund-open", "order.refund-ended"}


def test_several_selectors_add_up() -> None:
    assert CONTRACT.select(["caller", "json.malformed"]) == {"caller.configuration", "json.malformed"}


def test_no_selector_selects_everything() -> None:
    assert CONTRACT.select([]) == set(CLAUSES)


@pytest.mark.parametrize("selector", ["auth.mising", "Auth", "x", "auth.missing.", " auth"])
def test_a_selector_that_matches_nothing_is_named(selector: str) -> None:
    with pytest.raises(ContractError) as caught:
        CONTRACT.select(["auth", selector])
    assert repr(selector) in str(caught.value)
    assert "refund-conformance clauses" in caught.value.remedy


# ---- mistakes in a contract file

MISTAKES = {
    "no-toml": ("[operation]", "[operation", "is not TOML"),
    "unknown-section": ("[operation]", "[[extras]]\nx = 1\n[operation]", "extras"),
    "no-operation": ("[operation]", "[[questions]]\nid = 'x'\n[questions.answers]", "operation"),
    "wrong-level": ('level = "should"', 'level = "may"', "'may' is not one of"),
    "wrong-type": ("code = 110\n", 'code = "110"\n', "errors.0.code"),
    "error-twice": ("code = 111\n", "code = 110\n", "110 stands there twice"),
    "clause-twice": ('id = "auth.malformed"', 'id = "auth.missing"', "'auth.missing' stands there twice"),
    "outcome-twice": ('value = "zero-price"', 'value = "not-paid"', "('order', 'not-paid') stands there twice"),
    "question-twice": ('id = "utf16-json"', 'id = "byte-order-mark"', "'byte-order-mark' stands there twice"),
    "status-differs": ("statuses = [400]\nerrors = 111", "statuses = [415]\nerrors = 111", "error 111, 400"),
    "unknown-outcome": (
        '"111" = { content_type = "other" }',
        '"111" = { content_type = "odd" }',
        "no outcome content_type=odd",
    ),
    "unknown-part": ('"111" = { content_type = "other" }', '"111" = { media = "other" }', "media"),
    "unknown-answer": ('permitted = ["15060"]', 'permitted = ["15061"]', "permits '15061', which is no answer"),
    "no-field-outcome": ('part = "field"\nvalue = "invalid"', 'part = "body"\nvalue = "odd"', "field=invalid"),
    "incomplete-order": ('"caller", "order", "field"]', '"caller", "order"]', "question precedence"),
    "part-ordered-twice": ('"caller", "order", "field"]', '"caller", "order", "order"]', "question precedence"),
    "path-without-order": ("/v1/order/{order}/refund", "/v1/order/refund", "operation.path"),
}


@pytest.mark.parametrize(("right", "wrong", "told"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_in_a_contract_is_told_in_one_line(tmp_path: Path, right: str, wrong: str, told: str) -> None:
    assert right in TEXT
    with pytest.raises(ContractError) as caught:
        load_text(tmp_path, TEXT.replace(right, wrong, 1))
    message = str(caught.value)
    assert told in message
    assert str(tmp_path / "contract.toml") in message
    assert message.endswith(".")
    assert caught.value.exit_status == 2


def test_a_contract_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"absent\.toml: No such file"):
        contracts.load(tmp_path / "absent.toml")


def test_a_folder_is_no_contract_file(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="Is a directory"):
        contracts.load(tmp_path)


def test_bytes_that_are_not_utf_8_are_no_contract(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="is not TOML"):
        load_text(tmp_path, "name = '\udcff'")


SCHEMA_MISTAKES: dict[str, tuple[object, str]] = {
    "true": (True, "does not describe an object"),
    "empty": ({}, "does not describe an object"),
    "array": ({"type": "array"}, "does not describe an object"),
    "no-properties": ({"type": "object"}, "does not describe an object"),
    "empty-properties": ({"type": "object", "properties": {}}, "does not describe an object"),
    "no-schema": ({"type": "thing"}, "is no JSON Schema"),
    "not-even-an-object": ([1], "is no JSON Schema"),
    "boolean-property": ({"type": "object", "properties": {"email": True}}, "properties.email"),
    "unknown-required": ({**SCHEMA, "required": ["email", "phone"]}, "'phone' is no property"),
}


@pytest.mark.parametrize(("schema", "told"), SCHEMA_MISTAKES.values(), ids=SCHEMA_MISTAKES.keys())
def test_a_mistake_in_the_request_schema_is_told_in_one_line(tmp_path: Path, schema: object, told: str) -> None:
    with pytest.raises(ContractError) as caught:
        load_schema(tmp_path, schema)
    assert told in str(caught.value)
    assert str(tmp_path / "schema.json") in str(caught.value)


def test_a_new_field_of_the_schema_is_a_field_of_the_contract(tmp_path: Path) -> None:
    properties = {**SCHEMA["properties"], "quantity": {"type": "integer", "minimum": 1}}
    loaded = load_schema(tmp_path, {**SCHEMA, "properties": properties, "required": ["quantity"]})
    assert [(field.name, field.required) for field in loaded.fields.values()] == [
        ("description", False),
        ("email", False),
        ("quantity", True),
    ]


# ---- any file at all

LINES = TEXT.splitlines()
ODD_LINES = ("", "x = [[[[", "code = 1e999", "code = nan", "statuses = []", 'errors = "some"', "id = 1979-05-27")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["object", "string", "email", "type", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "required", "maxLength", "pattern", "format", "$ref", "email"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def error_of(load: Callable[[], Contract]) -> ContractError | None:
    """Return the typed error that loading ends with, if it does; anything else comes through."""
    try:
        load()
    except ContractError as problem:
        return problem
    return None


@pytest.mark.whole
@given(
    at=st.integers(0, len(LINES) - 1),
    new=st.sampled_from(LINES) | st.sampled_from(ODD_LINES) | st.text(st.characters(codec="utf-8"), max_size=20),
)
def test_whatever_stands_in_a_line_a_contract_loads_or_the_error_is_typed(
    tmp_path_factory: pytest.TempPathFactory, at: int, new: str
) -> None:
    text = "\n".join([*LINES[:at], new, *LINES[at + 1 :]])
    problem = error_of(lambda: load_text(tmp_path_factory.getbasetemp(), text))
    assert problem is None or (problem.what and problem.why and problem.remedy.endswith("."))


@pytest.mark.whole
@given(schema=JSON)
def test_whatever_the_schema_file_holds_it_loads_or_the_error_is_typed(
    tmp_path_factory: pytest.TempPathFactory, schema: object
) -> None:
    problem = error_of(lambda: load_schema(tmp_path_factory.getbasetemp(), schema))
    assert problem is None or (problem.what and problem.why and problem.remedy.endswith("."))
