"""What a report knows of a run: its events, and a lean line for each exchange."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from operator import le
from pathlib import Path
from typing import Any, NamedTuple, overload

from refund_conformance.report import events

Event = Mapping[str, Any]


class Beat(NamedTuple):
    """When an exchange was, and how it was answered. ``status`` is None if no whole answer came."""

    started: float
    seconds: float
    repeated: bool
    status: int | None


class Beats(Sequence[Beat]):
    """Beats in the order of the record, in a few bytes each: there are a hundred thousand in a long night."""

    def __init__(self) -> None:
        self._numbers, self._statuses, self._repeated = array("q"), array("i"), array("b")
        self._started, self._seconds = array("d"), array("d")

    def add(self, exchange: Event) -> None:
        """Take in an exchange; all of them, before any is asked for by its number."""
        response = exchange["response"]
        self._numbers.append(exchange["number"])
        self._statuses.append(response["status"] if response else _NONE)
        self._repeated.append(exchange["attempt"] > 1)
        self._started.append(exchange["started"])
        self._seconds.append(exchange["seconds"])

    def places(self, numbers: Iterable[int]) -> Iterator[int]:
        """Yield the places of the exchanges with these numbers, as far as they are in the record."""
        for number in numbers:
            at = bisect_left(self._by_number, number, key=self._numbers.__getitem__)
            if at < len(self) and self._numbers[self._by_number[at]] == number:
                yield self._by_number[at]

    @cached_property
    def _by_number(self) -> Sequence[int]:
        """The places in the order of numbers, which is that of the record unless several processes sent."""
        places = range(len(self))
        if all(map(le, self._numbers, islice(self._numbers, 1, None))):
            return places
        return array("I", sorted(places, key=self._numbers.__getitem__))

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> Beat: ...
    @overload
    def __getitem__(self, place: slice) -> list[Beat]: ...
    def __getitem__(self, place: int | slice) -> Beat | list[Beat]:
        if isinstance(place, slice):
            return [self[one] for one in range(len(self))[place]]
        status = self._statuses[place]
        answered = None if status == _NONE else status
        return Beat(self._started[place], self._seconds[place], bool(self._repeated[place]), answered)


_NONE = -1


@dataclass(frozen=True)
class Traffic:
    """The events of a run, its exchanges apart from them and without their bytes.

    Drawn cases that held alike, of which there are thousands in a night, are one event, with the exchanges of all
    and their number as "drawn": it stands in ``cases`` once, and in ``events`` once for each.
    """

    start: Event
    end: Event | None
    cases: tuple[Event, ...]
    beats: Beats
    events: tuple[Event, ...]


def read(directory: Path) -> Traffic:
    """Read a report directory's events. Raises RunError if there are none that can be used."""
    kept: list[Event] = []
    beats = Beats()
    alike: dict[tuple[object, ...], dict[str, Any]] = {}
    for event in events.read(directory):
        if event["event"] == "exchange":
            beats.add(event)
            kept.append(events.EXCHANGE)
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
