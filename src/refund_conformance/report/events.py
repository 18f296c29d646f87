"""The record of a run as JSON Lines: one event a line, the last of which proves that the run ended."""

import json
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO, Any

from jsonschema import Draft202012Validator

from refund_conformance.contract import documents
from refund_conformance.contract.errors import RunError
from refund_conformance.report.atomic_write import replace_file

FILE = "events.jsonl"
FORMAT = 1

Event = dict[str, Any]

EXCHANGE: Event = {"event": "exchange"}
"""What stands for an exchange where its bytes do not matter."""

RECORDED = "recorded"
"""How the slugs of cases begin that are requests which somebody else sent, and the profile of their report."""

_DRAWN = re.compile(rf"(.*/(?:drawn(?:-valid)?|{RECORDED}))-\d+")
_EXCHANGE = re.compile(r'\{"event":"exchange","number":(\d+),')


class EventFile:
    """Appends events to DIR/events.jsonl, each line written whole."""

    def __init__(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = (directory / FILE).open("w", encoding="utf-8", newline="\n")
        except OSError as problem:
            raise RunError(
                f"report directory {directory}",
                problem.strerror or "cannot be written",
                "Name another with --report.",
            ) from problem
        self._lock = Lock()

    def write(self, event: Event) -> None:
        """Append one event and hand it to the operating system."""
        line = _line(event)
        with self._lock:
            self._file.write(line)
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(directory: Path) -> Iterator[Event]:
    """Yield the events of a report directory.

    A last line that was cut short is left out: a run may be killed at any moment. Raises RunError, naming the
    line, for anything else that is no event.
    """
    for number, line in _lines(directory):
        yield _event(line, f"{directory / FILE}: line {number}")


def exploration(case: str) -> str:
    """Return what the ids of a clause's drawn or recorded cases begin with; "" for a listed case's id."""
    match = _DRAWN.fullmatch(case)
    return match[1] if match else ""


def is_recorded(case: str) -> bool:
    """Whether a case's id is that of a request which somebody else sent, so that it cannot be sent again."""
    return exploration(case).endswith(f"/{RECORDED}")


def likeness(event: Event) -> tuple[object, ...]:
    """Return what a drawn case that held has in common with all that are alike to it; () for any other event."""
    if event["event"] != "case" or event["outcome"] != "held" or event["findings"]:
        return ()
    name = exploration(event["case"])
    return (name, event["clause"], event["answer"], event["tries"]) if name else ()


def exchanges(directory: Path, numbers: Collection[int]) -> dict[int, Event]:
    """Return the exchanges of some numbers, with their bytes. The file must have been read before."""
    found: dict[int, Event] = {}
    for _, line in _lines(directory):
        match = _EXCHANGE.match(line)
        if match and int(match[1]) in numbers:
            found[int(match[1])] = json.loads(line)
    return found


def amend(directory: Path, reason: str) -> None:
    """Add a reason why a run is incomplete to its last event, if it has one. Raises OSError if that fails."""
    *lines, last = (directory / FILE).read_text(encoding="utf-8").splitlines(keepends=True)
    end = json.loads(last)
    if end["event"] == "end":
        end["reason"] = "; ".join(filter(None, (reason, end["reason"])))
        replace_file(directory / FILE, "".join([*lines, _line(end)]))


_ONCE_SKIPPED = "spared"
"""What earlier records have for the outcome "skipped"."""

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def _line(event: Event) -> str:
    return _encode(event) + "\n"


def _lines(directory: Path) -> Iterator[tuple[int, str]]:
    path = directory / FILE
    try:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            for number, line in enumerate(file, 1):
                if line.endswith("\n"):
                    yield number, line
    except OSError as problem:
        raise RunError(
            str(path), problem.strerror or "cannot be read", "Name the directory of a run's report."
        ) from problem


def _event(line: str, what: str) -> Event:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise RunError(what, "is not JSON", "The file was changed after the run; run again.") from problem
    kind = event.get("event") if isinstance(event, dict) else None
    if not isinstance(kind, str) or not _is_one(event, kind):
        documents.check(event, "event", what, RunError)
    if event.get("outcome") == _ONCE_SKIPPED:
        event["outcome"] = "skipped"
    checked: Event = event
    return checked


def _is_one(event: Event, kind: str) -> bool:
    """Whether an event is one of its kind: quicker than the whole schema, which names what is wrong."""
    if (kind == "exchange" and _is_exchange(event)) or (kind == "case" and _is_held_case(event)):
        return True
    form = _forms().get(kind)
    return form is not None and form.is_valid(event)


def _is_exchange(event: Event) -> bool:
    """Whether an event is an exchange beyond doubt. There are thousands of them, and the schema is slow."""
    try:
        response = event["response"]
        return (
            type(event["number"]) is type(event["attempt"]) is int
            and type(event["started"]) is type(event["seconds"]) is float
            and type(event["detail"]) is str
            and (event["failure"] is None or type(event["failure"]) is str)
            and type(event["request"]["method"]) is type(event["request"]["target"]) is str
            and _is_message(event["request"])
            and (response is None or (type(response["status"]) is int and type(response["reason"]) is str))
            and (response is None or _is_message(response))
        )
    except (KeyError, TypeError):
        return False


def _is_held_case(event: Event) -> bool:
    """Whether an event is beyond doubt a case without findings, as most are."""
    texts = ("case", "clause", "title", "reason")
    return (
        event.get("findings") == []
        and event.get("outcome") == "held"
        and event.get("answer") in ("", "success", "error", "bare")
        and all(type(event.get(key)) is str for key in texts)
        and type(event.get("failed")) is type(event.get("tries")) is int
        and type(event.get("exchanges")) is list
        and all(type(number) is int for number in event["exchanges"])
    )


def _is_message(message: Event) -> bool:
    return (
        type(message["body"]) is str
        and message["encoding"] in ("utf-8", "latin-1")
        and type(message["bytes"]) is int
        and message["bytes"] >= 0
        and type(message["headers"]) is list
        and all(type(pair) is list and list(map(type, pair)) == [str, str] for pair in message["headers"])
    )


@cache
def _forms() -> dict[str, Draft202012Validator]:
    schema = documents.validator("event").schema
    assert isinstance(schema, dict)  # noqa: S101  (our own schema)
    kinds = schema["properties"]["event"]["enum"]
    shared = {key: schema[key] for key in ("$schema", "$id", "$defs")}
    return {kind: Draft202012Validator({**shared, "$ref": f"#/$defs/{kind}"}) for kind in kinds}
