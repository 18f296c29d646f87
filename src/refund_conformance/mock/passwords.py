"""Keep passwords as salted scrypt hashes."""

import hashlib
import hmac
import secrets

_COST, _BLOCK, _LANES = 2**12, 8, 1  # a test server's users: slow enough to be real, quick enough to start


def hashed(password: str) -> str:
    """Return the hash with its salt and cost, as it is stored."""
    salt = secrets.token_bytes(16)
    return f"scrypt${_COST}${_BLOCK}${_LANES}${salt.hex()}${_digest(password, salt, _COST, _BLOCK, _LANES).hex()}"


def matches(password: str, stored: str) -> bool:
    """Tell whether the stored hash is that of the password."""
    _, cost, block, partitions, salt, digest = stored.split("$")
    found = _digest(password, bytes.fromhex(salt), int(cost), int(block), int(partitions))
    return hmac.compare_digest(found, bytes.fromhex(digest))


def _digest(password: str, salt: bytes, cost: int, block: int, partitions: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"), salt=salt, n=cost, r=block, p=partitions, dklen=32
    )
