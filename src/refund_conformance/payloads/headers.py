"""Content types that are not JSON's, and ways to write the authorization header wrongly."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from refund_conformance.exchange import Headers

AuthorizationForm = Callable[[str, str], Headers | None]
"""Takes the header's name and a valid token; returns the fields to send, None if the token allows no such."""

JSON_BODY_TYPES = {
    "text-plain": "text/plain",
    "text-json": "text/json",
    "text-xml": "text/xml",
    "xml": "application/xml",
    "html": "text/html",
    "javascript": "application/javascript",
    "octet-stream": "application/octet-stream",
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data; boundary=frontier",
    "jsonp": "application/jsonp",
    "json5": "application/json5",
    "x-json": "application/x-json",
    "json-patch": "application/json-patch+json",
    "vendor-json": "application/vnd.api+json",
    "ld-json": "application/ld+json",
    "json-seq": "application/json-seq",
    "subtype-only": "json",
    "wildcard": "application/*",
    "any": "*/*",
    "two-types": "application/json, text/plain",
    "two-types-json-last": "text/plain, application/json",
    "json-as-parameter": "text/plain; type=application/json",
}
"""Media types other than application/json, each sent with a body that is valid JSON."""


def bearer(header: str, token: str) -> Headers:
    """Return the header as it should be."""
    return ((header, f"Bearer {token}"),)


def absent(header: str, token: str) -> Headers:
    """Return no header at all."""
    return ()


def standard_header(header: str, token: str) -> Headers:
    """Return the token in the standard Authorization header, which this API does not read."""
    return (("Authorization", f"Bearer {token}"),)


def form(template: str) -> AuthorizationForm:
    """Return a form that writes the token into ``template`` in place of ``{token}``."""
    return lambda header, token: ((header, template.replace("{token}", token)),)


MALFORMED = {
    "empty": form(""),
    "no-scheme": form("{token}"),
    "basic-scheme": form("Basic {token}"),
    "token-scheme": form("Token {token}"),
    "jwt-scheme": form("JWT {token}"),
    "scheme-alone": form("Bearer"),
    "not-a-token": form("Bearer not-a-token"),
    "token-twice": form("Bearer {token} {token}"),
    "token-list": form("Bearer {token}, Bearer {token}"),
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
    "signature-first-byte",
    "signature-last-byte",
    "signature-cut",
    "signature-empty",
    "signature-missing",
    "other-key",
    "embedded-key",
    "weak-secret",
    "alg-none",
    "alg-None",
    "alg-NONE",
    "alg-nOnE",
    "alg-none-signed",
)
"""Slugs of the forgeries of a JWT; those of an opaque token are a part of them."""


def forged(slug: str) -> AuthorizationForm:
    """Return the form that sends the forgery of this name, which does not exist for every token."""

    def write(header: str, token: str) -> Headers | None:
        made = forgeries(token).get(slug)
        return bearer(header, made) if made else None

    return write


def _parts(token: str) -> tuple[dict[str, Any], str, str] | None:
    pieces = token.split(".")
    if len(pieces) != 3 or not all(pieces):
        return None
    try:
        header, payload = (json.loads(_decoded(piece)) for piece in pieces[:2])
        _decoded(pieces[2])
    except (ValueError, RecursionError):
        return None
    return (header, pieces[1], pieces[2]) if isinstance(header, dict) and isinstance(payload, dict) else None


def _jwt_forgeries(header: dict[str, Any], payload: str, signature: str) -> Iterator[tuple[str, str]]:
    head = _encoded(header)
    claims = json.loads(_decoded(payload))
    raw = bytearray(_decoded(signature))
    expiry = claims.get("exp")
    later = expiry + 1 if isinstance(expiry, int | float) else 4102444800
    yield "payload-changed", f"{head}.{_encoded({**claims, 'exp': later})}.{signature}"
    yield "signature-first-byte", f"{head}.{payload}.{_base64(bytes([raw[0] ^ 1]) + raw[1:])}"
    yield "signature-last-byte", f"{head}.{payload}.{_base64(raw[:-1] + bytes([raw[-1] ^ 1]))}"
    yield "signature-cut", f"{head}.{payload}.{_base64(bytes(raw[: len(raw) // 2]))}"
    yield "signature-empty", f"{head}.{payload}."
    yield "signature-missing", f"{head}.{payload}"
    yield "other-key", _signed(header, claims)
    yield "embedded-key", _signed({**header, "jwk": _public_jwk()}, claims, "RS256")
    yield "weak-secret", jwt.encode(claims, "secret".ljust(32, "t"), "HS256", {**header, "alg": "HS256"})
    for spelling in ("none", "None", "NONE", "nOnE"):
        yield f"alg-{spelling}", f"{_encoded({**header, 'alg': spelling})}.{payload}."
    yield "alg-none-signed", f"{_encoded({**header, 'alg': 'none'})}.{payload}.{signature}"


def _opaque_forgeries(token: str) -> Iterator[tuple[str, str]]:
    swapped = "B" if token[:1] == "A" else "A"
    yield "payload-changed", swapped + token[1:]
    yield "signature-last-byte", token[:-1] + ("B" if token[-1:] == "A" else "A")
    yield "signature-cut", token[: len(token) // 2]
    yield "other-key", _signed({"typ": "JWT", "alg": "RS256"}, {"sub": "merchant", "exp": 4102444800})
    yield "alg-none", f"{_encoded({'alg': 'none'})}.{_encoded({'sub': 'merchant', 'exp': 4102444800})}."


def _signed(header: Mapping[str, Any], claims: dict[str, Any], algorithm: str | None = None) -> str:
    """Sign with a key that is not the platform's, by the algorithm that the header names if we have it."""
    named = algorithm or str(header.get("alg"))
    others = {name: value for name, value in header.items() if name != "alg"}
    if named.startswith("HS"):
        return jwt.encode(claims, "not-the-platform-key".ljust(64, "."), named, others)
    if named.startswith("ES"):
        curve = {"ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}.get(named, ec.SECP256R1())
        known = named if named in ("ES384", "ES512") else "ES256"
        return jwt.encode(claims, ec.generate_private_key(curve), known, others)
    known = named if named in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512") else "RS256"
    return jwt.encode(claims, _key(), known, others)


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _public_jwk() -> dict[str, Any]:
    return dict(jwt.algorithms.RSAAlgorithm.to_jwk(_key().public_key(), as_dict=True))


def _encoded(value: Mapping[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(raw: bytes | bytearray) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
