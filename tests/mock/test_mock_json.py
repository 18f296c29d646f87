"""The reader of bodies keeps to RFC 8259, and its two readers agree."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refund_conformance.mock.answers import Answers
from refund_conformance.mock.json_text import NotJsonError, has_lone_surrogate_escape, read_json
from refund_conformance.mock.nesting import NotNestedError, read_nested

VALID = [
    *("{}", " {\t\r\n} ", '{"a": 1}', '{"a":-0.0e+1}', '{"\\u0061":"\\ud83d\\ude00\\/"}', '{"a":[{}],"b":null}'),
    *("[]", "1", "-1", '"x"', "true", "null", "[1,[2]]", "1e999", "1" * 5000, '{"a":' + "9" * 5000 + "}"),
    *('{"a":1,"a":2}', '"\\ud800"', '"\x7f"'),
]
BROKEN = [
    *("", " ", "{", "}", "{]", "[}", '{"a"}', '{"a":}', '{"a":1,}', "{,}", "{a:1}", "{'a':1}", '{"a":1}x', "{}{}"),
    *(
        "[1,]",
        "[,1]",
        "[1 2]",
        '{"a":1 "b":2}',
        "NaN",
        "Infinity",
        "-Infinity",
        '{"a":NaN}',
        "01",
        "-",
        "1.",
        ".5",
    ),
    *("+1", "0x1", "1e", '"', '"\\x"', '"\\u12"', '"\\u+123"', '"\n"', '"\t"', '"\0"', "tru", "True", "undefined"),
    *(
        "// c\n{}",
        "{}/**/",
        "/* c */ {}",
        "\ufeff{}",
        "\u00a0{}",
        "{}\x0c",
        ":",
        ",",
        '"a":1',
        "{}\0",
        "[1:2]",
        "{1:2}",
    ),
    *('{"a"::1}', '{"a":1,,"b":2}', "[[]", "[]]", "''", "\u2028{}"),
]


@pytest.mark.parametrize("text", VALID)
def test_json_is_read(text: str) -> None:
    read_json(text.encode(), Answers())
    read_nested(text)


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(NotJsonError):
        read_json(text.encode(), Answers())
    with pytest.raises(NotNestedError):
        read_nested(text)


@pytest.mark.parametrize(
    "body",
    [b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xe2\x82"', "{}".encode("utf-16"), "{}".encode("utf-16-le")],
)
def test_bytes_that_are_not_utf8_are_refused(body: bytes) -> None:
    with pytest.raises(NotJsonError):
        read_json(body, Answers())


_PIECES = ["{", "}", "[", "]", ":", ",", '"a"', '"b"', "1", "-", "true", "null", " ", "x", '"', "\\", "\n", "0"]


@pytest.mark.whole
@settings(max_examples=1500, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
def test_the_two_readers_agree(text: str) -> None:
    try:
        expected: object = read_json(text.encode(), Answers()).value
    except NotJsonError:
        with pytest.raises(NotNestedError):
            read_nested(text)
        return
    found = read_nested(text).value
    assert type(found) is type(expected)
    if isinstance(found, dict) and isinstance(expected, dict):
        assert found.keys() == expected.keys()
        assert all(type(found[key]) is type(expected[key]) for key in found)


@pytest.mark.parametrize(
    ("text", "lone"),
    [
        ('"\\ud83d\\ude00"', False),
        ('"\\ud83d"', True),
        ('"\\ude00"', True),
        ('"\\ude00\\ud83d"', True),
        ('"\\\\ud83d"', False),
        ('"\\ud83d \\ude00"', True),
        ('"\\ud83d\\ud83d\\ude00"', True),
        ('"\\u0041"', False),
        ('"\\ud83d\\n"', True),
    ],
)
def test_half_of_a_pair_is_seen(text: str, lone: bool) -> None:
    assert has_lone_surrogate_escape(text) is lone
    assert any("\ud800" <= letter <= "\udfff" for letter in json.loads(text)) is lone
