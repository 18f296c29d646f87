"""What is called malformed is no JSON, what is called valid is the same object: by an independent reader."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from refund_conformance.cases.payloads import fields, json_text
from refund_conformance.contract import model as contracts

BODIES: dict[str, dict[str, Any]] = {
    "shipped": fields.plain(contracts.load()),
    "one-text": {"email": "merchant@example.com"},
    "number-first": {"quantity": 12, "note": "text", "urgent": True},
    "number-last": {"note": "text", "quantity": 7},
    "numbers-only": {"a": 1, "b": 2.5},
    "other-scripts": {"описание": "возврат 😀", "email": "a@b.example"},
    "awkward-text": {"note": '","\\ \' // /* {}[]: \t', "other": "&="},
    "nested": {"extra": {"a": [1, 2]}, "list": [{"b": None}]},
}
ANY_BODY = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())

# ---- an independent reader of RFC 8259, without recursion

SPACE = re.compile(r"[ \t\n\r]*")
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"')
SCALAR = re.compile(rf"{STRING.pattern}|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
COLON = re.compile(r"[ \t\n\r]*:")


def is_json(raw: bytes) -> bool:
    """Whether the bytes are a JSON text in UTF-8."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    closing: list[str] = []
    state, at = "value", 0
    while True:
        at = SPACE.match(text, at).end()  # type: ignore[union-attr]
        if at == len(text):
            return state == "after" and not closing
        step = _step(text, at, state, closing)
        if step is None:
            return False
        state, at = step


def _step(text: str, at: int, state: str, closing: list[str]) -> tuple[str, int] | None:
    """Read one token; return the state after it, None if it must not stand here."""
    char = text[at]
    if state in ("value", "first-value") and char in "[{":
        closing.append("]" if char == "[" else "}")
        return ("first-value" if char == "[" else "first-name"), at + 1
    if closing and char == closing[-1] and state in ("first-value", "first-name", "after"):
        closing.pop()
        return "after", at + 1
    if state == "after":
        if not closing or char != ",":
            return None
        return ("value" if closing[-1] == "]" else "name"), at + 1
    if state in ("value", "first-value"):
        scalar = SCALAR.match(text, at)
        return ("after", scalar.end()) if scalar else None
    name = STRING.match(text, at)
    colon = COLON.match(text, name.end()) if name else None
    return ("value", colon.end()) if colon else None


@pytest.mark.parametrize(
    "raw", [b"{}", b" [ ] ", b'{"a":[{},[1,-0.5e+3,"\\u00e9\\n"],null]}', b"0", b'"\xc3\xa9"', b"true", b'{"":0}']
)
def test_the_independent_reader_takes_json(raw: bytes) -> None:
    assert is_json(raw)
    assert json_text.is_json(raw)


@pytest.mark.parametrize(
    "raw",
    [
        *(
            b"",
            b" ",
            b"{",
            b"]",
            b"[1,]",
            b"[,]",
            b"{,}",
            b'{"a"}',
            b'{"a":}',
            b"{1:2}",
            b"[1 2]",
            b"01",
            b"1.",
            b".5",
        ),
        *(
            b"+1",
            b"1e",
            b"tru",
            b"nul",
            b"NaN",
            b'"\t"',
            b'"\\x"',
            b'"\\u12"',
            b'"',
            b"{} {}",
            b"[}",
            b"'a'",
            b"\xff",
        ),
        *(b"\xef\xbb\xbf{}", b"[1]]", b'{"a":1,}', b"\x0c1", b"\xc2\xa01"),
    ],
)
def test_the_independent_reader_takes_nothing_else(raw: bytes) -> None:
    assert not is_json(raw)
    assert not json_text.is_json(raw)


@given(raw=st.text('{}[]",:0-1.eE+ \\untrfals', max_size=12).map(str.encode))
def test_the_projects_check_agrees_with_the_independent_reader(raw: bytes) -> None:
    assert json_text.is_json(raw) == is_json(raw)


# ---- malformed texts


@ANY_BODY
def test_every_malformed_text_is_refused_by_any_strict_reader(body: Mapping[str, Any]) -> None:
    for slug, raw in json_text.malformed(body).items():
        assert not is_json(raw), slug
        assert not json_text.is_json(raw), slug


@ANY_BODY
def test_malformed_texts_are_refused_by_python_but_for_its_own_constants(body: Mapping[str, Any]) -> None:
    taken = set()
    for slug, raw in json_text.malformed(body).items():
        try:
            json.loads(raw)
        except ValueError:
            continue
        taken.add(slug)
    assert taken == {"nan", "infinity"}


@ANY_BODY
def test_malformed_texts_differ_from_each_other(body: Mapping[str, Any]) -> None:
    texts = json_text.malformed(body)
    assert len(set(texts.values())) == len(texts)
    assert all(re.fullmatch("[a-z0-9-]+", slug) for slug in texts)


def test_malformed_texts_are_one_lenient_step_from_the_body() -> None:
    """With the step undone each is the body again, so a lenient reader sees what it must not accept."""
    body = BODIES["shipped"]
    texts = {slug: raw.decode() for slug, raw in json_text.malformed(body).items()}
    text = json_text.dump(body).decode()
    undone = {
        "truncated": texts["truncated"] + "}",
        "trailing-comma": texts["trailing-comma"].replace(",}", "}"),
        "missing-comma": texts["missing-comma"].replace('" "', '","'),
        "semicolon": texts["semicolon"].replace(';"x":1', ""),
        "missing-element": texts["missing-element"].replace(',"x":[1,,2]', ""),
        "undefined": texts["undefined"].replace(',"x":undefined', ""),
        "bare-fraction": texts["bare-fraction"].replace(',"x":.5', ""),
        "braced-escape": texts["braced-escape"].replace(',"x":"\\u{1F600}"', ""),
        "no-break-space": texts["no-break-space"].replace("\u00a0", ""),
        "line-comment": texts["line-comment"].replace("// a comment\n", ""),
        "block-comment": texts["block-comment"].replace("/* a comment */", ""),
        "hash-comment": texts["hash-comment"].replace("# a comment\n", ""),
        "single-quotes": texts["single-quotes"].replace("'", '"'),
        "bare-key": re.sub(r"^\{(\w+):", r'{"\1":', texts["bare-key"]),
        "second-document": texts["second-document"][: len(text)],
        "text-after": texts["text-after"].removesuffix(" x"),
        "nul-after": texts["nul-after"].rstrip("\0"),
        "form-feed": texts["form-feed"].lstrip("\f"),
    }
    assert set(undone.values()) == {text}


def test_values_that_are_not_json_stand_in_place_of_the_first_fields_value() -> None:
    body = BODIES["shipped"]
    texts = {slug: raw.decode() for slug, raw in json_text.malformed(body).items()}
    name = next(iter(body))
    rest = json_text.dump(body).decode().removeprefix(f'{{"{name}":').removeprefix(json.dumps(body[name]))
    for slug, value in {
        "nan": "NaN",
        "leading-zero": "01",
        "hexadecimal": "0x10",
        "missing-value": "",
        "backticks": "`text`",
        "capital-literal": "True",
        "infinity": "-Infinity",
        "bad-escape": r'"a\x41"',
        "quote-escape": r'"it\'s"',
        "raw-new-line": '"a\nb"',
        "short-escape": r'"a\u41"',
        "raw-nul": '"a\0b"',
    }.items():
        assert texts[slug] == f'{{"{name}":{value}{rest}'


@ANY_BODY
def test_badly_encoded_texts_are_json_but_for_their_bytes(body: Mapping[str, Any]) -> None:
    texts = json_text.badly_encoded(body)
    assert len(set(texts.values())) == len(texts)
    for slug, raw in texts.items():
        with pytest.raises(UnicodeDecodeError):
            raw.decode("utf-8")
        assert is_json(raw.decode("utf-8", "replace").encode()), slug
        assert not json_text.is_json(raw)


def test_badly_encoded_texts_have_each_kind_of_wrong_byte() -> None:
    joined = b"".join(json_text.badly_encoded(BODIES["one-text"]).values())
    for kind in (b"\x80", b"\xe2\x82", b"\xc0\xaf", b"\xed\xa0\x80", b"\xfc"):
        assert kind in joined


@given(data=st.data())
@pytest.mark.parametrize("body", [BODIES["shipped"], BODIES["other-scripts"]], ids=["shipped", "other-scripts"])
def test_a_damaged_text_is_never_json(body: Mapping[str, Any], data: st.DataObject) -> None:
    raw = data.draw(json_text.damaged(body))
    assert not is_json(raw)
    with pytest.raises(ValueError, match=r"."):
        json.loads(raw)


TEXT = json_text.dump(BODIES["shipped"])
DAMAGES: dict[str, Callable[[bytes], bool]] = {
    "cut to nothing": lambda raw: raw == b"",
    "cut by one character": lambda raw: raw == TEXT[:-1],
    "first character lost": lambda raw: raw == TEXT[1:],
    "one character lost": lambda raw: len(raw) == len(TEXT) - 1 and raw[-1:] == TEXT[-1:],
    "one character more": lambda raw: len(raw) == len(TEXT) + 1 and raw[:1] == TEXT[:1] and raw[-1:] == TEXT[-1:],
    "one more at the beginning": lambda raw: raw[1:] == TEXT,
    "one character changed": lambda raw: (
        sum(a != b for a, b in zip(raw, TEXT, strict=False)) == 1 and len(raw) == len(TEXT)
    ),
}


@pytest.mark.whole
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_text_may_be_damaged_in_each_way_and_in_one_place_only(damage: str) -> None:
    raw = find(json_text.damaged(BODIES["shipped"]), DAMAGES[damage], settings=settings(max_examples=5000))
    assert abs(len(raw) - len(TEXT)) <= 1 or TEXT.startswith(raw)


@pytest.mark.whole
@given(raw=json_text.damaged(BODIES["shipped"]))
@settings(max_examples=300)
def test_a_damaged_text_is_cut_or_differs_in_one_place(raw: bytes) -> None:
    strays = [(at, size) for at in range(len(TEXT) + 1) for size in range(4)]
    assert (
        TEXT.startswith(raw)
        or any(raw == TEXT[:at] + raw[at : at + size] + TEXT[at:] for at, size in strays)
        or any(raw == TEXT[:at] + raw[at : at + size] + TEXT[at + 1 :] for at, size in strays)
    )


def test_deep_unclosed_nesting_is_no_json() -> None:
    raw = json_text.unclosed_nesting()
    assert not is_json(raw)
    assert not json_text.is_json(raw)
    assert raw.count(b"{") == json_text.DEPTH // 2
    assert len(raw) <= 64 * 1024  # so that no front has a reason of its own


# ---- other JSON texts


@ANY_BODY
def test_texts_that_are_no_object_are_json_all_the_same(body: Mapping[str, Any]) -> None:
    for slug, raw in json_text.not_objects(body).items():
        assert is_json(raw), slug
        assert not raw.lstrip().startswith(b"{"), slug


def test_a_body_within_something_else_is_the_whole_body() -> None:
    body = BODIES["shipped"]
    texts = json_text.not_objects(body)
    assert json.loads(texts["array-of-object"]) == [body]
    assert json.loads(json.loads(texts["string-of-json"])) == body
    assert texts["deep-array"].count(b"[") == texts["deep-array"].count(b"]") == json_text.DEPTH


def test_nesting_is_deeper_than_careless_recursion_survives() -> None:
    with pytest.raises(RecursionError):
        json.loads(json_text.not_objects(BODIES["one-text"])["deep-array"])


@ANY_BODY
def test_every_form_means_the_same_object(body: Mapping[str, Any]) -> None:
    for slug, form in json_text.FORMS.items():
        assert is_json(form(body)), slug
        assert json.loads(form(body)) == body, slug


def test_the_forms_show_every_freedom_of_spelling() -> None:
    body = {**BODIES["shipped"], "description": json_text.ESCAPES}
    forms = {slug: form(body).decode() for slug, form in json_text.FORMS.items()}
    escaped, spaced = forms["escaped"], forms["spaced-and-reversed"]
    assert escaped.isascii()
    assert set(re.sub(r"\\u[0-9a-fA-F]{4}", "", escaped)) == set('{}":,')
    assert "\\ud83d\\ude00" in escaped.lower()
    assert spaced.startswith(" \r\n\t{")
    assert spaced.endswith("}\r\n \t")
    assert "\\/" in spaced
    assert any(ord(character) > 0xFFFF for character in spaced)
    assert list(json.loads(spaced)) == list(body)[::-1]


@ANY_BODY
def test_the_plain_text_is_compact_utf_8_and_means_the_body(body: Mapping[str, Any]) -> None:
    raw = json_text.dump(body)
    assert json.loads(raw) == body
    assert is_json(raw)
    assert b"\\u" not in raw


def test_half_a_surrogate_pair_can_be_dumped() -> None:
    assert json_text.dump({"a": "\ud83d\u00e9"}) == rb'{"a":"\ud83d' + b'\xc3\xa9"}'
