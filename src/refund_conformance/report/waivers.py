"""Known deviations: violations that do not fail a run until a day, each with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from refund_conformance.contract import documents
from refund_conformance.contract.errors import SettingsError
from refund_conformance.contract.model import Contract


@dataclass(frozen=True)
class Waiver:
    """A clause, or one case of it, whose violation is known. ``expires`` is the first day it counts again."""

    clause: str
    reason: str
    expires: date
    case: str = ""
    link: str = ""

    def covers(self, clause: str, case: str, day: date) -> bool:
        """Whether it waives a violation of a clause by a case on a day."""
        return self.clause == clause and self.case in ("", case) and day < self.expires

    def as_event(self) -> dict[str, str]:
        """Return the waiver as the record keeps it."""
        return {**asdict(self), "expires": self.expires.isoformat()}


def load(path: Path, contract: Contract) -> tuple[Waiver, ...]:
    """Read a waivers.toml. Raises SettingsError naming the file, the waiver, the reason and the remedy."""
    data = documents.read_toml(path, SettingsError)
    rows = data.get("waivers")
    text = {**data, "waivers": [_dated(row) for row in rows]} if isinstance(rows, list) else data
    documents.check(text, "waivers", str(path), SettingsError)
    for row in data["waivers"]:
        if row["clause"] not in contract.clauses:
            raise SettingsError(
                f"{path}: waiver of {row['clause']}", "is of no clause", "Name a clause by its id."
            )
    return tuple(Waiver(**{**row, "expires": _existing(row["expires"], path)}) for row in data["waivers"])


def _existing(day: date | str, path: Path) -> date:
    try:
        return day if isinstance(day, date) else date.fromisoformat(day)
    except ValueError as problem:
        raise SettingsError(f"{path}: expires", f"{day!r} is no day", "Write it like 2027-01-31.") from problem


def _dated(row: Any) -> Any:
    """Return a waiver with its date as text, so that a schema can be asked."""
    if not isinstance(row, dict) or type(row.get("expires")) is not date:
        return row
    return {**row, "expires": row["expires"].isoformat()}


def of(start: Mapping[str, Any]) -> tuple[Waiver, ...]:
    """Return the waivers that a run's first event has."""
    rows: Sequence[Mapping[str, str]] = start.get("waivers", ())
    return tuple(
        Waiver(row["clause"], row["reason"], _date(row["expires"]), row["case"], row["link"]) for row in rows
    )


def _date(text: str) -> date:
    """Return a date; the first of all days, on which everything has expired, for a day that does not exist."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return date.min
