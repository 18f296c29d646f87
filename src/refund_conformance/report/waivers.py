"""Known deviations: violations that do not fail a run until a day, each with its reason."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from refund_conformance.contract import documents
from refund_conformance.contract.errors import SettingsError
from refund_conformance.contract.model import Contract
from refund_conformance.report.escaping import plain

REMIND_DAYS = 14
"""Days before its end from which on a waiver is reported, unless it says otherwise."""


@dataclass(frozen=True)
class Waiver:
    """A clause, an area, or one case or failure of it, whose violation is known.

    ``expires`` is the first day on which it counts again, ``remind_days`` how many days before it is announced.
    ``fingerprint`` is that of the one failure that is meant, "" for any. ``owner`` is who sees to it.
    """

    clause: str
    reason: str
    expires: date
    case: str = ""
    link: str = ""
    owner: str = ""
    fingerprint: str = ""
    remind_days: int = REMIND_DAYS

    def names(self, clause: str) -> bool:
        """Whether it is about a clause: by its id, or by its area."""
        return self.clause in (clause, clause.partition(".")[0])

    def matches(self, clause: str, case: str, fingerprint: str = "") -> bool:
        """Whether it is about a violation of a clause by a case, on any day."""
        is_same = not self.fingerprint or self.fingerprint == fingerprint
        return self.names(clause) and self.case in ("", case) and is_same

    def covers(self, clause: str, case: str, day: date, fingerprint: str = "") -> bool:
        """Whether it waives a violation of a clause by a case on a day."""
        return self.matches(clause, case, fingerprint) and day < self.expires

    def as_event(self) -> dict[str, str | int]:
        """Return the waiver as the record keeps it."""
        return {**asdict(self), "expires": self.expires.isoformat()}

    def note(self, day: date, *, is_matched: bool, is_tested: bool) -> str:
        """Return what there is to say of it after a run on a day, in a sentence; "" if nothing.

        ``is_matched`` tells whether the run had a failure that it is about, ``is_tested`` whether the run tested
        a clause that it names.
        """
        if day >= self.expires:
            if is_matched:
                state = f"expired on {self.expires}, and still matches a failure: correct the server, or renew it"
            else:
                state = f"expired on {self.expires}, and matched no failure: remove it"
        elif not is_matched:
            reason = "remove or correct it" if is_tested else "its clauses were not tested"
            state = f"matched no failure: {reason}"
        elif (left := (self.expires - day).days) <= self.remind_days:
            state = (
                f"expires on {self.expires}, in {left} day{'' if left == 1 else 's'}: {plain(self.reason, 200)}"
            )
        else:
            return ""
        owner = f" (owner: {plain(self.owner, 100)})" if self.owner else ""
        return f"Waiver of {plain(self.case or self.clause, 200)}{owner} {state}."


def fingerprint(clause: str, finding: Mapping[str, Any]) -> str:
    """Return what tells one failure of a clause from another: how it fails, and what the target answered.

    It is the same from run to run and for every case that fails alike.
    """
    return hashlib.sha256(json.dumps([clause, finding["kind"], finding["actual"]]).encode()).hexdigest()[:12]


def load(path: Path, contract: Contract) -> tuple[Waiver, ...]:
    """Read a waivers.toml. Raises SettingsError naming the file, the waiver, the reason and the remedy."""
    data = documents.read_toml(path, SettingsError)
    rows = data.get("waivers")
    text = {**data, "waivers": [_dated(row) for row in rows]} if isinstance(rows, list) else data
    documents.check(text, "waivers", str(path), SettingsError)
    known: Collection[str] = {*contract.clauses, *contract.areas}
    for row in data["waivers"]:
        if row["clause"] not in known:
            raise SettingsError(
                f"{path}: waiver of {row['clause']}",
                "unknown clause or area",
                "`refund-conformance clauses` lists them.",
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
    """Return the waivers that a run's first event has; one of version 0.1 has neither owner nor fingerprint."""
    rows: Sequence[Mapping[str, Any]] = start.get("waivers", ())
    return tuple(Waiver(**{**row, "expires": _date(row["expires"])}) for row in rows)


def _date(text: str) -> date:
    """Return a date; the first of all days, on which everything has expired, for a day that does not exist."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return date.min
