"""What a report knows of a run: its events, and a lean line for each exchange."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refund_conformance.report import events

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
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
    """The events of a run, its exchanges apart from them and without their bytes.

    Drawn cases that held alike, of which there are thousands in a night, are one event, with the exchanges of all
    and their number as "drawn": it stands in ``cases`` once, and in ``events`` once for each.
    """

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
    alike: dict[tuple[object, ...], dict[str, Any]] = {}
    for event in events.read(directory):
        if event["event"] == "exchange":
            beats[event["number"]] = _beat(event)
            kept.append(_EXCHANGE)
        elif key := events.likeness(event):
            kept.append(_joined(alike.setdefault(key, {**event, "exchanges": array("Q"), "drawn": 0}), event))
        else:
            kept.append(event)
    return Traffic(
        start=next((event for event in kept if event["event"] == "start"), {}),
        end=next((event for event in kept if event["event"] == "end"), None),
        cases=tuple({id(event): event for event in kept if event["event"] == "case"}.values()),
        beats=beats,
        events=tuple(kept),
    )


def _joined(together: dict[str, Any], event: Event) -> Event:
    together["exchanges"].extend(event["exchanges"])
    together["drawn"] += 1
    return together


def _beat(event: Event) -> Beat:
    response = event["response"]
    status = response["status"] if response else None
    return Beat(event["number"], event["started"], event["seconds"], event["attempt"], status, event["failure"])
