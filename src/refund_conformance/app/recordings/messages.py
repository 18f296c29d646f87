"""Parts of recorded messages, as every format has them: headers, URLs, times, and bodies that may not be whole."""

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from refund_conformance.cases.recorded.authorization import MASK
from refund_conformance.cases.recorded.exchange import values
from refund_conformance.contract.errors import UsageError
from refund_conformance.contract.json_text import parse
from refund_conformance.transport.exchange import Headers

LARGEST_ANSWER = 4 * 1024 * 1024
"""Bytes of a body that are unpacked at most."""

MOST_MILLISECONDS = 1e15
"""Milliseconds that are a time; more are something else."""

REPLACED = "\N{REPLACEMENT CHARACTER}"
"""What stands in a text where bytes were that are no text."""

_URL = re.compile(r"(https?)://(?:[^/?#@]*@)?([^/?#]*)([^#]*)", re.IGNORECASE | re.DOTALL)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def fields(rows: Iterable[Mapping[str, Any]], name: str) -> Headers:
    """Return the header fields of rows that have them as ``name`` and "value"."""
    return tuple((str(row[name]), str(row["value"])) for row in rows)


def origin_and_target(url: str) -> tuple[str, str]:
    """Return scheme, host and port of a URL, and what is asked for there; no host if it is none of HTTP's."""
    match = _URL.match(url)
    if match is None:
        return "", url
    scheme, host = match[1].lower(), match[2].lower()
    target = match[3] if match[3].startswith("/") else f"/{match[3]}"
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS[scheme])}", target


def unix_time(text: object) -> float | None:
    """Return the Unix time of a date and time with its zone; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None


def seconds(milliseconds: object) -> float:
    """Return milliseconds as seconds; 0 for anything that is no time."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return 0.0
    return milliseconds / 1000 if 0 <= milliseconds < MOST_MILLISECONDS else 0.0


def unpacked(text: str, encoding: object, what: str) -> bytes:
    """Return the bytes of a body that a JSON file holds. Raises UsageError if it is not base64 that should be."""
    if encoding != "base64":
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise UsageError(what, "is not base64", "Record it again, or take the entry out.") from problem


def told_length(headers: Headers, size: object = None) -> int | None:
    """Return how many bytes a body had, by its header or else as the recorder counted; None if nobody says."""
    told = values(headers, "Content-Length")
    if len(told) == 1 and re.fullmatch("[0-9]{1,15}", told[0]):
        return int(told[0])
    return size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None


def sent_body(body: bytes | None, length: int | None, *, is_raw: bool) -> bytes | None:
    """Return a request's body if the recording has it as it was sent; None if that is not sure.

    A recorder that is not ``is_raw`` keeps texts: what was no text is lost there, and if there is none, it may
    have been left out.
    """
    if body is None:
        return b"" if length == 0 or (is_raw and length is None) else None
    if MASK.encode() in body or (length is not None and length != len(body)):
        return None
    if is_raw:
        return body
    if REPLACED.encode() in body:
        return None
    return body if length is not None or _is_json(body) else None


def _is_json(body: bytes) -> bool:
    try:
        parse(body)
    except ValueError:
        return False
    return True


def got_body(body: bytes, length: int | None) -> bytes | None:
    """Return an answer's body if all of it was recorded; None if it was longer."""
    return None if length is not None and length > len(body) else body


def decoded(body: bytes, headers: Headers) -> bytes | None:
    """Return an answer's body without its content coding; None if it cannot be had.

    Some recorders keep bodies as they were sent, others decode them and leave the header as it was.
    """
    coding = ",".join(values(headers, "Content-Encoding")).strip().lower()
    if coding in ("", "identity"):
        return body
    if coding in ("gzip", "x-gzip") and body.startswith(b"\x1f\x8b"):
        return _inflated(body, 31)
    if coding == "deflate" and body[:1] == b"\x78":
        return _inflated(body, 15)
    try:
        body.decode("utf-8")
    except ValueError:
        return None
    return body


def _inflated(body: bytes, window: int) -> bytes | None:
    unpacker = zlib.decompressobj(window)
    try:
        whole = unpacker.decompress(body, LARGEST_ANSWER)
    except zlib.error:
        return None
    return whole if unpacker.eof else None
