"""Answers in words: what is permitted, and what came back."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from http import HTTPStatus

from refund_conformance.contract.model import ErrorCode
from refund_conformance.oracle.error_body import Reading, ReportedError
from refund_conformance.oracle.permitted import Permitted

FIELD_PLACE = "{field}"

CODES_TOLD = 5
"""Codes of one answer that are told at most; a target may send thousands, or one of thousands of digits."""

MESSAGE_TOLD = 200
"""Characters of a message that is told."""


def describe(permitted: Iterable[Permitted]) -> str:
    """Return the permitted answers in words."""
    once = {replace(answer, repeats=False) if answer.repeats else answer for answer in permitted}
    return ", or ".join(sorted({_describe(answer) for answer in once}))


def _describe(answer: Permitted) -> str:
    status = " or ".join(_hundreds(answer.statuses))
    if answer.success:
        return f"{status} without errors"
    if answer.errors == "undemanded":
        return status
    if answer.errors == "anything":
        return f"{status} or no answer" if 500 in answer.statuses else status
    if answer.errors == "some":
        return f"{status} with an error code"
    if answer.fields:
        return f"{status} with one {answer.errors} for {' and one for '.join(sorted(answer.fields))}"
    return f"{status} with {answer.errors} alone"


def _hundreds(statuses: frozenset[int]) -> Iterator[str]:
    """Yield statuses in words, those of a whole hundred as one."""
    for hundred in sorted({status // 100 for status in statuses}):
        members = range(hundred * 100, hundred * 100 + 100)
        whole = statuses.issuperset(members)
        yield from [f"any {hundred}xx"] if whole else map(str, sorted(statuses.intersection(members)))


def describe_reading(reading: Reading, field_code: int | None = None, fields: frozenset[str] = frozenset()) -> str:
    """Return what came back in words; nothing of the target but numbers and its reason for no shape.

    Errors with ``field_code`` are told with those of the ``fields`` that they name.
    """
    if reading.codes:
        coded = [error for error in reading.errors if error.code is not None][:CODES_TOLD]
        told = [_told(error, fields if error.code == field_code else None) for error in coded]
        more = [f"{len(reading.codes) - CODES_TOLD} more"] if len(reading.codes) > CODES_TOLD else []
        return f"{reading.status} with {', '.join(told + more)}"
    if 200 <= reading.status < 300:
        return f"{reading.status} without errors"
    return f"{reading.status} without an error code{_ABOUT.get(reading.status, '')}"


def _told(error: ReportedError, fields: frozenset[str] | None) -> str:
    code = str(error.code) if abs(error.code or 0) < 10**9 else "a huge code"
    if fields is None:
        return code
    named = sorted(filter(error.names, fields))
    return f"{code} for {' and '.join(named)}" if named else f"{code} that names no field"


_ABOUT: dict[int, str] = {
    HTTPStatus.NOT_ACCEPTABLE: ", which is about the header Accept",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ", which is about the content type or coding",
    HTTPStatus.TOO_MANY_REQUESTS: ", which is about the rate of requests",
}
"""What HTTP itself has some statuses for, where no code says more."""


def has_wording(error: ReportedError, documented: ErrorCode) -> bool:
    """Whether an error has the documented message, whatever stands in the place of a field's name."""
    if not error.message:
        return False
    before, place, after = documented.message.partition(FIELD_PLACE)
    if not place:
        return error.message == documented.message
    return error.message.startswith(before) and error.message.endswith(after)


def quoted(message: str) -> str:
    """Return a target's text as a terminal can show it. A long one is not cut: half a secret would stay unseen."""
    if len(message) > MESSAGE_TOLD:
        return f"a text of {len(message)} characters"
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in message)
