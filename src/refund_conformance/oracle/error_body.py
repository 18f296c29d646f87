"""What an answer says: its status, and the errors in its body, however badly they are written."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from jsonschema.exceptions import best_match

from refund_conformance.contract import documents
from refund_conformance.contract.json_text import parse
from refund_conformance.transport.exchange import Response

MOST_ERRORS = 1000
"""Errors of one answer that are read; no request deserves more."""


@dataclass(frozen=True)
class ReportedError:
    """One error of an error body; None where the member is missing or of another type."""

    code: int | None
    message: str | None

    def names(self, field: str) -> bool:
        """Whether the message has the field's name as a word, in any letter case; a word may end at _."""
        pattern = rf"(?<![A-Za-z0-9]){re.escape(field)}(?![A-Za-z0-9])"
        return bool(self.message and re.search(pattern, self.message, re.IGNORECASE))


@dataclass(frozen=True)
class Reading:
    """An answer as read.

    ``shape`` says how the body fails to be an error body, None if it is one. ``reports_errors`` is whether it is
    one or means to be: an object whose ``errors`` member holds something. ``members`` are the names of all members
    of the body and of its errors.
    """

    response: Response
    shape: str | None
    errors: tuple[ReportedError, ...]
    reports_errors: bool = False
    members: frozenset[str] = frozenset()

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status

    @cached_property
    def codes(self) -> tuple[int, ...]:
        """The error codes, in order, of those errors that have one."""
        return tuple(error.code for error in self.errors if error.code is not None)

    @property
    def media_type(self) -> str:
        """The media type of the answer, in lower case, without parameters; "" if there is none."""
        return (self.response.header("Content-Type") or "").partition(";")[0].strip().lower()


def read(response: Response) -> Reading:
    """Read an answer. Any bytes at all are fine: what is no error body has a ``shape`` that says why."""
    return Reading(response, *_content(response.body))


@lru_cache(16)
def _content(body: bytes) -> tuple[str | None, tuple[ReportedError, ...], bool, frozenset[str]]:
    """Return a body's shape, errors, whether it reports any, and its members. Most answers are those before."""
    try:
        value = parse(body)
    except ValueError as problem:
        return f"the body is not JSON: {problem}", (), False, frozenset()
    reports_errors = isinstance(value, dict) and bool(value.get("errors"))
    return _shape(value), tuple(_errors(value)), reports_errors, frozenset(_members(value))


def _shape(value: Any) -> str | None:
    listed = value.get("errors") if isinstance(value, dict) else None
    if isinstance(listed, list) and len(listed) > MOST_ERRORS:
        return f"errors: there are more than {MOST_ERRORS}"
    try:
        problem = best_match(documents.validator("error-response").iter_errors(value))
    except RecursionError:
        return "the body nests too deeply"
    if problem is None:
        return None
    where = ".".join(str(step) for step in problem.absolute_path)
    return f"{where or 'the body'}: {problem.message}"[:300]


def _members(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        rows = value.get("errors")
        for row in rows[:MOST_ERRORS] if isinstance(rows, list) else []:
            if isinstance(row, dict):
                yield from (f"errors.{name}" for name in row)


def _errors(value: Any) -> Iterable[ReportedError]:
    """Yield the errors that a body means to report, also where its form is wrong."""
    listed = value.get("errors") if isinstance(value, dict) else value
    rows = listed if isinstance(listed, list) else [listed]
    for row in rows[:MOST_ERRORS]:
        if not isinstance(row, dict):
            yield ReportedError(_code(row), None)
            continue
        message = row.get("message")
        yield ReportedError(_code(row.get("error")), message if isinstance(message, str) else None)


def _code(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float) and value == value // 1:
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    return None
