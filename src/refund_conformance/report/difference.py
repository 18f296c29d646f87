"""Expected against got, part by part: status, codes, fields, wording; and the request with what matters marked."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from refund_conformance.cases.case import Case
from refund_conformance.contract.model import VALID, Contract
from refund_conformance.oracle.permitted import Permitted, permitted
from refund_conformance.report import curl
from refund_conformance.report.escaping import Piece, pieces, plain

Event = Mapping[str, Any]

VALUE_SHOWN = 72
"""Characters of a value, or of a body around it, that a card shows."""

TEXT_SHOWN = 160

CODES_SHOWN = 4

_HEADERS = {"auth": "authorizationjwt", "content-type": "content-type"}
_WORDS = {"authorization": "Token", "order": "Order", "caller": "Caller"}


@dataclass(frozen=True)
class Row:
    """One part of an answer: what was expected, what came, and whether the two differ."""

    part: str
    expected: str
    got: str
    differs: bool


@dataclass(frozen=True)
class Line:
    """One line of a request in short; ``marked`` pieces are the part that matters."""

    before: tuple[Piece, ...]
    marked: tuple[Piece, ...] = ()
    after: tuple[Piece, ...] = ()


def rows(contract: Contract, case: Case | None, finding: Event, exchange: Event | None) -> tuple[Row, ...]:
    """Return an answer against what is permitted, row by row; in the judge's own words where no more is known."""
    response = exchange["response"] if exchange else None
    answers = _permitted(contract, case)
    if response is None or not answers:
        return (Row("Answer", _short(finding["expected"]), _short(finding["actual"]), True),)
    found = [
        _row("Status", sorted({str(s) for one in answers for s in one.statuses}), [str(response["status"])]),
        *_errors(contract, answers, response),
    ]
    if not any(row.differs for row in found):
        found.append(Row("Judged", _short(finding["expected"]), _short(finding["actual"]), True))
    return tuple(found)


def _permitted(contract: Contract, case: Case | None) -> list[Permitted]:
    if case is None:
        return []
    return sorted(permitted(contract, case.situation, {}), key=lambda one: (min(one.statuses), one.part))


def _errors(contract: Contract, answers: list[Permitted], response: Event) -> Iterator[Row]:
    reported = _reported(response)
    codes, wanted = [code for code, _ in reported], sorted({_code(one) for one in answers})
    is_right = any(_matches(one, codes) for one in answers)
    came = ", ".join(codes[:CODES_SHOWN]) or ("none" if response["body"].strip() else "no body")
    yield Row("Error code", " or ".join(wanted), came, not is_right)
    fields = sorted({field for one in answers for field in one.fields})
    if fields:
        naming = [text for _, text in reported]
        named = [field for field in fields if any(field in text for text in naming)]
        yield Row("Field", ", ".join(fields), ", ".join(named) or "none", named != fields)
    texts = {
        contract.errors[one.errors].message
        for one in answers
        if isinstance(one.errors, int) and one.errors in contract.errors
    }
    if texts and reported:
        expected = " or ".join(sorted(texts))
        yield Row("Message", _short(expected), _short("; ".join(text for _, text in reported[:2])), False)
    elif not reported and response["body"].strip():
        yield Row(
            "Body", "an error body" if wanted != ["none"] else "no error body", _short(response["body"]), False
        )


def _code(answer: Permitted) -> str:
    return {"undemanded": "any", "some": "at least one"}.get(str(answer.errors), str(answer.errors))


def _matches(answer: Permitted, codes: list[str]) -> bool:
    if answer.errors == "undemanded":
        return True
    if answer.errors == "some":
        return bool(codes)
    if answer.errors == "none":
        return not codes
    return codes == [str(answer.errors)] * max(1, len(answer.fields))


def _reported(response: Event) -> list[tuple[str, str]]:
    """Return code and message of each error of an answer, as texts."""
    try:
        errors = json.loads(curl.raw(response))["errors"]
        return [(plain(str(one["error"]), 20), plain(str(one.get("message", "")), TEXT_SHOWN)) for one in errors]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _row(part: str, expected: list[str], got: list[str]) -> Row:
    return Row(part, " or ".join(expected), ", ".join(got), not set(got) <= set(expected))


def _short(text: str) -> str:
    return plain(text.strip(), TEXT_SHOWN)


# -- the request ---------------------------------------------------------------------------------------


def request_lines(contract: Contract, area: str, exchange: Event) -> tuple[Line, ...]:
    """Return a request in short, with the part marked that an area is about."""
    request = exchange["request"]
    path, marked = f"{plain(request['target'], 200)}", area in ("route", "order", "caller")
    lines = [
        Line(_text(f"{request['method']} "), _text(path)) if marked else Line(_text(f"{request['method']} {path}"))
    ]
    if area == "route" and request["method"] != contract.operation.method:
        lines = [Line((), _text(request["method"]), _text(f" {path}"))]
    lines += _headers(area, request)
    if request["body"]:
        lines.append(_body(contract, area, request))
    return tuple(lines)


def _headers(area: str, request: Event) -> Iterator[Line]:
    shown = {name.lower(): (name, value) for name, value in request["headers"]}
    for owner, name in _HEADERS.items():
        known, value = shown.get(name, (_TITLES[name], ""))
        if area == owner:
            text = plain(value, VALUE_SHOWN) if name in shown else "(not sent)"
            yield Line(_text(f"{known}: "), _text(text))
        elif name in shown:
            yield Line(_text(f"{known}: {plain(value, VALUE_SHOWN)}"))


_TITLES = {"authorizationjwt": "AuthorizationJWT", "content-type": "Content-Type"}


def _body(contract: Contract, area: str, request: Event) -> Line:
    text, encoding = request["body"], request["encoding"]
    if area == "json":
        return Line((), _cut(text, encoding))
    if area in contract.fields and (span := _member(text, area)):
        begin, end = span
        value = _cut(text[begin:end], encoding, _value(text[begin:end]))
        return Line(_cut(text[:begin], encoding), value, _cut(text[end:], encoding))
    return Line(_cut(text, encoding), (), ())


def _member(text: str, field: str) -> tuple[int, int] | None:
    """Return where the value of a member of a JSON object stands."""
    at = text.find(f'"{field}"')
    colon = text.find(":", at)
    if at < 0 or colon < 0:
        return None
    begin = colon + 1 + len(text[colon + 1 :]) - len(text[colon + 1 :].lstrip())
    try:
        return begin, json.JSONDecoder(strict=False).raw_decode(text, begin)[1]
    except (ValueError, RecursionError):
        return begin, len(text)


def _value(text: str) -> str:
    """Return the text that a JSON text stands for; itself, if it stands for none."""
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str) else text


def _cut(text: str, encoding: str, counted: str = "") -> tuple[Piece, ...]:
    """Return the beginning of a text, with the length of what is ``counted`` in its place if it is long."""
    found = pieces(text.replace("\n", " "), encoding, VALUE_SHOWN)
    if len(text) <= VALUE_SHOWN:
        return found
    counted = counted or text
    size = len(counted.encode("utf-8", "surrogatepass"))
    told = f"{len(counted):,} characters" + (f", {size:,} bytes" if size != len(counted) else "")
    return (*found, Piece(f"… ({told})", "note"))


def _text(text: str) -> tuple[Piece, ...]:
    return (Piece(text),)


def circumstances(case: Case | None) -> tuple[str, ...]:
    """Return what the request meets that it does not show: its order's state, its token, its caller."""
    if case is None:
        return ()
    return tuple(
        f"{_WORDS[part]}: {getattr(case.situation, part).replace('-', ' ')}"
        for part in _WORDS
        if getattr(case.situation, part) != VALID[part]
    )
