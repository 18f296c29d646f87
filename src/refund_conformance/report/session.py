"""The record of the run that is going on, in the process that keeps it."""

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from refund_conformance import __version__
from refund_conformance.contract.errors import RunError
from refund_conformance.contract.model import Contract
from refund_conformance.report import marker, summary
from refund_conformance.report.events import EXCHANGE, FILE, FORMAT, EventFile, likeness
from refund_conformance.report.summary import Summary

_TOLD_VERSIONS = ("pytest", "hypothesis", "requests", "jsonschema")


class ReportSession:
    """Writes DIR/events.jsonl while a run goes on, and DIR/conformance.json at its end.

    ``reason`` says why the run is incomplete, "" as long as it is not; ``problem`` why nothing can be written.
    ``broken`` are the clauses of cases that broke the contract, and those that they broke. ``listener`` is told of
    each event. With ``pages`` somebody makes the report's pages when the run has ended.
    """

    def __init__(self, directory: Path, contract: Contract, *, pages: bool, **start: Any) -> None:
        self.directory = directory
        self.reason = ""
        self.problem: RunError | None = None
        self.summary: Summary | None = None
        self.exit_status = summary.STATUS[summary.INCOMPLETE]
        self.broken: set[str] = set()
        self.listener: Callable[[dict[str, Any]], None] = lambda event: None
        self._events: list[dict[str, Any]] = []
        self._alike: dict[tuple[object, ...], dict[str, Any]] = {}
        self._file = EventFile(directory)
        self._clock = time.monotonic()
        self._contract = contract
        versions = {name: version(name) for name in _TOLD_VERSIONS}
        first = {
            "event": "start",
            "format": FORMAT,
            "time": _now(),
            "version": __version__,
            "versions": {"python": platform.python_version(), **versions},
            **start,
        }
        self.write(first)
        with self._writing():
            marker.mark(directory, contract, first, pages=pages)

    def write(self, event: dict[str, Any]) -> None:
        """Keep an event. Nothing more is written once something could not be."""
        if self.problem is None:
            with self._writing():
                self._file.write(event)
        if event["event"] == "case" and event["outcome"] == "violated":
            self.broken |= {event["clause"], *(finding["clause"] for finding in event["findings"])}
        self._events.append(self._lean(event))
        self.listener(event)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Take note of what cannot be written: the run is to end, with one message."""
        try:
            yield
        except OSError as problem:
            why = problem.strerror or "cannot be written"
            self.problem = RunError(
                f"report directory {self.directory}", why, "Make room, or name another with --report."
            )
            self.reason = self.reason or f"the record could not be written: {why}"

    def _lean(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return what the summary needs of an event: the same object for all that are alike to it.

        So memory does not grow with what is sent, only with what is found.
        """
        if event["event"] == "exchange":
            return EXCHANGE
        alike = likeness(event)
        if event["event"] in ("observation", "precedence"):
            alike = tuple(map(str, event.values()))
        return self._alike.setdefault(alike, event) if alike else event

    def close(self, *, interrupted: bool, terminated: bool = False, reason: str = "") -> int:
        """Write the last event and conformance.json; return the exit status that the verdict asks for.

        ``terminated`` says that it was not Ctrl-C that interrupted the run.
        """
        self.write(
            {
                "event": "end",
                "time": _now(),
                "seconds": round(time.monotonic() - self._clock, 3),
                "reason": "it was interrupted" if interrupted else reason or self.reason,
                "interrupted": interrupted,
                "terminated": terminated,
            }
        )
        with self._writing():
            self._file.close()
            self._require_record()
        lost = self.problem is not None
        self.summary = summary.summarize(self._contract, self._events)
        with self._writing():
            summary.write(self.directory, self.summary)
        self.exit_status = summary.STATUS[summary.INCOMPLETE] if lost else self.summary.exit_status
        return self.exit_status

    def _require_record(self) -> None:
        """Raise OSError if the record was taken away while it was written."""
        (self.directory / FILE).stat()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
