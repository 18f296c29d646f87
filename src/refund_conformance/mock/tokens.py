"""Issue and read the JSON Web Tokens that prove who calls."""

import binascii
import math
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import jwt

from refund_conformance.mock.keys import Key

ALGORITHM = "RS256"
ISSUER = "refund-conformance-mock"
DAY = 24 * 60 * 60


class TokenRefusedError(Exception):
    """A token that proves nothing: error 1007 if it is not valid, 1009 if it has expired."""

    def __init__(self, code: Literal[1007, 1009], reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Tokens:
    """Signs with the newest of its keys and accepts what any of them signed.

    ``keys`` is called for each use, newest first, so that a rotation takes effect at once. ``seconds`` is a
    token's life.
    """

    keys: Callable[[], Sequence[Key]]
    seconds: float = DAY

    def issue(self, username: str, seconds: float | None = None) -> str:
        """Return a token for the user, living for ``seconds``; a negative life makes one that has expired."""
        life = self.seconds if seconds is None else seconds
        now = time.time()
        born = now if life >= 0 else now + life - DAY
        claims = {"iss": ISSUER, "sub": username, "iat": int(born), "exp": math.ceil(now + life)}
        key = self.keys()[0]
        return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.id})

    def read(self, token: str) -> str:
        """Return the user whom the token names, or raise TokenRefusedError."""
        if not is_canonical(token):
            raise TokenRefusedError(1007, "not three parts of canonical base64url")
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(
                token,
                self._key(header.get("kid")).public,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                options={"require": ["exp", "sub", "iss"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenRefusedError(1009, "expired") from None
        except (jwt.InvalidTokenError, ValueError, RecursionError) as problem:
            raise TokenRefusedError(1007, f"{type(problem).__name__}: {problem}") from None
        return str(claims["sub"])

    def _key(self, id_: object) -> Key:
        for key in self.keys():
            if key.id == id_:
                return key
        raise TokenRefusedError(1007, "signed with a key that is not ours")


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
