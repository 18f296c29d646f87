"""Make one record of several: the shards of a run, each of which tested a part."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refund_conformance.contract.errors import RunError
from refund_conformance.report import events
from refund_conformance.report.events import EventFile

Event = dict[str, Any]

_APART = 1_000_000_000
"""Between the exchange numbers of one shard and the next."""

_SAME = ("target", "profile", "version", "strict", "pins")


def merge(shards: Sequence[Path], into: Path) -> None:
    """Write the events of several report directories into one.

    A case that each shard carries out (the plain request) counts once, by its worst outcome. Raises RunError if
    the shards are not of one run: another target, profile, version or pins.
    """
    records = [list(events.read(shard)) for shard in shards]
    starts = [_first(record, shard) for record, shard in zip(records, shards, strict=True)]
    for start, shard in zip(starts, shards, strict=True):
        for member in _SAME:
            if start.get(member) != starts[0].get(member):
                raise RunError(
                    f"{shard}: {member}", f"is not that of {shards[0]}", "Merge the shards of one run only."
                )
    ends = [next((event for event in record if event["event"] == "end"), None) for record in records]
    first = {**starts[0], **_together(starts, shards)}
    file = EventFile(into)
    file.write(first)
    for event in _once([_renumbered(event, n) for n, record in enumerate(records) for event in record]):
        if event["event"] not in ("start", "end"):
            file.write(event)
    if all(ends):
        file.write(_end([end for end in ends if end]))
    file.close()


def _together(starts: Sequence[Event], shards: Sequence[Path]) -> Event:
    """Return what the shards of a run were to test, all together, and which of its shards they are.

    Clauses that a shard alone does not test are no longer left out once every shard is there. Raises RunError for
    shards of runs that were shared out differently, and for one that is there twice.
    """
    parts = [start.get("shards") or {"count": 1, "present": [1]} for start in starts]
    present = [number for part in parts for number in part["present"]]
    count = parts[0]["count"]
    for part, shard in zip(parts, shards, strict=True):
        if part["count"] != count:
            raise RunError(
                f"{shard}", f"is one of {part['count']} shards, not of {count}", "Merge those of one run."
            )
    twice = sorted({number for number in present if count > 1 and present.count(number) > 1})
    if twice:
        raise RunError(f"shard {twice[0]}/{count}", "is there twice", "Name each shard once.")
    chosen = {clause for start in starts for clause in start.get("chosen") or ()}
    return {
        "chosen": sorted(chosen) if all(start.get("chosen") for start in starts) else None,
        "narrowed": any(start.get("narrowed") for start in starts),
        "required": sorted({clause for start in starts for clause in start.get("required") or ()}),
        "shards": {"count": count, "present": sorted(set(present))},
    }


def _first(record: Sequence[Event], shard: Path) -> Event:
    start = next((event for event in record if event["event"] == "start"), None)
    if start is None:
        raise RunError(
            str(shard), "has no beginning of a run in its events", "Leave it out, or run the shard again."
        )
    return start


def _renumbered(event: Event, shard: int) -> Event:
    offset = shard * _APART
    if event["event"] == "exchange":
        return {**event, "number": event["number"] + offset}
    if event["event"] == "case":
        lists = {key: event[key] for key in ("exchanges", "failing") if key in event}
        return {**event, **{key: [number + offset for number in numbers] for key, numbers in lists.items()}}
    return event


_WORST = ("skipped", "untested", "held", "warned", "undecided", "violated")


def _once(merged: Sequence[Event]) -> list[Event]:
    """Keep one event for each case, the one with the worst outcome, where the first of them stood."""
    worst: dict[str, Event] = {}
    for event in merged:
        if event["event"] == "case":
            known = worst.get(event["case"])
            if known is None or _WORST.index(event["outcome"]) > _WORST.index(known["outcome"]):
                worst[event["case"]] = event
    kept: list[Event] = []
    for event in merged:
        if event["event"] != "case":
            kept.append(event)
        elif event["case"] in worst:
            kept.append(worst.pop(event["case"]))
    return kept


def _end(ends: Sequence[Event]) -> Event:
    reasons = dict.fromkeys(end["reason"] for end in ends if end["reason"])
    return {
        **ends[-1],
        "seconds": max(end["seconds"] for end in ends),
        "reason": "; ".join(reasons),
        "interrupted": any(end["interrupted"] for end in ends),
        "terminated": any(end.get("terminated", False) for end in ends),
    }
