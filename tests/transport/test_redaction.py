"""A secret is taken out of whatever is recorded, in every way it may be written there."""

import base64
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import markupsafe
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from refund_conformance.transport.redaction import LONG, MARK, PREFIX, SHORTEST, Redactor

JWT = ".".join(
    base64.urlsafe_b64encode(part).rstrip(b"=").decode()
    for part in (b'{"alg":"RS256","typ":"JWT"}', b'{"sub":"merchant-1","exp":4102444800}', bytes(range(200)))
)
PASSWORD = 'pä/ss "w0rd" & <more>'

WRITTEN: dict[str, Callable[[str], str]] = {
    "as-it-is": str,
    "percent-encoded": lambda text: quote(text, safe=""),
    "percent-encoded-in-lower-case": lambda text: re.sub(
        "%..", lambda found: found[0].lower(), quote(text, safe="")
    ),
    "form-encoded": quote_plus,
    "json": json.dumps,
    "json-without-escapes": lambda text: json.dumps(text, ensure_ascii=False),
    "json-of-php": lambda text: json.dumps(text).replace("/", "\\/"),
    "html": html.escape,
    "html-text": lambda text: html.escape(text, quote=False),
    "html-of-a-template": lambda text: str(markupsafe.escape(text)),
    "json-in-an-attribute": lambda text: re.sub(
        "[&<>']", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text)
    ),
    "utf-8-read-as-latin-1": lambda text: text.encode().decode("latin-1"),
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN.keys())
@pytest.mark.parametrize("secret", [JWT, PASSWORD, "abcdef"], ids=["jwt", "password", "short"])
def test_a_secret_is_found_however_it_is_written(secret: str, written: Callable[[str], str]) -> None:
    redactor = Redactor([secret])
    text = f"before {written(secret)} after"
    found = redactor.text(text)
    assert found.startswith("before ")
    assert found.endswith(" after")
    assert found.count(MARK) == 1
    assert written(secret).strip('"') not in found
    assert redactor.finds(text)
    assert not redactor.finds(found)


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("after", ["", "x", "xy"])
def test_a_secret_is_found_within_base64_wherever_it_begins(
    before: str, encode: Callable[[bytes], bytes], after: str
) -> None:
    secret = "pass>>>word???secret"
    encoded = encode(f"{before}{secret}{after}".encode()).decode()
    found = Redactor([secret]).text(f"Basic {encoded}")
    assert MARK in found
    assert len(found.replace(MARK, "")) < len("Basic ") + 16
    assert encoded not in found


@pytest.mark.parametrize("place", range(3), ids=["header", "payload", "signature"])
def test_each_part_of_a_jwt_is_a_secret(place: int) -> None:
    part = JWT.split(".")[place]
    assert Redactor([JWT]).text(f"<{part}>") == f"<{MARK}>"


@pytest.mark.parametrize("length", [PREFIX, PREFIX + 1, LONG, 100])
def test_a_copy_of_a_long_secret_that_was_cut_is_found(length: int) -> None:
    assert Redactor([JWT]).text(f"token={JWT[:length]}…") == f"token={MARK}…"


def test_a_copy_of_a_long_secret_that_was_changed_further_on_is_found() -> None:
    changed = JWT[:-8] + "AAAAAAAA"
    assert Redactor([JWT]).text(f"[{changed}]") == f"[{MARK}]"


def test_what_only_begins_like_a_secret_stays() -> None:
    redactor = Redactor([JWT, "correct horse battery"])
    for text in (JWT[: PREFIX - 1], "correct horse", "", "merchant-1"):
        assert redactor.text(text) == text


def test_a_secret_too_short_to_be_told_from_other_text_is_not_looked_for() -> None:
    short = "x" * (SHORTEST - 1)
    assert Redactor([short]).text(f"{short} text") == f"{short} text"


@pytest.mark.parametrize("secret", ["", "a", "....", "\udcff" * 8, "\x00" * 8, "ü" * 8, ".*.*.*.*", "(((((((("])
def test_any_string_may_be_a_secret(secret: str) -> None:
    redactor = Redactor([secret])
    assert redactor.text("ordinary text") == "ordinary text"
    if len(secret) >= SHORTEST:
        assert redactor.text(f"<{secret}>") == f"<{MARK}>"


def test_without_secrets_nothing_changes() -> None:
    redactor = Redactor()
    assert redactor.text(JWT) == JWT
    assert redactor.bytes(b"\xff\x00") == b"\xff\x00"
    assert not redactor.finds(JWT)


def test_bytes_that_are_no_text_keep_all_but_the_secret() -> None:
    raw = b"\xff\xfe" + PASSWORD.encode() + b"\x00\x80"
    assert Redactor([PASSWORD]).bytes(raw) == b"\xff\xfe" + MARK.encode() + b"\x00\x80"


def test_secrets_may_be_added_while_a_run_goes_on() -> None:
    redactor = Redactor(["first-secret"])
    assert redactor.text("second-secret") == "second-secret"
    redactor.add("second-secret")
    redactor.add("second-secret")
    assert redactor.text("first-secret second-secret") == f"{MARK} {MARK}"


def test_of_two_secrets_of_which_one_begins_the_other_the_longer_goes_whole() -> None:
    for secrets in (["secret-one", "secret-one-and-more"], ["secret-one-and-more", "secret-one"]):
        assert Redactor(secrets).text("secret-one-and-more") == MARK


@given(
    secret=st.text(min_size=SHORTEST, max_size=60),
    around=st.tuples(st.text(max_size=10), st.text(max_size=10)),
    written=st.sampled_from(list(WRITTEN.values())),
)
def test_no_secret_survives(secret: str, around: tuple[str, str], written: Callable[[str], str]) -> None:
    assume(secret not in MARK)
    text = around[0] + written(secret) + around[1]
    found = Redactor([secret]).text(text)
    assert secret not in found.replace(MARK, "")
    assert MARK in found


@given(secret=st.text("abcdef", min_size=20, max_size=60), text=st.text("ABCDEFGHIJ =:.,-", max_size=60))
def test_text_without_a_secret_stays_as_it_is(secret: str, text: str) -> None:
    assert Redactor([secret]).text(text) == text
