"""What can be wrong with the body of a recorded request, and with its content type."""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from refund_conformance.cases.bodies import LONGEST_BODY, body_situation
from refund_conformance.cases.payloads.addresses import is_possible_email
from refund_conformance.cases.payloads.fields import utf16_length
from refund_conformance.cases.recorded.exchange import Recorded
from refund_conformance.cases.recorded.route import Part
from refund_conformance.contract.json_text import parse
from refund_conformance.contract.model import VALID, Contract, Field
from refund_conformance.oracle.situation import Situation

MOST_QUESTIONS = 5
"""Open questions that a body may touch; the answers to all of them multiply. One with more is not looked into."""

DEEP = 16
"""Levels of nesting from which on a target may refuse to read a value."""

HUGE = 2**53
"""A number from which on some readers take it for out of range."""

MANY = 50
"""Members of an object from which on a target may refuse it."""

ORDINARY_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")

RESERVED_DOMAINS = ("test", "invalid", "localhost", "local", "example", "onion", "arpa")
"""Last labels that are no domain of the Internet's, so that an address under them may be refused."""

_ORDINARY_EMAIL = re.compile(
    r"[A-Za-z0-9]+(?:[._+'-][A-Za-z0-9]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}"
)

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Content:
    """What can be wrong with a body.

    ``situations`` are those that it may be in, each with the body's part, fields and questions alone. ``document``
    is the object that was sent, None where it is none or unknown. If it ``is_open``, nothing is known for sure.
    """

    situations: tuple[Situation, ...]
    document: Body | None = None
    is_open: bool = False


OPEN = Content((Situation(questions=(("oversized-request", ""), ("unusual-members", ""))),), is_open=True)
"""A body of which nothing is known: what may be its matter is permitted."""


def content_type(contract: Contract, recorded: Recorded) -> Part:
    """Return what can be wrong with a request's content type."""
    right, values = VALID["content_type"], recorded.values("Content-Type")
    if not values:
        return Part("missing") if recorded.has_all_headers else Part(right, ("missing", "other"))
    if len(values) > 1:
        return Part(right, ("other",))
    value = values[0].strip()
    if not value:
        return Part("missing")
    media_type, separator, parameters = value.partition(";")
    asked = []
    if media_type.strip().lower() != contract.operation.media_type:
        return Part("other")
    if media_type.strip() != contract.operation.media_type:
        asked.append(("content-type-case", ""))
    if separator:
        asked.append(("content-type-parameters", ""))
    if not re.fullmatch(r"\s*(?:charset=\"?utf-?8\"?)?\s*;?\s*", parameters, re.IGNORECASE):
        asked.append(("unsupported-encoding", ""))
    return Part(right, (), tuple(asked))


def content(contract: Contract, recorded: Recorded) -> Content:
    """Return what can be wrong with a request's body."""
    coding = next(iter(recorded.values("Content-Encoding")), "identity").strip().lower()
    if recorded.body is None or coding not in ("", "identity"):
        return OPEN if coding in ("", "identity") else _asking(OPEN, ("unsupported-encoding", ""))
    chunked = (("chunked-body", ""),) if recorded.values("Transfer-Encoding") else ()
    found = _asking(_content(contract, recorded.body), *chunked)
    if len(recorded.body) > LONGEST_BODY:
        found = _asking(found, ("oversized-request", ""))
    if any(len(situation.questions) > MOST_QUESTIONS for situation in found.situations):
        return OPEN
    return found


def _asking(found: Content, *asked: tuple[str, str]) -> Content:
    def more(situation: Situation) -> Situation:
        return replace(situation, questions=tuple(dict.fromkeys((*situation.questions, *asked))))

    return replace(found, situations=tuple(map(more, found.situations)))


def _content(contract: Contract, body: bytes) -> Content:
    if body.startswith(b"\xef\xbb\xbf"):
        return _asking(_content(contract, body[3:]), ("byte-order-mark", ""))
    if re.match(rb"\xff\xfe|\xfe\xff|\0[^\0]|[^\0]\0", body):
        return _wide(contract, body)
    try:
        text = body.decode("utf-8")
        members, value = _read(text)
        if isinstance(value, dict):
            return _object(contract, members, value)
    except ValueError:
        return Content((Situation(body="malformed"),)) if _is_malformed(body) else OPEN
    except RecursionError:
        return OPEN
    return OPEN if _depth(value) > DEEP else Content((Situation(body="not-an-object"),))


def _is_malformed(body: bytes) -> bool:
    """Whether a body that could not be read is no JSON by any reading: huge and deep texts may be."""
    try:
        parse(body)
    except ValueError as problem:
        return "nests" not in str(problem) and "digits" not in str(problem)
    return False


def _wide(contract: Contract, body: bytes) -> Content:
    try:
        text = body.decode("utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else json.detect_encoding(body))
        found = _content(contract, text.encode())
    except ValueError:
        return Content((Situation(body="malformed"),))
    return _asking(found, ("utf16-json", ""))


Members = list[tuple[str, Any]]


def _read(text: str) -> tuple[Members, Any]:
    """Return the members of the outermost object, each time that one stands there, and the value.

    Raises ValueError and RecursionError as json does.
    """
    latest: list[Members] = [[]]

    def pairs(members: Members) -> dict[str, Any]:
        latest[0] = members
        return dict(members)

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    value = json.loads(text, object_pairs_hook=pairs, parse_constant=refuse, parse_int=_integer)
    return latest[0] if isinstance(value, dict) else [], value


def _integer(digits: str) -> int:
    """Return an integer; a huge one is read as one that is no less out of any range."""
    return int(digits) if len(digits) < 100 else 10**100


def _object(contract: Contract, members: Members, value: dict[str, Any]) -> Content:
    names = [name for name, _ in members]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(names) < MANY else ["*"]
    if len(names) < MANY and any(names.count(name) > 2 for name in twice):
        return OPEN
    first = dict(reversed(members))
    asked = tuple(_questions(contract, value, twice))
    bodies = [value] if first == value else [value, first]
    found: list[Situation] = []
    for body in bodies:
        situation = body_situation(contract, body)
        if len(situation.questions) + len(asked) > MOST_QUESTIONS:
            return OPEN
        plain = replace(situation, questions=tuple(dict.fromkeys((*situation.questions, *asked))))
        found.append(plain)
        found += [plain.with_invalid(name) for name in _doubtful(contract, body) if name not in plain.invalid]
        found += [replace(plain, invalid=plain.invalid - {name}) for name in _quoted(contract, body)]
    return Content(tuple(dict.fromkeys(found)), value)


def _questions(contract: Contract, body: Body, twice: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the open questions that an object touches, beside those about unknown fields."""
    yield from (("duplicate-keys", name) for name in twice)
    if len(body) >= MANY or not all(map(ORDINARY_NAME.fullmatch, body)):
        yield "unusual-members", ""
    for name, value in body.items():
        if _depth(value) > DEEP:
            yield "deep-nesting", name
        if any(abs(number) >= HUGE for number in _numbers(value)):
            yield "number-range", name
        texts = "".join(_texts(value)) + name
        if any("\ud800" <= letter <= "\udfff" for letter in texts):
            yield "lone-surrogate", name
        if "\0" in texts:
            yield "nul-character", name
        if isinstance(value, dict | list) and _has_objects(value):
            yield "duplicate-keys", name  # whether a name stands twice in it is not looked at
        field = contract.fields.get(name)
        if field is not None and isinstance(value, str):
            yield from _of_text(field, value)


def _of_text(field: Field, value: str) -> Iterator[tuple[str, str]]:
    limit = field.schema.get("maxLength", len(value))
    is_email = field.schema.get("format") == "email"
    if is_email and not value.isascii() and is_possible_email(value):
        yield "international-email", field.name
    if len(value) <= limit < utf16_length(value.encode("utf-16", "replace").decode("utf-16")):
        yield "character-unit", field.name
    if not value.strip() and not field.required:
        yield "empty-description", field.name


def _doubtful(contract: Contract, body: Body) -> Iterator[str]:
    """Yield the fields whose value a target may find invalid, though it is not invalid by any reading."""
    for field in contract.fields.values():
        value = body.get(field.name)
        if not isinstance(value, str):
            continue
        if field.schema.get("format") == "email":
            if not is_ordinary_email(value):
                yield field.name
        elif any(unicodedata.category(letter) in ("Cc", "Cs", "Cn", "Co") for letter in value.translate(_USUAL)):
            yield field.name


def _quoted(contract: Contract, body: Body) -> Iterator[str]:
    """Yield the fields with an address in whose quotes anything may stand (RFC 5321, 4.1.2)."""
    for field in contract.fields.values():
        value = body.get(field.name)
        if not isinstance(value, str) or field.schema.get("format") != "email":
            continue
        if re.fullmatch('".+"@[^"@]+', value) and len(value) <= field.schema.get("maxLength", len(value)):
            yield field.name


_USUAL = dict.fromkeys(map(ord, "\t\n\r\x7f"), " ")
"""Control characters that a text may have for sure."""


def is_ordinary_email(value: str) -> bool:
    """Whether a text is an address that no server may refuse for its form."""
    local, _, domain = value.partition("@")
    labels = domain.split(".")
    return (
        _ORDINARY_EMAIL.fullmatch(value) is not None
        and len(local) <= 64
        and all(len(label) <= 63 for label in labels)
        and labels[-1].lower() not in RESERVED_DOMAINS
    )


def _depth(value: object) -> int:
    """Return how deep a JSON value nests, as far as that matters."""
    level, depth = [value], 0
    while level and depth <= DEEP:
        depth += 1
        inner: list[object] = []
        for one in level:
            inner += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        level = inner
    return depth


def _everything(value: object) -> Iterator[object]:
    left = [value]
    while left:
        one = left.pop()
        yield one
        if isinstance(one, dict):
            left += [*one, *one.values()]
        elif isinstance(one, list):
            left += one


def _numbers(value: object) -> Iterator[float]:
    return (one for one in _everything(value) if isinstance(one, int | float) and not isinstance(one, bool))


def _texts(value: object) -> Iterator[str]:
    return (one for one in _everything(value) if isinstance(one, str))


def _has_objects(value: object) -> bool:
    return any(isinstance(one, dict) and len(one) > 1 for one in _everything(value))
