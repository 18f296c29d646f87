"""What a request has that others have not: the traits by which failing requests are told from those that hold."""

import json
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import Any

from refund_conformance.cases.case import Case

LONG = 10_000
DEEP = 20


def _body(case: Case) -> str:
    return case.draft.body.decode("utf-8", "surrogateescape")


@cache
def _value(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _texts(case: Case) -> Iterator[str]:
    value = _value(case.draft.body)
    if isinstance(value, dict):
        for key, member in value.items():
            yield key
            if isinstance(member, str):
                yield member


def _any(test: Callable[[str], bool]) -> Callable[[Case], bool]:
    return lambda case: any(test(character) for text in _texts(case) for character in text)


TRAITS: Mapping[str, Callable[[Case], bool]] = {
    "a deeply nested body": lambda case: max(_body(case).count("["), _body(case).count("{")) > DEEP,
    "the character NUL": _any(lambda one: one == "\0"),
    "a lone surrogate": _any(lambda one: "\ud800" <= one <= "\udfff"),
    "a very long body": lambda case: len(case.draft.body) > LONG,
    "an empty body": lambda case: not case.draft.body.strip(),
    "an empty object as the body": lambda case: _value(case.draft.body) == {},
    "emoji or other characters beyond U+FFFF": _any(lambda one: one > "\uffff"),
    "combining marks": _any(lambda one: bool(unicodedata.combining(one))),
    "right-to-left script": _any(lambda one: unicodedata.bidirectional(one) in ("R", "AL")),
    "line breaks in a text": _any(lambda one: one in "\r\n"),
    "tabs in a text": _any(lambda one: one == "\t"),
    "angle brackets": _any(lambda one: one in "<>"),
    r"\u escapes": lambda case: "\\u" in _body(case),
    "characters beyond ASCII in the body": lambda case: not _body(case).isascii(),
    "line breaks in the body": lambda case: "\n" in _body(case),
    "no description": lambda case: b"description" not in case.draft.body,
    "a description": lambda case: b"description" in case.draft.body,
    "another method": lambda case: case.draft.method != "POST",
    "another merchant's token": lambda case: case.draft.credential == "other_merchant_token",
}
"""Traits in words that fit behind "with"; the more special ones first."""


def common_trait(failing: Collection[Case], holding: Collection[Case]) -> str:
    """Return the trait that all failing requests have and (nearly) none that holds; "" if there is none."""
    if len(failing) < 2:
        return ""
    for name, has in TRAITS.items():
        if all(map(has, failing)) and sum(map(has, holding)) <= len(holding) // 50:
            return name
    return ""
