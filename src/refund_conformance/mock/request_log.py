"""What a mock remembers of the requests that it answered, and what it logs of them. Neither has secrets."""

import json
import logging
import sys
import time
import traceback
from collections import deque
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import Any, TextIO

from refund_conformance.mock.call import Answer, Received
from refund_conformance.mock.redaction import redacted_headers, redacted_path, redacted_text

LOGGER = logging.getLogger("refund_conformance.mock")
REMEMBERED = 1000
"""Requests that a journal keeps."""

_LONGEST_BODY = 8192
_STANDARD = frozenset(vars(logging.makeLogRecord({})))


@dataclass(frozen=True)
class Entry:
    """A request and what became of it.

    ``check`` is the check that refused it ("" if it was accepted), ``reason`` why, ``at`` the Unix time of the
    answer, ``milliseconds`` the time that deciding took. ``body`` is text cut at 8192 bytes. ``status`` 0 is a
    request that got no answer, because a script had it so.
    """

    number: int
    at: float
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: str
    status: int
    check: str
    codes: tuple[int, ...]
    reason: str
    milliseconds: float


_Note = tuple[int, float, Received, Answer, float]


class Journal:
    """Keeps the latest requests, and puts them into words when asked."""

    def __init__(self) -> None:
        self._notes: deque[_Note] = deque(maxlen=REMEMBERED)
        self._numbers = count(1)

    def record(self, received: Received, answer: Answer, seconds: float) -> None:
        """Remember a request and its answer."""
        if len(received.body) > _LONGEST_BODY or received.trailers:
            received = replace(received, body=received.body[:_LONGEST_BODY], trailers=())
        self._notes.append((next(self._numbers), time.time(), received, answer, seconds))

    def entries(self) -> list[dict[str, Any]]:
        """Return the entries, the oldest first."""
        return [asdict(_entry(*note)) for note in list(self._notes)]

    def clear(self) -> None:
        """Forget all requests."""
        self._notes.clear()


def log_request(received: Received, answer: Answer, seconds: float) -> None:
    """Log a request: which it was and what became of it, and nothing that it carried."""
    LOGGER.info(
        "request",
        extra={
            "method": received.method,
            "path": redacted_path(received.path)[:200],
            "status": answer.status,
            "check": answer.step,
            "codes": list(answer.codes),
            "milliseconds": round(seconds * 1000, 3),
        },
    )


def log_to(stream: TextIO = sys.stderr) -> None:
    """Write this package's and uvicorn's records to the stream, one line of JSON each."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_JsonLines())
    for logger in (LOGGER, logging.getLogger("uvicorn.error")):
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        line.pop("color_message", None)
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, default=str)


def _entry(number: int, at: float, received: Received, answer: Answer, seconds: float) -> Entry:
    return Entry(
        number=number,
        at=at,
        method=received.method,
        path=redacted_path(received.path),
        headers=redacted_headers(received.headers),
        body=redacted_text(received.body.decode("utf-8", "replace")),
        status=answer.status,
        check=answer.step,
        codes=answer.codes,
        reason=answer.reason,
        milliseconds=round(seconds * 1000, 3),
    )
