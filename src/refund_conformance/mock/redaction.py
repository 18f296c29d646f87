"""Take secrets out of what is remembered and logged of a request."""

import re
from urllib.parse import unquote_to_bytes

from refund_conformance.mock.call import Headers

REDACTED = "[redacted]"

_NAME = r"auth|cookie|credential|jwt|key|passw|secret|session|signature|token"
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
_TOKEN = re.compile(r"eyJ[\w-]{6,}(?:\.[\w-]*)*")
"""A JSON Web Token, whole or cut: its first part is an object in base64url."""

# Each begins where a name does and tries nothing twice: what is redacted may have been written to take long.
_PARAMETER = re.compile(r"(?<![\w.-])([\w.-]+)=[^&;/?\s]+")
_MEMBER = re.compile(r'"([^"\\]*)"(\s*:\s*)"(?:[^"\\]|\\.)*')


def redacted_text(text: str) -> str:
    """Return a text without tokens, and without the values of members whose names speak of secrets."""
    return _MEMBER.sub(_without_value, _TOKEN.sub(REDACTED, text))


def _without_value(match: re.Match[str]) -> str:
    if not _SECRET_NAME.search(match[1]):
        return match[0]
    return f'"{match[1]}"{match[2]}"{REDACTED}' if match.re is _MEMBER else f"{match[1]}={REDACTED}"


def redacted_path(path: bytes) -> str:
    """Return a path without tokens and secret parameters, percent-encoded ones too."""
    text = path.decode("latin-1")
    plain = unquote_to_bytes(path).decode("latin-1")
    without = _hidden(plain)
    return _hidden(text) if without == plain else without


def redacted_headers(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Return headers as text, those whose names speak of secrets without their values."""
    return tuple(_redacted_header(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def _redacted_header(name: str, value: str) -> tuple[str, str]:
    return name, REDACTED if _SECRET_NAME.search(name) else _hidden(value)


def _hidden(text: str) -> str:
    return _PARAMETER.sub(_without_value, _TOKEN.sub(REDACTED, text))
