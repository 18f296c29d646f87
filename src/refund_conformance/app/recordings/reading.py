"""Read a recording of any format that is known: which one it is, its content tells, not its name."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from refund_conformance.app.recordings import har, mitmproxy, newman, own_events
from refund_conformance.cases.recorded.exchange import Recorded
from refund_conformance.contract.errors import UsageError
from refund_conformance.report import events

LARGEST = 512 * 1024 * 1024
"""Bytes of a file at most that has to be read as a whole; one of JSON Lines may be of any size."""

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of a line at most."""

FORMATS = "an HTTP archive (HAR), a newman run, flows of mitmproxy, a record of ours, or JSON Lines of HAR entries"


def read(path: Path) -> Iterator[Recorded]:
    """Yield the exchanges of a recording, or of the record in a report's directory.

    Raises UsageError, naming the file, the reason and the remedy, if it cannot be read or is of no known format.
    """
    path = path / events.FILE if path.is_dir() else path
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            first = file.readline(LONGEST_LINE).lstrip(b"\xef\xbb\xbf \t\r\n")
            file.seek(0)
            if first[:1].isdigit():
                yield from mitmproxy.flows(file, path.name)
            elif _is_line(first):
                yield from lines(file, path.name)
            else:
                yield from _whole(path, size)
    except OSError as problem:
        remedy = "Name a file that can be read."
        raise UsageError(str(path), problem.strerror or "cannot be read", remedy) from problem


def _is_line(first: bytes) -> bool:
    """Whether the first line of a file is one of JSON Lines."""
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return own_events.is_event(value) or har.is_entry(value)


def lines(file: Any, name: str) -> Iterator[Recorded]:
    """Yield the exchanges of a file of JSON Lines. Raises UsageError, naming the line, for a broken one.

    A last line that was cut short is left out: whoever writes it may be about to write the rest.
    """
    reader = LineReader(name)
    while line := file.readline(LONGEST_LINE):
        if not line.endswith(b"\n"):
            if len(line) == LONGEST_LINE:
                raise UsageError(f"{name}: line {reader.number + 1}", "is too long", "Take it out.")
            if not _is_line(line):
                return
        exchange = reader.take(line)
        if exchange is not None:
            yield exchange


class LineReader:
    """Reads JSON Lines one at a time: entries of an HTTP archive, or events of a record of ours."""

    def __init__(self, name: str) -> None:
        self.number = 0
        self._name = name
        self._target = ""

    def take(self, line: bytes) -> Recorded | None:
        """Return the exchange of the next line, None if it has none. Raises UsageError for a broken one."""
        self.number += 1
        place = f"line {self.number}"
        if not line.strip():
            return None
        value = _parsed(line, f"{self._name}: {place}")
        if own_events.is_event(value):
            self._target = own_events.target_of(value) or self._target
            return own_events.exchange(value, self._name, place, self._target)
        if not har.is_entry(value):
            remedy = "Each line is an entry of an HTTP archive; see docs/judge.md."
            raise UsageError(f"{self._name}: {place}", "is no recorded exchange", remedy)
        return har.entry(value, self._name, place)


def _whole(path: Path, size: int) -> Iterator[Recorded]:
    if size > LARGEST:
        remedy = "Split it, or write one entry a line (JSON Lines): that may be of any size."
        raise UsageError(str(path), f"is larger than {LARGEST // 1024**2} MiB", remedy)
    value = _parsed(path.read_bytes(), str(path))
    if har.is_archive(value):
        yield from har.archive(value, path.name)
    elif newman.is_run(value):
        yield from newman.run(value, path.name)
    elif har.is_entry(value):
        yield har.entry(value, path.name, "entry 1")
    else:
        raise UsageError(str(path), "is of no known format", f"It may be {FORMATS}.")


def _parsed(content: bytes, what: str) -> Any:
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as problem:
        raise UsageError(what, f"is not UTF-8 (byte {problem.start})", f"It may be {FORMATS}.") from problem
    except (ValueError, RecursionError) as problem:
        why = "nests too deeply" if isinstance(problem, RecursionError) else f"is not whole JSON ({problem})"
        raise UsageError(what, why, f"Export it again; it may be {FORMATS}.") from problem
