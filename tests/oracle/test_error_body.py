"""Whatever a target answers can be read: strictly where it is JSON, leniently where it means to report errors."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refund_conformance.contract.json_text import parse
from refund_conformance.oracle.error_body import Reading, ReportedError, read
from refund_conformance.transport.exchange import Response


def reading(body: object, content_type: str | None = None) -> Reading:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = () if content_type is None else (("Content-Type", content_type),)
    return read(Response(400, "Bad Request", headers, raw))


def body_of(*errors: object) -> object:
    return {"errors": list(errors)}


RIGHT = {"error": 110, "message": "text"}


def test_an_error_body_of_the_documented_shape_is_read_whole() -> None:
    found = reading(body_of({"error": 15010, "message": "a"}, {"error": 15010, "message": "b"}))
    assert found.shape is None
    assert found.reports_errors
    assert found.codes == (15010, 15010)
    assert found.errors == (ReportedError(15010, "a"), ReportedError(15010, "b"))


@pytest.mark.parametrize(
    "body",
    [
        {**body_of(RIGHT), "trace": "x"},  # type: ignore[dict-item]
        body_of({**RIGHT, "field": "email"}),
        body_of({"error": 110.0, "message": "text"}),
        body_of({"error": -1, "message": "text"}),
    ],
    ids=["further-member", "further-member-of-an-error", "whole-number-with-a-fraction-of-zero", "negative"],
)
def test_what_the_schema_leaves_free_is_no_fault_of_shape(body: object) -> None:
    assert reading(body).shape is None


# What the body is, the codes that it still means, and whether it means to report errors at all.
MISSHAPEN: dict[str, tuple[object, tuple[int, ...], bool]] = {
    "empty-object": ({}, (), False),
    "other-member": ({"error": "text"}, (), False),
    "member-in-capitals": ({"Errors": [RIGHT]}, (), False),
    "null": ({"errors": None}, (), False),
    "empty-list": (body_of(), (), False),
    "single-error": ({"errors": RIGHT}, (110,), True),
    "list-alone": ([RIGHT], (110,), False),
    "error-alone": (RIGHT, (), False),
    "code-alone": (110, (110,), False),
    "codes-only": (body_of(110, 15010), (110, 15010), True),
    "messages-only": (body_of("text"), (), True),
    "codes-as-text-only": (body_of("110"), (110,), True),
    "code-as-text": (body_of({"error": "110", "message": "text"}), (110,), True),
    "code-as-boolean": (body_of({"error": True, "message": "text"}), (), True),
    "code-with-fraction": (body_of({"error": 110.5, "message": "text"}), (), True),
    "code-null": (body_of({"error": None, "message": "text"}), (), True),
    "code-missing": (body_of({"message": "text"}), (), True),
    "code-named-code": (body_of({"code": 110, "message": "text"}), (), True),
    "message-null": (body_of({"error": 110, "message": None}), (110,), True),
    "message-number": (body_of({"error": 110, "message": 5}), (110,), True),
    "one-of-two-wrong": (body_of(RIGHT, {"error": "111", "message": "text"}), (110, 111), True),
    "list-in-list": (body_of([RIGHT]), (), True),
    "object-of-errors": ({"errors": {"0": RIGHT}}, (), True),
    "json-in-json": (json.dumps(body_of(RIGHT)), (), False),
}


@pytest.mark.parametrize(("body", "codes", "meant"), MISSHAPEN.values(), ids=MISSHAPEN.keys())
def test_a_misshapen_body_has_a_reason_and_the_codes_it_means(
    body: object, codes: tuple[int, ...], meant: bool
) -> None:
    found = reading(body)
    assert found.shape
    assert found.codes == codes
    assert found.reports_errors is meant


def test_the_reason_names_the_place_in_the_body() -> None:
    found = reading(body_of(RIGHT, {"error": "111", "message": "text"}))
    assert found.shape == "errors.1.error: '111' is not of type 'integer'"


def test_a_reason_is_of_bounded_length() -> None:
    assert len(reading({"errors": "x" * 100_000}).shape or "") <= 300


NO_JSON: dict[str, bytes] = {
    "empty": b"",
    "white-space": b" \n",
    "page": b"<h1>Error</h1>",
    "truncated": b'{"errors":[{"error":110,"message":"text"}]',
    "text-before": b'Warning: {"errors":[]}',
    "text-after": b"{} {}",
    "nan": b'{"errors":NaN}',
    "infinity": b"-Infinity",
    "single-quotes": b"{'errors':[]}",
    "trailing-comma": b"[1,]",
    "latin-1": b'{"errors":"\xe9"}',
    "utf-16": '{"errors":[]}'.encode("utf-16"),
    "byte-order-mark": b"\xef\xbb\xbf{}",
    "surrogate-in-utf-8": b'"\xed\xa0\x80"',
    "huge-number": b"9" * 20_000,
    "deep": b"[" * 200_000,
    "deep-and-closed": b"[" * 200_000 + b"]" * 200_000,
    "raw-control": b'"a\nb"',
}


@pytest.mark.parametrize("raw", NO_JSON.values(), ids=NO_JSON.keys())
def test_what_is_no_json_reports_nothing_and_says_so(raw: bytes) -> None:
    found = reading(raw)
    assert (found.shape or "").startswith("the body is not JSON: ")
    assert (found.errors, found.codes, found.reports_errors) == ((), (), False)
    with pytest.raises(ValueError, match=r"."):
        parse(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a":[1,2.5,true,null,"\xc3\xa9\\u00e9"]}', {"a": [1, 2.5, True, None, "éé"]}),
        (b" \t\r\n0 ", 0),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b"1e400", math.inf),
    ],
    ids=["object", "spaces", "escaped-pair", "duplicate-key", "beyond-floats"],
)
def test_json_is_parsed(raw: bytes, value: object) -> None:
    assert parse(raw) == value


@pytest.mark.parametrize("depth", [100, 300, 500, 800, 900, 990, 1000, 1100, 3000])
def test_no_depth_of_nesting_is_too_much_to_be_read(depth: int) -> None:
    found = reading(b'{"errors":' + b"[" * depth + b"]" * depth + b"}")
    assert found.shape
    assert found.codes == ()


@pytest.mark.parametrize("value", [10**400, -(10**400), 1e308, -0.0, 2**64], ids=str)
def test_a_code_of_any_size_is_a_code(value: float) -> None:
    assert reading(body_of({"error": value, "message": "text"})).codes == (int(value),)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["errors", "error", "message", "x"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(raw=st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
@example(raw=b'{"errors":[{"error":1e999,"message":"x"}]}')
@example(raw=b'{"errors":[{"error":Infinity,"message":"x"}]}')
def test_any_bytes_can_be_read(raw: bytes) -> None:
    found = read(Response(200, "", (), raw))
    assert (found.shape is None) <= found.reports_errors
    assert all(isinstance(code, int) for code in found.codes)
    assert len(found.codes) <= len(found.errors)
    if found.shape is None:
        assert len(found.codes) == len(found.errors) > 0
        assert all(error.message for error in found.errors)


def is_standard(value: object) -> bool:
    """Whether Python itself can write the value as standard JSON: without NaN and infinities."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


@given(value=JSON, spaces=st.integers(0, 2))
def test_parsing_takes_what_is_standard_and_refuses_pythons_own_constants(value: object, spaces: int) -> None:
    raw = json.dumps(value, indent=spaces).encode()
    if is_standard(value):
        assert parse(raw) == value
    else:
        with pytest.raises(ValueError, match="is not JSON"):
            parse(raw)


# ---- the field that a message names


@pytest.mark.parametrize(
    "message",
    [
        "email",
        "Invalid field value: email",
        "Invalid field value: Email.",
        "'email' is not valid",
        "EMAIL: too long",
        "data.email",
        "[email]",
        "e-mail or email?",
    ],
)
def test_a_message_names_a_field_by_the_word(message: str) -> None:
    assert ReportedError(15010, message).names("email")


@pytest.mark.parametrize(
    "message",
    [None, "", "Invalid field value", "emails", "myemail", "e-mail", "xemail", "email2"],
)
def test_a_longer_word_is_not_the_field(message: str | None) -> None:
    assert not ReportedError(15010, message).names("email")


def test_a_field_name_with_odd_characters_is_taken_literally() -> None:
    assert ReportedError(15010, "Invalid field value: a.b(c)").names("a.b(c)")
    assert not ReportedError(15010, "Invalid field value: aXb(c)").names("a.b(c)")


# ---- the media type


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        (" text/html ;x", "text/html"),
        ("", ""),
        (None, ""),
    ],
)
def test_the_media_type_is_told_without_parameters(header: str | None, media_type: str) -> None:
    assert reading({}, header).media_type == media_type


def test_the_header_is_found_in_any_letter_case() -> None:
    response = Response(400, "", (("X-A", "1"), ("CONTENT-type", "a/b"), ("Content-Type", "c/d")), b"{}")
    assert read(response).media_type == "a/b"
