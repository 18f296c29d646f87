"""The course of a run: how many requests were answered how, from its beginning to its end."""

from collections import Counter
from dataclasses import dataclass
from itertools import accumulate

from refund_conformance.report.run_log import Beat, Traffic

COLUMNS = 120
"""Slices of time that the chart has at most."""

HEIGHT = 100
KINDS = ("accepted", "refused", "failed")


@dataclass(frozen=True)
class Block:
    """A rectangle of the chart: requests of one kind in one slice, in the chart's units."""

    kind: str
    x: int
    y: float
    height: float


@dataclass(frozen=True)
class Timeline:
    """The chart. ``retries`` are the columns with repeated requests; ``highest`` is the tallest column's count."""

    columns: int
    blocks: tuple[Block, ...]
    retries: tuple[int, ...]
    repeated: int
    seconds: float
    highest: int
    totals: Counter[str]


def timeline(traffic: Traffic) -> Timeline | None:
    """Return the chart of a run, or None if nothing was sent."""
    beats = traffic.beats
    if not beats:
        return None
    begin = min(beat.started for beat in beats)
    seconds = max(beat.started for beat in beats) - begin
    columns = min(COLUMNS, max(1, len(beats) // 2))
    width = seconds / columns or 1.0
    counts: Counter[tuple[int, str]] = Counter()
    retries: set[int] = set()
    for beat in beats:
        column = min(columns - 1, int((beat.started - begin) / width))
        counts[column, kind(beat)] += 1
        if beat.repeated:
            retries.add(column)
    return Timeline(
        columns=columns,
        blocks=tuple(_blocks(columns, counts)),
        retries=tuple(sorted(retries)),
        repeated=sum(beat.repeated for beat in beats),
        seconds=seconds,
        highest=_highest(columns, counts),
        totals=Counter(kind(beat) for beat in beats),
    )


def kind(beat: Beat) -> str:
    """Return how a request was answered: accepted, refused, or failed (5xx, or no whole answer)."""
    if beat.status is None or beat.status >= 500:
        return "failed"
    return "accepted" if 200 <= beat.status < 300 else "refused"


def _highest(columns: int, counts: Counter[tuple[int, str]]) -> int:
    return max(sum(counts[column, name] for name in KINDS) for column in range(columns))


def _blocks(columns: int, counts: Counter[tuple[int, str]]) -> list[Block]:
    scale = HEIGHT / _highest(columns, counts)
    found: list[Block] = []
    for column in range(columns):
        heights = [counts[column, name] * scale for name in KINDS]
        for name, height, top in zip(KINDS, heights, accumulate(heights), strict=True):
            if height:
                found.append(Block(name, column, round(HEIGHT - top, 2), round(height, 2)))
    return found
