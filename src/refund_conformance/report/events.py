"""The record of a run as JSON Lines: one event a line, the last of which proves that the run ended."""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import IO, Any

from refund_conformance import document
from refund_conformance.errors import RunError

FILE = "events.jsonl"
FORMAT = 1

Event = dict[str, Any]


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
        line = json.dumps(event, ensure_ascii=True, separators=(",", ":"))
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(directory: Path) -> Iterator[Event]:
    """Yield the events of a report directory.

    A last line that was cut short is left out: a run may be killed at any moment. Raises RunError, naming the
    line, for anything else that is no event.
    """
    path = directory / FILE
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as problem:
        raise RunError(
            str(path), problem.strerror or "cannot be read", "Name the directory of a run's report."
        ) from problem
    lines = text.split("\n")
    for number, line in enumerate(lines[:-1], 1):
        yield _event(line, f"{path}: line {number}")


def _event(line: str, what: str) -> Event:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise RunError(what, "is not JSON", "The file was changed after the run; run again.") from problem
    document.check(event, "event", what, RunError)
    checked: Event = event
    return checked
