"""The record of the run that is going on, in the process that keeps it."""

import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from refund_conformance import __version__
from refund_conformance.contract.model import Contract
from refund_conformance.report import summary
from refund_conformance.report.events import EXCHANGE, FORMAT, EventFile, likeness
from refund_conformance.report.summary import Summary

_TOLD_VERSIONS = ("pytest", "hypothesis", "requests", "jsonschema")


class ReportSession:
    """Writes DIR/events.jsonl while a run goes on, and DIR/conformance.json at its end.

    ``reason`` says why the run is incomplete, "" as long as it is not. ``broken`` are the clauses of cases that broke
    the contract, and those that they broke. ``listener`` is told of each event.
    """

    def __init__(self, directory: Path, **start: Any) -> None:
        self.directory = directory
        self.reason = ""
        self.summary: Summary | None = None
        self.broken: set[str] = set()
        self.listener: Callable[[dict[str, Any]], None] = lambda event: None
        self._events: list[dict[str, Any]] = []
        self._alike: dict[tuple[object, ...], dict[str, Any]] = {}
        self._file = EventFile(directory)
        self._clock = time.monotonic()
        versions = {name: version(name) for name in _TOLD_VERSIONS}
        self.write(
            {
                "event": "start",
                "format": FORMAT,
                "time": _now(),
                "version": __version__,
                "versions": {"python": platform.python_version(), **versions},
                **start,
            }
        )

    def write(self, event: dict[str, Any]) -> None:
        """Keep an event."""
        self._file.write(event)
        if event["event"] == "case" and event["outcome"] == "violated":
            self.broken |= {event["clause"], *(finding["clause"] for finding in event["findings"])}
        self._events.append(self._lean(event))
        self.listener(event)

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

    def close(self, contract: Contract, *, interrupted: bool, reason: str = "") -> int:
        """Write the last event and conformance.json; return the exit status that the verdict asks for."""
        self.write(
            {
                "event": "end",
                "time": _now(),
                "seconds": round(time.monotonic() - self._clock, 3),
                "reason": "it was interrupted" if interrupted else reason or self.reason,
                "interrupted": interrupted,
            }
        )
        self._file.close()
        self.summary = summary.summarize(contract, self._events)
        summary.write(self.directory, self.summary)
        return self.summary.exit_status


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
