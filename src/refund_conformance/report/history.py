"""The runs before this one: each run's conformance.json is kept, and what changed since is told from them."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refund_conformance.report.atomic_write import replace_file
from refund_conformance.report.summary import CONFORMANT, INCOMPLETE

STRIP = 30
"""Runs that a strip shows, this one included."""

_LOOKED_AT = 400
"""Files that are looked at for runs of the same target and profile."""

BAD = ("violated", "warned")
GOOD = ("held", "waived")

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Past:
    """An earlier run: when it began, its verdict, the result of each clause, and where it is from the report.

    ``is_whole`` tells whether it tested all that there is to test, so that a later run can be compared with it.
    """

    started: str
    verdict: str
    results: Mapping[str, str]
    is_whole: bool = True
    href: str = ""


@dataclass(frozen=True)
class Changes:
    """What changed between two runs, as clause ids.

    ``lost`` clauses were tested and are no longer; ``since`` is when the earlier run began.
    """

    since: str
    new: tuple[str, ...]
    fixed: tuple[str, ...]
    still: tuple[str, ...]
    lost: tuple[str, ...]


def keep(directory: Path, data: Data) -> None:
    """Keep a run's conformance.json. Raises OSError if that cannot be done."""
    place(directory).mkdir(parents=True, exist_ok=True)
    replace_file(file(directory, data), json.dumps(data, ensure_ascii=True, separators=(",", ":")) + "\n")


def file(directory: Path, data: Data) -> Path:
    """Return where a run's conformance.json is kept."""
    return place(directory) / _name(data)


def before(directory: Path, data: Data) -> list[Past]:
    """Return the runs of the same target and profile before a run, oldest first, as many as a strip shows."""
    name = _name(data)
    found: list[Past] = []
    earlier = sorted((path for path in place(directory).glob("*.json") if path.name < name), reverse=True)
    for path in earlier[:_LOOKED_AT]:
        past = _read(path, data)
        if past is not None:
            found.append(replace(past, href=os.path.relpath(path, directory).replace(os.sep, "/")))
        if len(found) == STRIP - 1:
            break
    return found[::-1]


def place(directory: Path) -> Path:
    """Return where runs are kept: beside a directory named ``latest``, else inside the report's own."""
    return directory.parent / "history" if directory.name == "latest" else directory / "history"


def since_last(past: list[Past], data: Data) -> Changes | None:
    """Return what changed since the last run that was whole, or None if there is none."""
    last = next((run for run in reversed(past) if run.is_whole), None)
    return None if last is None else changes(last.started, last.results, results(data))


def changes(since: str, old: Mapping[str, str], new: Mapping[str, str]) -> Changes:
    """Return what changed from one run's results to another's."""
    bad = [clause for clause, result in new.items() if result in BAD]

    def untested(clause: str) -> bool:
        return new.get(clause, "untested") == "untested"

    was_bad = {clause for clause, result in old.items() if result in BAD}
    return Changes(
        since=since,
        new=tuple(clause for clause in bad if clause not in was_bad),
        fixed=tuple(clause for clause, result in new.items() if clause in was_bad and result in GOOD),
        still=tuple(clause for clause in bad if clause in was_bad),
        lost=tuple(clause for clause in old if old[clause] != "untested" and untested(clause)),
    )


def results(data: Data) -> dict[str, str]:
    """Return the result of each clause by id."""
    return {row["id"]: row["result"] for row in data["clauses"]}


def strips(past: list[Past], data: Data) -> dict[str, tuple[str, ...]]:
    """Return for each clause its results from run to run, this run's last; "none" where it was not known."""
    return {
        clause: (*(run.results.get(clause, "none") for run in past), result)
        for clause, result in results(data).items()
    }


def _name(data: Data) -> str:
    """Return a file name that sorts by time and is the same whenever the same run is told again."""
    told = [data[key] for key in ("started", "target", "profile", "seed", "version")]
    digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:8]
    time = "".join(character for character in data["started"][:19] if character.isdecimal() or character == "T")
    return f"{time or 'unknown'}-{digest}.json"


def _read(path: Path, like: Data) -> Past | None:
    """Read a run that was kept; None if it is of another target or profile, or cannot be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if (data["target"], data["profile"]) != (like["target"], like["profile"]):
            return None
        found = {str(row["id"]): str(row["result"]) for row in data["clauses"]}
        return Past(str(data["started"]), str(data["verdict"]), found, _is_whole(data, found))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _is_whole(data: Data, found: Mapping[str, str]) -> bool:
    """Whether a run was neither incomplete nor partial. Version 0.1 called a partial run conformant."""
    if data["verdict"] == INCOMPLETE:
        return False
    if "partial" in data:
        return not data["partial"]
    return data["verdict"] != CONFORMANT or "untested" not in found.values()
