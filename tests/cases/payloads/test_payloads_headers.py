"""No forged token verifies, and each is forged in the one way that it names."""

import base64
import hashlib
import hmac
import json
import re
import time
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509 import load_der_x509_certificate
from hypothesis import given
from hypothesis import strategies as st

from refund_conformance.cases.payloads import headers
from refund_conformance.cases.payloads.headers import FORGERIES, JSON_BODY_TYPES, MALFORMED, forgeries

HEADER = "AuthorizationJWT"
CLAIMS = {"sub": "merchant-1", "iat": 1700000000, "exp": 4102444800, "roles": ["a", "é"], "nested": {"a": None}}
SECRET = "the platform's secret, long enough for any of them: 0123456789abcdef"
ALGORITHMS = ("RS256", "RS512", "PS256", "HS256", "HS512", "ES256", "ES384", "ES512", "EdDSA")
FAMILIES = (
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
    ["HS256", "HS384", "HS512"],
    ["ES256", "ES384", "ES512"],
    ["EdDSA"],
)
"""Algorithms that share a kind of key, so that a lenient server may take one for another."""


@cache
def keys(algorithm: str) -> tuple[Any, Any]:
    """Return the platform's own signing key and verifying key."""
    if algorithm.startswith("HS"):
        return SECRET, SECRET
    if algorithm == "EdDSA":
        signing: Any = ed25519.Ed25519PrivateKey.generate()
    elif algorithm.startswith("ES"):
        curve = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}[algorithm]
        signing = ec.generate_private_key(curve)
    else:
        signing = rsa_key()
    return signing, signing.public_key()


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def issued(algorithm: str) -> str:
    return jwt.encode(CLAIMS, keys(algorithm)[0], algorithm, {"kid": "key-1", "x": "y"})


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def header_of(token: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(decoded(token.split(".")[0]))
    return value


def made(slug: str, algorithm: str = "RS256") -> str:
    return forgeries(issued(algorithm))[slug]


EVERY = pytest.mark.parametrize("algorithm", ALGORITHMS)

# ---- forgeries of a JWT


@EVERY
def test_the_token_itself_verifies(algorithm: str) -> None:
    assert jwt.decode(issued(algorithm), keys(algorithm)[1], [algorithm]) == CLAIMS


@EVERY
def test_no_forgery_verifies_with_the_right_key(algorithm: str) -> None:
    family = next(family for family in FAMILIES if algorithm in family)
    for slug, token in forgeries(issued(algorithm)).items():
        for accepted in ([algorithm], family):
            with pytest.raises(jwt.PyJWTError):
                jwt.decode(token, keys(algorithm)[1], accepted)
        assert token != issued(algorithm), slug


@EVERY
def test_there_is_every_forgery_of_every_jwt(algorithm: str) -> None:
    found = forgeries(issued(algorithm))
    assert sorted(found) == sorted(FORGERIES)
    assert len(set(found.values())) == len(found)


@EVERY
def test_the_payload_is_as_it_was_unless_it_is_what_was_changed(algorithm: str) -> None:
    payload = issued(algorithm).split(".")[1]
    for slug, token in forgeries(issued(algorithm)).items():
        if slug != "payload-changed":
            assert token.split(".")[1] == payload, slug


@EVERY
def test_the_header_is_as_it_was_but_for_algorithm_and_key(algorithm: str) -> None:
    head = issued(algorithm).split(".")[0]
    untouched = ("payload-changed", *(slug for slug in FORGERIES if slug.startswith("signature-")))
    for slug, token in forgeries(issued(algorithm)).items():
        if slug in ("header-array", "members-of-other-types"):
            assert token.split(".")[1:] == issued(algorithm).split(".")[1:], slug
        elif slug in untouched:
            assert token.split(".")[0] == head, slug
        else:
            found = header_of(token)
            kid = {"embedded-key": "own", "weak-secret": None, "empty-secret": None}.get(slug, "key-1")
            kid = "../../../../../../dev/null" if slug == "key-of-an-empty-file" else kid
            rest = {
                name: value for name, value in found.items() if name not in ("alg", "jwk", "jku", "x5c", "kid")
            }
            assert (rest, found.get("kid")) == ({"typ": "JWT", "x": "y"}, kid), slug


@EVERY
def test_the_changed_payload_lives_longer_and_keeps_header_and_signature(algorithm: str) -> None:
    head, payload, signature = made("payload-changed", algorithm).split(".")
    assert (head, signature) == (issued(algorithm).split(".")[0], issued(algorithm).split(".")[2])
    claims = json.loads(decoded(payload))
    assert claims["exp"] > CLAIMS["exp"]
    assert {**claims, "exp": CLAIMS["exp"]} == CLAIMS


@EVERY
def test_a_changed_signature_differs_in_one_bit(algorithm: str) -> None:
    right = decoded(issued(algorithm).split(".")[2])
    wrong = decoded(made("signature-last-byte", algorithm).split(".")[2])
    differing = [at for at, (one, other) in enumerate(zip(right, wrong, strict=True)) if one != other]
    assert differing == [len(right) - 1]
    assert (right[-1] ^ wrong[-1]).bit_count() == 1


@EVERY
def test_an_ecdsa_signature_of_zeros_is_written_both_ways(algorithm: str) -> None:
    raw, der = (made(slug, algorithm).split(".") for slug in ("ecdsa-zeros", "ecdsa-zeros-der"))
    assert json.loads(decoded(raw[0]))["alg"] == json.loads(decoded(der[0]))["alg"] == "ES256"
    assert decoded(raw[2]) == bytes(64)
    assert der[2] == "MAYCAQACAQA"
    assert raw[1] == der[1] == issued(algorithm).split(".")[1]


@EVERY
def test_a_key_is_brought_in_every_way_that_a_header_has(algorithm: str) -> None:
    found = header_of(made("embedded-key", algorithm))
    assert {"jwk", "jku", "x5c"} <= found.keys()
    assert found["jku"].startswith("data:application/json;base64,")  # so that no host is asked
    key = load_der_x509_certificate(base64.b64decode(found["x5c"][0])).public_key()
    jwt.decode(made("embedded-key", algorithm), key, ["RS256"], options={"verify_exp": False})  # type: ignore[arg-type]


@EVERY
def test_parts_of_a_header_are_of_another_shape(algorithm: str) -> None:
    assert isinstance(json.loads(decoded(made("header-array", algorithm).split(".")[0])), list)
    found = json.loads(decoded(made("members-of-other-types", algorithm).split(".")[0]))
    assert [type(found[name]) for name in ("alg", "kid", "typ", "crit")] == [list, dict, int, str]


@EVERY
def test_a_signature_is_cut_or_left_out(algorithm: str) -> None:
    head, payload, signature = issued(algorithm).split(".")
    cut = made("signature-cut", algorithm).split(".")[2]
    assert signature.startswith(cut)
    assert decoded(signature).startswith(decoded(cut))
    assert len(signature) / 2 - 4 <= len(cut) <= len(signature) / 2
    assert made("signature-empty", algorithm) == f"{head}.{payload}."
    assert made("signature-missing", algorithm) == f"{head}.{payload}"


@EVERY
def test_another_key_signs_with_the_same_algorithm(algorithm: str) -> None:
    token = made("other-key", algorithm)
    assert header_of(token)["alg"] == algorithm
    assert len(decoded(token.split(".")[2])) == len(decoded(issued(algorithm).split(".")[2]))
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, keys(algorithm)[1], [algorithm])


@EVERY
def test_an_embedded_key_verifies_its_own_token(algorithm: str) -> None:
    """It is a forgery only for a server that does not take the key from the token."""
    token = made("embedded-key", algorithm)
    key = jwt.PyJWK(header_of(token)["jwk"], algorithm="RS256")
    assert jwt.decode(token, key.key, ["RS256"]) == CLAIMS
    assert "d" not in header_of(token)["jwk"]


@EVERY
@pytest.mark.parametrize(("slug", "secret"), [("weak-secret", b"secret"), ("empty-secret", b"")])
def test_a_secret_is_one_that_a_dictionary_has_or_that_nobody_set(
    algorithm: str, slug: str, secret: bytes
) -> None:
    head, payload, signature = made(slug, algorithm).split(".")
    assert header_of(made(slug, algorithm))["alg"] == "HS256"
    assert decoded(signature) == hmac.digest(secret, f"{head}.{payload}".encode(), hashlib.sha256)


@pytest.mark.parametrize("spelling", ["none", "nOnE"])
def test_no_algorithm_is_spelt_in_lower_case_and_mixed_without_a_signature(spelling: str) -> None:
    token = made(f"alg-{spelling}")
    assert header_of(token)["alg"] == spelling
    assert token.endswith(".")


def test_no_algorithm_also_comes_with_the_right_signature() -> None:
    token = made("alg-none-signed")
    assert header_of(token)["alg"] == "none"
    assert token.split(".")[2] == issued("RS256").split(".")[2]


def test_a_header_that_is_written_unusually_is_kept_byte_for_byte() -> None:
    head = encoded(b'{ "typ" : "JWT",\n "alg":"HS256" }')
    payload = encoded(b'{"exp" : 4102444800}')
    signature = encoded(hmac.digest(SECRET.encode(), f"{head}.{payload}".encode(), hashlib.sha256))
    token = f"{head}.{payload}.{signature}"
    assert jwt.decode(token, SECRET, ["HS256"]) == {"exp": 4102444800}
    for slug, forged in forgeries(token).items():
        assert forged.split(".")[1] == payload or slug == "payload-changed"
        assert forged.split(".")[0] == head or not slug.startswith("signature")


# ---- other tokens

OPAQUE = {
    "hexadecimal": "0123456789abcdef0123456789abcdef",
    "begins-and-ends-with-A": "AbcdefA",
    "one-character": "x",
    "one-A": "A",
    "two-parts": "abc.def",
    "three-parts-of-anything": "abc.def.ghi",
    "five-parts": "a.b.c.d.e",
    "dots": "..",
    "jwt-without-signature": f"{encoded(b'{}')}.{encoded(b'{}')}.",
    "jwt-with-unreadable-signature": f"{encoded(b'{}')}.{encoded(b'{}')}.!!!!",
    "header-that-is-no-object": f"{encoded(b'[]')}.{encoded(b'{}')}.AAAA",
    "payload-that-is-no-object": f"{encoded(b'{}')}.{encoded(b'5')}.AAAA",
}
OF_AN_OPAQUE_TOKEN = {
    *("payload-changed", "signature-last-byte", "signature-case-swapped", "signature-cut"),
    *("other-key", "alg-none"),
}


@pytest.mark.parametrize("token", OPAQUE.values(), ids=OPAQUE.keys())
def test_an_opaque_token_is_changed_and_cut(token: str) -> None:
    found = forgeries(token)
    assert set(found) <= OF_AN_OPAQUE_TOKEN
    assert set(found) >= {"payload-changed", "other-key", "alg-none"}
    assert token not in found.values()
    assert found["payload-changed"][1:] == token[1:]
    assert found["signature-last-byte"][:-1] == token[:-1]
    assert found["signature-cut"] == token[: len(token) // 2]


def test_a_jwt_of_our_own_making_stands_in_for_an_opaque_token() -> None:
    found = forgeries("opaque-token")
    assert header_of(found["other-key"]) == {"typ": "JWT", "alg": "RS256"}
    for slug in ("other-key", "alg-none"):
        claims = json.loads(decoded(found[slug].split(".")[1]))
        assert claims["sub"] == "merchant"
        assert claims["exp"] > time.time() + 3600
    assert header_of(found["alg-none"])["alg"] == "none"
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(found["other-key"], keys("RS256")[1], ["RS256"])


def test_a_signature_that_ends_in_any_letter_keeps_it() -> None:
    head, payload, _ = issued("RS256").split(".")
    for last in range(64):
        token = f"{head}.{payload}.{encoded(bytes([1, 0, last]))}"
        assert decoded(forgeries(token)["signature-last-byte"].split(".")[2]) == bytes([1, 0, last ^ 1])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "b64", "crit", "jwk"]),
    JSON | st.sampled_from(["HS999", "ES256K", "RS256", "none", "EdDSA"]),
    max_size=4,
)
PAYLOADS = st.dictionaries(st.sampled_from(["exp", "iss", "sub", "aud"]), JSON | st.just(2**70), max_size=3)
WRITTEN = st.builds(
    lambda head, payload, signature: ".".join(
        (encoded(json.dumps(head).encode()), encoded(json.dumps(payload).encode()), encoded(signature))
    ),
    HEADERS | JSON,
    PAYLOADS | JSON,
    st.binary(max_size=4),
)


@pytest.mark.whole
@given(token=WRITTEN | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30))
def test_any_token_that_settings_may_hold_can_be_forged(token: str) -> None:
    found = forgeries(token)
    assert found
    assert set(found) <= set(FORGERIES)
    for forged in found.values():
        assert forged != token
        assert re.fullmatch(r"[!-~]*", forged)


# ---- headers


def test_the_header_as_it_should_be() -> None:
    assert headers.bearer(HEADER, "abc") == ((HEADER, "Bearer abc"),)


def test_no_header_at_all() -> None:
    assert headers.absent(HEADER, "abc") == ()


def test_the_standard_header_in_place_of_the_apis_own() -> None:
    found = dict(headers.standard_header(HEADER, "abc"))
    assert found.keys() == {"Authorization", "Cookie"}
    assert found["Authorization"] == "Bearer abc"
    cookies = dict(cookie.split("=") for cookie in found["Cookie"].split("; "))
    assert len(cookies) > 1
    assert set(cookies.values()) == {"abc"}


@pytest.mark.parametrize("slug", FORGERIES)
def test_a_forged_token_is_sent_as_a_right_one_is(slug: str) -> None:
    token = issued("RS256")
    assert headers.forged(slug)(HEADER, token) == ((HEADER, f"Bearer {forgeries(token)[slug]}"),)


def test_a_forgery_that_a_token_does_not_allow_is_not_sent() -> None:
    assert headers.forged("weak-secret")(HEADER, "opaque-token") is None
    assert headers.forged("signature-cut")(HEADER, "x") is None


@pytest.mark.parametrize("slug", MALFORMED)
def test_a_malformed_header_does_not_have_the_form_with_a_token(slug: str) -> None:
    fields = MALFORMED[slug](HEADER, issued("RS256"))
    assert fields
    for name, value in fields:
        assert name == HEADER
        assert value.strip() == value
        assert all(ord(character) < 256 for character in value)
    assert not all(has_the_form(value) for _, value in fields)


def has_the_form(value: str) -> bool:
    """Whether a header field has the form with a JWT."""
    right = re.fullmatch(r"Bearer ([^ ,]+)", value)
    try:
        return right is not None and right[1].isascii() and bool(jwt.get_unverified_header(right[1]))
    except jwt.PyJWTError:
        return False


def test_the_right_header_has_the_form_with_a_token() -> None:
    ((_, value),) = headers.bearer(HEADER, issued("RS256"))
    assert has_the_form(value)


def test_malformed_headers_are_of_every_kind() -> None:
    values = {slug: dict(form(HEADER, "T") or ())[HEADER] for slug, form in MALFORMED.items()}
    assert {"", "T", "Bearer", "Digest T", "BearerT", "Bearer T T"} <= set(values.values())
    assert {"xBearer T", "Token Bearer T", "Bearer T.", "Bearer T.e30.e30"} <= set(values.values())
    assert len(set(values.values())) == len(values)


# ---- content types


@pytest.mark.parametrize("slug", JSON_BODY_TYPES)
def test_another_content_type_is_another_by_any_reading(slug: str) -> None:
    value = JSON_BODY_TYPES[slug]
    assert value.partition(";")[0].strip().lower() != "application/json"
    assert value.isascii()
    assert value.strip() == value
    assert re.fullmatch(r"[a-z0-9-]+", slug)


def test_the_other_content_types_are_of_every_kind() -> None:
    assert len(set(JSON_BODY_TYPES.values())) == len(JSON_BODY_TYPES)
    assert set(JSON_BODY_TYPES.values()) >= {
        *("text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded"),
        *("application/jsonp", "application/json-patch+json", "application/vnd.api+json"),
        *("application/json, text/plain", "application/x-json", "application/json\ta"),
    }


def test_a_form_writes_the_token_wherever_its_template_has_a_place() -> None:
    assert headers.form("A {token}, {token}")(HEADER, "T") == ((HEADER, "A T, T"),)
    assert headers.form("nothing")(HEADER, "T") == ((HEADER, "nothing"),)
