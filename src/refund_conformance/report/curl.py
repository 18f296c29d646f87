"""Write a recorded request as a shell command: exact bytes, secrets as variables."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from refund_conformance.transport.redaction import MARK

LONGEST = 8000
"""Characters of a command at most; a longer one helps nobody."""

_PLAIN_TARGET = re.compile(r"/[A-Za-z0-9/._~%+,;:@=&?-]*")
_NAMED = {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x27: "\\'", 0x5C: "\\\\"}


def command(base_url: str, request: Mapping[str, Any], secret: str) -> str | None:
    """Return the curl command for a request, or None if it would be longer than LONGEST.

    ``secret`` is the shell variable that stands where a secret was. An empty ``base_url`` becomes $BASE_URL.
    """
    base = _word(base_url.encode()) if base_url else '"$BASE_URL"'
    parts = ["curl --include --http1.1 --path-as-is --globoff --request " + _word(request["method"].encode())]
    parts.append(_url(base, request["target"], secret))
    parts += [f"--header {_header(name, value, secret)}" for name, value in request["headers"]]
    if not any(name.lower() == "content-type" for name, _ in request["headers"]):
        parts.append("--header 'Content-Type:'")
    body = raw(request)
    if b"\0" in body:
        parts.append("--data-binary @-")
        parts[0] = f"{_printf(body)} |\n{parts[0]}"
    else:
        option = "--data-raw" if body.startswith(b"@") else "--data-binary"  # an @ would name a file
        parts.append(f"{option} {_with_secret(request['body'], request['encoding'], secret)}")
    text = " \\\n  ".join(parts)
    return text if len(text) <= LONGEST else None


def raw(message: Mapping[str, Any]) -> bytes:
    """Return the bytes of a recorded body, as far as they were kept."""
    encoding: str = message["encoding"]
    return str(message["body"]).encode(encoding, "surrogatepass" if encoding == "utf-8" else "replace")


def _url(base: str, target: str, secret: str) -> str:
    if _PLAIN_TARGET.fullmatch(target):
        return base + _with_secret(target, "utf-8", secret)
    return f"--request-target {_with_secret(target, 'utf-8', secret)} {base}/"


def _header(name: str, value: str, secret: str) -> str:
    if not value:
        return _word(f"{name};".encode("latin-1", "replace"))
    return _with_secret(f"{name}: {value}", "latin-1", secret)


def _with_secret(text: str, encoding: str, secret: str) -> str:
    """Return a shell word with the variable ``secret`` wherever a secret was taken out."""
    errors = "surrogatepass" if encoding == "utf-8" else "replace"
    words: Sequence[str] = [_word(part.encode(encoding, errors)) if part else "" for part in text.split(MARK)]
    return f'"${secret}"'.join(words) or "''"


def _word(content: bytes) -> str:
    """Return a shell word for bytes without NUL: in plain quotes if they are printable, else as $'…'."""
    if all(0x20 <= byte < 0x7F and byte != 0x27 for byte in content):
        text = content.decode("ascii")
        return text if re.fullmatch(r"[A-Za-z0-9_/.:@%+=-]+", text) else f"'{text}'"
    return "$'" + "".join(_escaped(byte) for byte in content) + "'"


def _escaped(byte: int) -> str:
    if byte in _NAMED:
        return _NAMED[byte]
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"


def _printf(body: bytes) -> str:
    """Return a printf command for bytes that no shell word can hold. Octal escapes are three digits, always."""
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in b"%\\'" else f"\\{byte:03o}" for byte in body)
    return f"printf '{text}'"
