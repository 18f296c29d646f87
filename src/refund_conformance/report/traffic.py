"""What a report knows of a run: its events, and a lean line for each exchange."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refund_conformance.report import events

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Beat:
    """An exchange without its bytes. ``status`` is None if no whole answer came, ``failure`` says why then."""

    number: int
    started: float
    seconds: float
    attempt: int
    status: int | None
    failure: str | None


@dataclass(frozen=True)
class Traffic:
    """The events of a run, its exchanges apart from them and without their bytes."""

    start: Event
    end: Event | None
    cases: tuple[Event, ...]
    beats: Mapping[int, Beat]
    events: tuple[Event, ...]


_EXCHANGE: Event = {"event": "exchange"}


def read(directory: Path) -> Traffic:
    """Read a report directory's events. Raises RunError if there are none that can be used."""
    kept: list[Event] = []
    beats: dict[int, Beat] = {}
    for event in events.read(directory):
        if event["event"] == "exchange":
            beats[event["number"]] = _beat(event)
            kept.append(_EXCHANGE)
        else:
            kept.append(event)
    return Traffic(
        start=next((event for event in kept if event["event"] == "start"), {}),
        end=next((event for event in kept if event["event"] == "end"), None),
        cases=tuple(event for event in kept if event["event"] == "case"),
        beats=beats,
        events=tuple(kept),
    )


def _beat(event: Event) -> Beat:
    response = event["response"]
    status = response["status"] if response else None
    return Beat(event["number"], event["started"], event["seconds"], event["attempt"], status, event["failure"])
