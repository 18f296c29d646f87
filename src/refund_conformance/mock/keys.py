"""The RSA keys that sign tokens."""

from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

BITS = 2048


@dataclass(frozen=True)
class Key:
    """A signing key; ``id`` is what a token's ``kid`` names it by."""

    private: RSAPrivateKey

    @cached_property
    def public(self) -> RSAPublicKey:
        """The half that others may know."""
        return self.private.public_key()

    @cached_property
    def id(self) -> str:
        """A short digest of the public key."""
        return sha256(self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()[:16]

    @cached_property
    def pem(self) -> str:
        """The private key as PKCS #8 text."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")

    @cached_property
    def jwk(self) -> dict[str, Any]:
        """The public key as a JSON Web Key."""
        numbers = jwt.algorithms.RSAAlgorithm.to_jwk(self.public, as_dict=True)
        return {"kty": "RSA", "n": numbers["n"], "e": numbers["e"], "kid": self.id, "use": "sig", "alg": "RS256"}


def new_key() -> Key:
    """Make a key; a tenth of a second, more or less."""
    return Key(generate_private_key(public_exponent=65537, key_size=BITS))


def key_from(pem: str) -> Key:
    """Read a key from its PEM text."""
    private = load_pem_private_key(pem.encode("ascii"), password=None)
    if not isinstance(private, RSAPrivateKey):
        raise TypeError(f"{type(private).__name__} is no RSA key")
    return Key(private)


@cache
def process_key() -> Key:
    """The one key of a process whose mocks keep nothing: made when first asked for."""
    return new_key()
