"""Content types that are not JSON's, and ways to write the authorization header wrongly."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from refund_conformance.transport.exchange import Headers

AuthorizationForm = Callable[[str, str], Headers | None]
"""Takes the header's name and a valid token; returns the fields to send, None if the token allows no such."""

JSON_BODY_TYPES = {
    "text-plain": "text/plain",
    "text-json": "text/json",
    "xml": "application/xml",
    "x-json": "application/x-json",
    "json-request": "application/jsonrequest",
    "tab-and-word": "application/json\ta",
    "multipart": "multipart/form-data; boundary=frontier",
    "jsonp": "application/jsonp",
    "json-patch": "application/json-patch+json",
    "vendor-json": "application/vnd.api+json",
    "form": "application/x-www-form-urlencoded",
    "any-type": "*/*",
    "two-types": "application/json, text/plain",
    "two-types-json-last": "text/plain, application/json",
}
"""Media types other than application/json, each sent with a body that is valid JSON.

Some stacks have a few of them in a table of types that are JSON; others stop reading the header at a blank."""

UNDECLARED_TYPES = (
    "application/csp-report",
    "application/javascript",
    "application/json+fhir",
    "application/json-rpc",
    "application/json5",
    "application/jsonlines",
    "application/octet-stream",
    "application/x-javascript",
    "application/x-ndjson",
    "text/javascript",
    "text/x-json",
)
"""Further types that a stack may take for JSON; some of them are drawn."""

SPELLINGS: dict[str, tuple[str, str, Callable[[str], str]]] = {
    "other-case": ("content-type-case", "{type}", str.title),
    "parameter": ("content-type-parameters", "{type}; charset=utf-8", str),
    "blank-before-parameter": ("content-type-parameters", "{type} ;charset=utf-8", str),
}
"""Spellings of the media type that may be answered as the plain one is: the question, and how each is made."""


def bearer(header: str, token: str) -> Headers:
    """Return the header as it should be."""
    return ((header, f"Bearer {token}"),)


def absent(header: str, token: str) -> Headers:
    """Return no header at all."""
    return ()


def standard_header(header: str, token: str) -> Headers:
    """Return the token in the standard Authorization header, and in cookies, none of which this API reads."""
    cookies = "; ".join(f"{name}={token}" for name in ("BEARER", "token", "access_token", "jwt"))
    return (("Authorization", f"Bearer {token}"), ("Cookie", cookies))


def form(template: str) -> AuthorizationForm:
    """Return a form that writes the token into ``template`` in place of ``{token}``."""
    return lambda header, token: ((header, template.replace("{token}", token)),)


MALFORMED = {
    "empty": form(""),
    "no-scheme": form("{token}"),
    "digest-scheme": form("Digest {token}"),
    "letter-before-scheme": form("xBearer {token}"),
    "word-before-scheme": form("Token Bearer {token}"),
    "no-space": form("Bearer{token}"),
    "scheme-alone": form("Bearer"),
    "parts-unreadable": form("Bearer abc.def.ghi"),
    "non-ascii": form("Bearer {token}\xe9"),
    "token-twice": form("Bearer {token} {token}"),
    "token-list": form("Bearer {token}, Bearer {token}"),
    "dot-behind": form("Bearer {token}."),
    "five-parts": form("Bearer {token}.e30.e30"),
}
"""Header values that are not ``Bearer <token>``, though most hold a valid token."""


@cache
def forgeries(token: str) -> dict[str, str]:
    """Return tokens made from a valid one that the platform has not signed as they stand, by slug.

    A token that is no JWT yields changed and cut copies, and a JWT of our own making.
    """
    parts = _parts(token)
    made = dict(_jwt_forgeries(*parts)) if parts else dict(_opaque_forgeries(token))
    return {slug: forged for slug, forged in made.items() if forged != token}


FORGERIES = (
    "payload-changed",
    "signature-last-byte",
    "signature-cut",
    "signature-case-swapped",
    "signature-long",
    "signature-empty",
    "signature-missing",
    "signature-unreadable",
    "other-key",
    "embedded-key",
    "weak-secret",
    "empty-secret",
    "key-of-an-empty-file",
    "ecdsa-zeros",
    "ecdsa-zeros-der",
    "header-array",
    "members-of-other-types",
    "alg-none",
    "alg-nOnE",
    "alg-none-signed",
    "alg-missing",
)
"""Slugs of the forgeries of a JWT; those of an opaque token are a part of them."""


def forged(slug: str) -> AuthorizationForm:
    """Return the form that sends the forgery of this name, which does not exist for every token."""
    return partial(_forged, slug)


def _forged(slug: str, header: str, token: str) -> Headers | None:
    made = forgeries(token).get(slug)
    return bearer(header, made) if made else None


def _parts(token: str) -> tuple[str, str, str] | None:
    """Return header, payload and signature of a JWT as they are written; None for any other token."""
    pieces = token.split(".")
    if len(pieces) != 3:
        return None
    head, payload, signature = pieces
    try:
        objects = isinstance(_object(head), dict) and isinstance(_object(payload), dict)
        return (head, payload, signature) if objects and _decoded(signature) else None
    except (ValueError, RecursionError):
        return None


def _jwt_forgeries(head: str, payload: str, signature: str) -> Iterator[tuple[str, str]]:
    header, claims, raw = _object(head), _object(payload), _decoded(signature)
    expiry = claims.get("exp")
    later = expiry + 3600 if isinstance(expiry, int) else 4102444800
    yield "payload-changed", f"{head}.{_encoded({**claims, 'exp': later})}.{signature}"
    yield "signature-last-byte", f"{head}.{payload}.{_base64(raw[:-1] + bytes([raw[-1] ^ 1]))}"
    yield "signature-cut", f"{head}.{payload}.{signature[: len(signature) // 8 * 4]}"
    yield "signature-case-swapped", f"{head}.{payload}.{signature.swapcase()}"
    yield "signature-long", f"{head}.{payload}.{_base64(bytes(raw) * (2400 // len(raw) + 1))}"
    yield "signature-empty", f"{head}.{payload}."
    yield "signature-missing", f"{head}.{payload}"
    yield "signature-unreadable", f"{head}.{payload}.ab!$e"
    yield "other-key", _signed(header, payload)
    yield "embedded-key", _signed({**header, **_own_keys()}, payload)
    for name, secret in (("weak", b"secret"), ("empty", b"")):
        yield f"{name}-secret", _signed({**_without(header, "kid"), "alg": "HS256"}, payload, secret)
    yield "key-of-an-empty-file", _signed({**header, "alg": "HS256", "kid": _EMPTY_FILE}, payload, b"")
    for name, zeros in (("", bytes(64)), ("-der", _DER_ZEROS)):
        yield f"ecdsa-zeros{name}", f"{_encoded({**header, 'alg': 'ES256'})}.{payload}.{_base64(zeros)}"
    yield "header-array", f"{_encoded([header])}.{payload}.{signature}"
    yield "members-of-other-types", f"{_encoded({**header, **_OTHER_TYPES})}.{payload}.{signature}"
    for spelling in ("none", "nOnE"):
        yield f"alg-{spelling}", f"{_encoded({**header, 'alg': spelling})}.{payload}."
    yield "alg-missing", f"{_encoded(_without(header, 'alg'))}.{payload}."
    yield "alg-none-signed", f"{_encoded({**header, 'alg': 'none'})}.{payload}.{signature}"


_EMPTY_FILE = "../../../../../../dev/null"
_DER_ZEROS = bytes.fromhex("3006020100020100")
"""The two integers of an ECDSA signature, both zero, as ASN.1 writes them."""

_OTHER_TYPES = {"alg": ["RS256"], "kid": {"id": 1}, "typ": 5, "crit": "exp"}
"""Members of a token's header, each of another type than it should be."""


def _own_keys() -> dict[str, Any]:
    """Return members of a header by which a token brings its own key: itself, as a key set, as a certificate."""
    key = _public_jwk()
    keys = _base64(json.dumps({"keys": [{**key, "kid": "own"}]}).encode())
    return {
        "alg": "RS256",
        "kid": "own",
        "jwk": key,
        "jku": f"data:application/json;base64,{keys}",
        "x5c": [base64.b64encode(_certificate()).decode()],
    }


@cache
def _certificate() -> bytes:
    """Return a certificate for our key that the key itself has signed, in DER."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "conformance test")])
    start = datetime(2024, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, _key("rsa").public_key(), 1, start, start.replace(year=2124))
    return made.sign(_key("rsa"), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _without(header: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in header.items() if other != name}


def _opaque_forgeries(token: str) -> Iterator[tuple[str, str]]:
    swapped = "B" if token[:1] == "A" else "A"
    yield "payload-changed", swapped + token[1:]
    yield "signature-last-byte", token[:-1] + ("B" if token[-1:] == "A" else "A")
    yield "signature-case-swapped", token.swapcase()
    yield "signature-cut", token[: len(token) // 2]
    claims = _encoded({"sub": "merchant", "exp": 4102444800})
    yield "other-key", _signed({"typ": "JWT", "alg": "RS256"}, claims)
    yield "alg-none", f"{_encoded({'alg': 'none'})}.{claims}."


def _signed(header: Mapping[str, Any], payload: str, secret: bytes = b"not the platform's secret") -> str:
    """Sign with a key that is not the platform's, by the algorithm that the header names if we have it."""
    named = str(header.get("alg"))
    algorithm = named if named in _KEYS or named in _HMAC else "RS256"
    message = f"{_encoded({**header, 'alg': algorithm})}.{payload}"
    key = secret if algorithm in _HMAC else _key(_KEYS[algorithm])
    return f"{message}.{_base64(jwt.get_algorithm_by_name(algorithm).sign(message.encode(), key))}"


_HMAC = ("HS256", "HS384", "HS512")
_KEYS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "rsa"),
    "ES256": "p-256",
    "ES384": "p-384",
    "ES512": "p-521",
    "EdDSA": "ed25519",
}


@cache
def _key(kind: str) -> Any:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    curves = {"p-256": ec.SECP256R1(), "p-384": ec.SECP384R1(), "p-521": ec.SECP521R1()}
    return ec.generate_private_key(curves[kind])


def _public_jwk() -> dict[str, Any]:
    return dict(jwt.algorithms.RSAAlgorithm.to_jwk(_key("rsa").public_key(), as_dict=True))


def _object(part: str) -> dict[str, Any]:
    """Return the JSON value of a part of a JWT, which is an object if the part is a right one."""
    value: dict[str, Any] = json.loads(_decoded(part))
    return value


def _encoded(value: object) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
