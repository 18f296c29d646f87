"""What a failure shows: the request as it was sent, as a command to send it again, and what came back."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from refund_conformance.report import curl
from refund_conformance.report.escaping import Piece, pieces, plain

BODY_SHOWN = 1500
"""Characters of a body that a page shows."""

TELLING = 60
"""Characters from which on the length of a text is told; that of a text beyond ASCII always is."""

HEADERS_SHOWN = 20
HEADER_SHOWN = 200

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Message:
    """A request or an answer, made visible. ``line`` is its first line; ``size`` counts the body's bytes."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: tuple[Piece, ...]
    size: int
    note: str


@dataclass(frozen=True)
class Length:
    """How long a text in a JSON body is, in each unit that may be counted."""

    name: str
    characters: int
    utf8: int
    utf16: int


@dataclass(frozen=True)
class Evidence:
    """One exchange as a page shows it. ``answer`` is None if no whole one came; ``failure`` says why then."""

    number: int
    request: Message
    lengths: tuple[Length, ...]
    curl: str | None
    answer: Message | None
    failure: str
    milliseconds: float
    attempt: int


def evidence(event: Event, base_url: str, secret: str) -> Evidence:
    """Return an exchange event as evidence; ``secret`` is the shell variable for a secret that was taken out."""
    request, response = event["request"], event["response"]
    answer = _message(f"HTTP {response['status']} {response['reason']}", response) if response else None
    failure = plain(": ".join(filter(None, (event["failure"], event["detail"]))), 400) if not response else ""
    return Evidence(
        number=event["number"],
        request=_message(f"{request['method']} {request['target']}", request),
        lengths=tuple(_lengths(request)),
        curl=None if _cut(request) else curl.command(base_url, request, secret),
        answer=answer,
        failure=failure,
        milliseconds=event["seconds"] * 1000,
        attempt=event["attempt"],
    )


def weight(shown: Evidence) -> int:
    """Return about how many characters of HTML an exchange takes on a page."""
    texts = [shown.curl or "", shown.failure]
    marked = 0
    for message in filter(None, (shown.request, shown.answer)):
        texts += [message.line, *(f"{name}: {value}" for name, value in message.headers)]
        texts += [piece.text for piece in message.body]
        marked += len(message.headers) + sum(bool(piece.kind) for piece in message.body)
    return 1500 + 30 * marked + sum(len(escape(text)) for text in texts)


def same_request(one: Event, other: Event) -> bool:
    """Whether two exchanges sent the same, but for the order."""
    keys = ("method", "headers", "body", "bytes")
    return all(one["request"][key] == other["request"][key] for key in keys)


def same_answer(one: Event, other: Event) -> bool:
    """Whether two exchanges were answered alike, but for the headers."""
    answers = [event["response"] or {} for event in (one, other)]
    same = all(answers[0].get(key) == answers[1].get(key) for key in ("status", "body", "bytes"))
    return same and one["failure"] == other["failure"]


def size(event: Event) -> int:
    """Return a measure of how much there is to read in an exchange's request."""
    request = event["request"]
    return int(request["bytes"]) + len(request["target"]) + sum(len(value) for _, value in request["headers"])


def _message(line: str, message: Event) -> Message:
    headers = [(plain(name, 100), plain(value, HEADER_SHOWN)) for name, value in message["headers"]]
    kept = message["body"]
    notes = []
    if len(headers) > HEADERS_SHOWN:
        notes.append(f"{len(headers) - HEADERS_SHOWN} more headers are in events.jsonl")
    if len(kept) > BODY_SHOWN or _cut(message):
        notes.append(f"the body is shown up to its first {min(len(kept), BODY_SHOWN)} characters")
    if message["encoding"] == "latin-1":
        notes.append("the body is not UTF-8; bytes from 0x80 on are escapes")
    body = pieces(kept, message["encoding"], BODY_SHOWN)
    return Message(plain(line, 400), tuple(headers[:HEADERS_SHOWN]), body, message["bytes"], "; ".join(notes))


def _cut(message: Event) -> bool:
    """Whether the record does not hold the whole of a message. A body with a secret has another length."""
    longest = max((len(value) for _, value in message["headers"]), default=0)
    kept = len(curl.raw(message))
    return longest >= 4096 or len(message.get("target", "")) >= 4096 or (kept >= 4093 and kept < message["bytes"])


def _lengths(request: Event) -> Iterable[Length]:
    """Yield the lengths of the texts in a JSON body, where there is more to them than the eye sees."""
    try:
        body = json.loads(curl.raw(request))
    except (ValueError, RecursionError):
        return
    for name, value in list(body.items())[:8] if isinstance(body, dict) else ():
        if isinstance(value, str):
            utf8 = len(value.encode("utf-8", "surrogatepass"))
            if len(value) < TELLING and len(value) == utf8:
                continue  # the eye sees it
            yield Length(plain(name, 60), len(value), utf8, len(value.encode("utf-16-le", "surrogatepass")) // 2)
