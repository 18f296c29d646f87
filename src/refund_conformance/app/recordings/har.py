"""HTTP archives (HAR 1.2), as browsers and proxies write them, and single entries of them."""

from collections.abc import Iterator
from typing import Any

from refund_conformance.app.recordings.messages import (
    decoded,
    fields,
    got_body,
    origin_and_target,
    seconds,
    sent_body,
    told_length,
    unix_time,
    unpacked,
)
from refund_conformance.cases.recorded.exchange import Answer, Recorded
from refund_conformance.contract import documents
from refund_conformance.contract.errors import UsageError

EMPTY = frozenset({204, 304})
"""Statuses of answers without a body."""


def is_archive(value: object) -> bool:
    """Whether a JSON value is a HAR file's."""
    log = value.get("log") if isinstance(value, dict) else None
    return isinstance(log, dict) and "entries" in log


def is_entry(value: object) -> bool:
    """Whether a JSON value is an entry of a HAR file."""
    return isinstance(value, dict) and "request" in value and "event" not in value


def archive(value: Any, name: str) -> Iterator[Recorded]:
    """Yield the exchanges of a HAR file, called ``name``. Raises UsageError for a broken entry, naming it."""
    entries = value["log"]["entries"]
    if not isinstance(entries, list):
        raise UsageError(f"{name}: log.entries", "is no array", "Export the archive again.")
    for number, row in enumerate(entries, 1):
        yield entry(row, name, f"entry {number}")


def entry(value: Any, name: str, place: str) -> Recorded:
    """Return the exchange of one entry. Raises UsageError, naming place and member, if it is none."""
    documents.check(value, "recorded-entry", f"{name}: {place}", UsageError)
    request = value["request"]
    headers = fields(request.get("headers", ()), "name")
    origin, target = origin_and_target(request["url"])
    earliest = unix_time(value.get("startedDateTime"))
    return Recorded(
        source=f"{name}, {place}",
        recorder=name,
        origin=origin,
        method=request["method"],
        target=target,
        headers=headers,
        body=_sent(request, f"{name}: {place}: request.postData.text"),
        answer=_answer(value.get("response"), f"{name}: {place}: response.content.text"),
        earliest=earliest,
        latest=None if earliest is None else earliest + seconds(value.get("time")),
    )


def _sent(request: Any, what: str) -> bytes | None:
    posted = request.get("postData")
    length = told_length(fields(request.get("headers", ()), "name"), request.get("bodySize"))
    if not isinstance(posted, dict) or not isinstance(posted.get("text"), str):
        return sent_body(None, length, is_raw=False)
    if posted["text"] == "" and length != 0:
        return None
    is_raw = posted.get("encoding") == "base64"
    return sent_body(unpacked(posted["text"], posted.get("encoding"), what), length, is_raw=is_raw)


def _answer(response: Any, what: str) -> Answer | None:
    if not isinstance(response, dict) or not response.get("status"):
        return None
    headers, content = fields(response.get("headers", ()), "name"), response.get("content") or {}
    text = content.get("text")
    if isinstance(text, str) and (text or content.get("size") == 0):
        body = decoded(unpacked(text, content.get("encoding"), what), headers)
        body = None if body is None else got_body(body, told_length((), content.get("size")))
    else:
        is_empty = response["status"] in EMPTY or told_length(headers, content.get("size")) == 0
        body = b"" if is_empty else None
    return Answer(response["status"], str(response.get("statusText") or ""), headers, body)
