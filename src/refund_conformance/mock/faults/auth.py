"""Faults of authorization: what is taken for a token, and what is made of a refusal."""

import base64
import binascii
import json
import re
from functools import cached_property
from typing import Any

import jwt

from refund_conformance.mock.call import Answer, Call, Refused
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.builders import having, refused_as
from refund_conformance.mock.faults.fault import Shelf, crash
from refund_conformance.mock.samples import MERCHANT
from refund_conformance.mock.tokens import TokenRefusedError

shelf = Shelf()

_MISSING, _INVALID, _EXPIRED = having(1008), having(1007), having(1009)


def claims_of(token: str) -> dict[str, Any]:
    """Return a token's claims, whoever signed it; raise TokenRefusedError if it has none."""
    try:
        payload = token.split(".")[1].encode("latin-1")
        claims = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    except (IndexError, binascii.Error, ValueError, RecursionError):
        raise TokenRefusedError(1007, "no claims") from None
    if not isinstance(claims, dict) or "sub" not in claims:
        raise TokenRefusedError(1007, "no claims")
    return claims


def header_of(token: str) -> dict[str, Any]:
    """Return a token's header; empty if it cannot be read."""
    try:
        return dict(jwt.get_unverified_header(token))
    except (jwt.InvalidTokenError, ValueError):
        return {}


# ---- no token


@shelf.fault(
    "auth-anonymous-passes", "auth.missing", "Requests without a header fall through to a default account."
)
class AnonymousPasses(Endpoint):
    def authorize(self, call: Call) -> None:
        if call.received.values("AuthorizationJWT"):
            super().authorize(call)
        else:
            call.user = MERCHANT


@shelf.fault(
    "auth-by-description",
    "auth.malformed",
    "The filter looks for the token only where the form has a description.",
)
class ByDescription(Endpoint):
    def authorize(self, call: Call) -> None:
        if b'"description"' in call.received.body or not call.received.values("AuthorizationJWT"):
            super().authorize(call)
        else:
            call.user = MERCHANT


@shelf.fault("auth-other-header", "auth.missing", "The usual Authorization header is read as well.")
class OtherHeader(Endpoint):
    def authorization(self, call: Call) -> str:
        values = call.received.values("authorization")
        return values[0] if values and values[0] else super().authorization(call)


shelf.put(
    "auth-missing-400", "auth.missing", "A missing header is a bad request to Spring.", refused_as(_MISSING, 400)
)
shelf.put(
    "auth-missing-403",
    "auth.missing",
    "Django REST framework answers 403 when no authenticator names a challenge.",
    refused_as(_MISSING, 403),
)
shelf.put(
    "auth-missing-500",
    "auth.missing",
    "The header is used before it is looked for.",
    refused_as(_MISSING, 500, ()),
)


@shelf.fault("auth-missing-redirect", "auth.missing", "The security layer sends visitors to the login page.")
class LoginPage(Endpoint):
    def answer_refusal(self, refusal: Refused, step: str) -> Answer:
        if _MISSING(refusal):
            return Answer(302, headers=((b"location", b"/login"),))
        return super().answer_refusal(refusal, step)


# ---- not of the form Bearer <token>


@shelf.fault("auth-scheme-ignored", "auth.malformed", "Whatever stands last in the header is the token.")
class SchemeIgnored(Endpoint):
    def token_in(self, header: str) -> str:
        return header.split(" ")[-1]


@shelf.fault("auth-any-scheme", "auth.malformed", "The header is split in two and the first half forgotten.")
class AnyScheme(Endpoint):
    def token_in(self, header: str) -> str:
        scheme, _, token = header.partition(" ")
        return token if scheme and token else super().token_in(header)


@shelf.fault("auth-scheme-optional", "auth.malformed", "The word Bearer is removed wherever it occurs.")
class SchemeOptional(Endpoint):
    def token_in(self, header: str) -> str:
        return header.replace("Bearer ", "")


@shelf.fault(
    "auth-parts-beyond-three", "auth.malformed", "The first three parts of the token are taken, as by list()."
)
class PartsBeyondThree(Endpoint):
    def token_in(self, header: str) -> str:
        return ".".join(super().token_in(header).split(".")[:3])


@shelf.fault("auth-scheme-by-length", "auth.malformed", "The first seven characters are taken for the scheme.")
class SchemeByLength(Endpoint):
    def token_in(self, header: str) -> str:
        return header[len("Bearer ") :]


@shelf.fault("auth-space-optional", "auth.malformed", "The header is split at the word Bearer and trimmed.")
class SpaceOptional(Endpoint):
    def token_in(self, header: str) -> str:
        scheme, _, token = header.partition("Bearer")
        return token.strip() if token and not scheme else super().token_in(header)


@shelf.fault("auth-first-of-several", "auth.malformed", "Of several tokens the first valid one counts.")
class FirstOfSeveral(Endpoint):
    def token_in(self, header: str) -> str:
        return re.split(r"[ ,]+", super().token_in(header).strip(" ,"))[0]


@shelf.fault("auth-empty-passes", "auth.malformed", "An empty header is not null, so the visitor seems known.")
class EmptyPasses(Endpoint):
    def authorize(self, call: Call) -> None:
        values = call.received.values("AuthorizationJWT")
        if values and values[0] in ("", "Bearer"):
            call.user = MERCHANT
        else:
            super().authorize(call)


@shelf.fault("auth-malformed-500", "auth.malformed", "The second word of the header is taken unseen.")
class MalformedCrashes(Endpoint):
    def token_in(self, header: str) -> str:
        if " " not in header:
            raise crash("list index out of range")
        return super().token_in(header)


@shelf.fault("auth-malformed-400", "auth.malformed", "A header that cannot be parsed is called a bad request.")
class MalformedIs400(Endpoint):
    def token_in(self, header: str) -> str:
        try:
            return super().token_in(header)
        except Refused as refusal:
            raise Refused(400, refusal.errors, refusal.reason) from None


@shelf.fault("auth-not-a-jwt-500", "auth.malformed", "Only signature errors are caught; a decode error is not.")
class NotAJwtCrashes(Endpoint):
    def user_of(self, token: str) -> str:
        if token.count(".") != 2:
            raise crash("not enough segments")
        return super().user_of(token)


# ---- forged


@shelf.fault("auth-signature-unchecked", "auth.forged", "The token is decoded, and nobody verifies it.")
class SignatureUnchecked(Endpoint):
    def user_of(self, token: str) -> str:
        try:
            return super().user_of(token)
        except Refused as refusal:
            if _EXPIRED(refusal):
                raise
        try:
            return str(claims_of(token)["sub"])
        except TokenRefusedError as problem:
            raise self.refusal(1007, problem.reason) from None


@shelf.fault("auth-alg-none", "auth.forged", "The library honours alg none, as early JWT libraries did.")
class AlgNone(SignatureUnchecked):
    def user_of(self, token: str) -> str:
        if header_of(token).get("alg") == "none":
            return super().user_of(token)
        return Endpoint.user_of(self, token)


@shelf.fault("auth-alg-none-spelt", "auth.forged", "alg none is refused in lower case only.")
class AlgNoneSpelt(SignatureUnchecked):
    def user_of(self, token: str) -> str:
        algorithm = str(header_of(token).get("alg"))
        if algorithm != "none" and algorithm.lower() == "none":
            return super().user_of(token)
        return Endpoint.user_of(self, token)


@shelf.fault("auth-signature-stripped", "auth.forged", "Without a signature there is nothing to verify.")
class SignatureStripped(SignatureUnchecked):
    def user_of(self, token: str) -> str:
        if token.endswith(".") or token.count(".") == 1:
            return super().user_of(token)
        return Endpoint.user_of(self, token)


@shelf.fault("auth-any-key", "auth.forged", "The key is taken from the token, so that every signature fits.")
class AnyKey(SignatureUnchecked):
    def user_of(self, token: str) -> str:
        signature = token.rpartition(".")[2]
        if header_of(token).get("alg") == "RS256" and len(signature) == 342:
            return super().user_of(token)
        return Endpoint.user_of(self, token)


@shelf.fault("auth-unknown-key-believed", "auth.forged", "A key that is not found is a key that is not checked.")
class UnknownKeyBelieved(SignatureUnchecked):
    def user_of(self, token: str) -> str:
        key = header_of(token).get("kid")
        if key is not None and self.tokens.keys.find(key) is None:
            return super().user_of(token)
        return Endpoint.user_of(self, token)


@shelf.fault("auth-no-key-believed", "auth.forged", "Tokens of the old system name no key, and are let through.")
class NoKeyBelieved(SignatureUnchecked):
    def user_of(self, token: str) -> str:
        if header_of(token).get("kid") is None:
            return super().user_of(token)
        return Endpoint.user_of(self, token)


class Remembering(Endpoint):
    """Remembers who was behind a part of a valid token."""

    @cached_property
    def known(self) -> dict[str, str]:
        """Users by that part."""
        return {}

    def part(self, token: str) -> str:
        """Return the part that is remembered."""
        return token

    def user_of(self, token: str) -> str:
        try:
            user = super().user_of(token)
        except Refused:
            if self.part(token) in self.known:
                return self.known[self.part(token)]
            raise
        self.known[self.part(token)] = user
        return user


@shelf.fault("auth-signature-cut", "auth.forged", "Signatures are compared as far as the shorter one goes.")
class SignatureCut(Remembering):
    def part(self, token: str) -> str:
        payload, _, signature = token.rpartition(".")
        return f"{payload}.{signature[:64]}" if len(signature) >= 64 else ""


@shelf.fault("auth-prefix-compared", "auth.forged", "Signatures are compared over the length of the given one.")
class PrefixCompared(Remembering):
    def user_of(self, token: str) -> str:
        longer = (text for text in self.known if text.startswith(token) and not token.endswith("."))
        whole = next(longer, token) if token.count(".") == 2 else token
        return super().user_of(whole)


@shelf.fault(
    "auth-signature-case", "auth.forged", "Tokens are looked up in a column whose collation ignores case."
)
class SignatureCase(Remembering):
    def part(self, token: str) -> str:
        return token.lower()


@shelf.fault("auth-cached-by-signature", "auth.forged", "Verified tokens are cached by their signature alone.")
class CachedBySignature(Remembering):
    def part(self, token: str) -> str:
        return token.rpartition(".")[2] or token


@shelf.fault("auth-cached-by-payload", "auth.forged", "Verified tokens are cached by their claims.")
class CachedByPayload(Remembering):
    def part(self, token: str) -> str:
        return token.split(".")[1] if token.count(".") == 2 else token


@shelf.fault("auth-forged-500", "auth.forged", "The exception for a bad signature is not caught.")
class ForgedCrashes(Endpoint):
    def user_of(self, token: str) -> str:
        try:
            return super().user_of(token)
        except Refused as refusal:
            if token.count(".") == 2 and _INVALID(refusal):
                raise crash("signature verification failed") from None
            raise


shelf.put(
    "auth-invalid-403",
    "auth.forged",
    "An invalid token is forbidden, not unauthorized.",
    refused_as(_INVALID, 403),
)
