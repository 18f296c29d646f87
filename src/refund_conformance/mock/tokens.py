"""Issue and read the JSON Web Tokens that prove who calls."""

import binascii
import math
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Literal

import jwt

from refund_conformance.mock.keyring import KeyRing
from refund_conformance.mock.keys import Key

ALGORITHM = "RS256"
ISSUER = "refund-conformance-mock"
DAY = 24 * 60 * 60

_MOST_VERIFIED = 1024
_UNREADABLE = (jwt.PyJWTError, ArithmeticError, AttributeError, RecursionError, TypeError, ValueError)
"""What reading a token raises where its parts, though signed, are not what the standard has."""


class TokenRefusedError(Exception):
    """A token that proves nothing: error 1007 if it is not valid, 1009 if it has expired."""

    def __init__(self, code: Literal[1007, 1009], reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class _Verified:
    """What a token said whose signature was right."""

    user: str
    expires: float
    key: str


@dataclass(frozen=True)
class Tokens:
    """Signs with the newest of its keys and accepts what any of them signed. ``seconds`` is a token's life."""

    keys: KeyRing
    seconds: float = DAY
    _verified: dict[str, _Verified] = field(default_factory=dict, repr=False)
    _revoked: set[str] = field(default_factory=set, repr=False)

    def issue(self, username: str, seconds: float | None = None) -> str:
        """Return a token for the user, living for ``seconds``; a negative life makes one that has expired."""
        life = self.seconds if seconds is None else seconds
        now = time.time()
        born = now if life >= 0 else now + life - DAY
        claims = {"iss": ISSUER, "sub": username, "iat": int(born), "exp": math.ceil(now + life)}
        key = self.keys.newest
        return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.id})

    def issue_refresh_token(self, username: str) -> str:
        """Return a token that gets another one, and is none for the API: it names no issuer."""
        key, claims = self.keys.newest, {"sub": username, "use": "refresh", "exp": math.ceil(time.time()) + DAY}
        return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.id})

    def read(self, token: str) -> str:
        """Return the user whom the token names, or raise TokenRefusedError.

        A token that was verified is known again by its whole text, so that its signature is checked but once; its
        expiry and its key are checked each time.
        """
        known = self._verified.get(token)
        if known is None:
            known = self._verify(token)
            if len(self._verified) >= _MOST_VERIFIED:
                self._verified.clear()
            self._verified[token] = known
        if token in self._revoked:
            raise TokenRefusedError(1007, "revoked")
        if known.expires <= time.time():
            raise TokenRefusedError(1009, "expired")
        self._key(known.key)
        return known.user

    def revoke(self, token: str) -> None:
        """Refuse a token from now on; raise TokenRefusedError for one that is refused anyway."""
        self.read(token)
        self._revoked.add(token)

    def forgive(self) -> None:
        """Accept again what was revoked."""
        self._revoked.clear()

    def _verify(self, token: str) -> _Verified:
        if not is_canonical(token):
            raise TokenRefusedError(1007, "not three parts of canonical base64url")
        try:
            named = jwt.get_unverified_header(token).get("kid")
        except _UNREADABLE as problem:
            raise TokenRefusedError(1007, f"{type(problem).__name__}: {problem}") from None
        key = self._key(named)
        try:
            claims = jwt.decode(
                token,
                key.public,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                options={"require": ["exp", "sub", "iss"]},
            )
            return _Verified(str(claims["sub"]), float(claims["exp"]), key.id)
        except jwt.ExpiredSignatureError:
            raise TokenRefusedError(1009, "expired") from None
        except _UNREADABLE as problem:
            raise TokenRefusedError(1007, f"{type(problem).__name__}: {problem}") from None

    def _key(self, id_: object) -> Key:
        key = self.keys.find(id_)
        if key is None:
            raise TokenRefusedError(1007, "signed with a key that is not ours")
        return key


def named_user(header: str) -> str:
    """Return the user whom the token at the end of a header's value names, unverified; "" without one."""
    try:
        claims = jwt.decode(header.rpartition(" ")[2], options={"verify_signature": False})
    except _UNREADABLE:
        return ""
    user = claims.get("sub")
    return user if isinstance(user, str) else ""


def is_canonical(token: str) -> bool:
    """Tell whether the token is three parts, each the one base64url text of its bytes.

    Without this a signature could be changed in the bits that decoding throws away, and still be valid.
    """
    parts = token.split(".")
    return len(parts) == 3 and all(map(_is_canonical_part, parts))


def _is_canonical_part(part: str) -> bool:
    try:
        text = part.encode("ascii")
        decoded = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except (UnicodeEncodeError, binascii.Error):
        return False
    return bool(part) and urlsafe_b64encode(decoded).rstrip(b"=") == text
