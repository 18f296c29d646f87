"""The lines in which doctor reports, each with its level, remedy and exit status."""

from dataclasses import dataclass
from enum import StrEnum

from refund_conformance.contract.errors import SettingsError, TargetError

_DAY, _HOUR = 86400, 3600


class Level(StrEnum):
    """How a line is meant."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Line:
    """One thing that was looked at. ``status`` is the exit status that a problem of its kind asks for."""

    level: Level
    what: str
    text: str
    remedy: str = ""
    status: int = 0

    def __str__(self) -> str:
        told = f"{self.level:<8} {self.what}: {self.text}"
        return f"{told}\n{'':<8} {self.remedy}" if self.remedy else told


def ok(what: str, text: str) -> Line:
    return Line(Level.OK, what, text)


def warning(what: str, text: str, remedy: str) -> Line:
    return Line(Level.WARNING, what, text, remedy)


def of_settings(what: str, text: str, remedy: str) -> Line:
    """Return a problem of the settings."""
    return Line(Level.PROBLEM, what, text, remedy, SettingsError.exit_status)


def of_target(what: str, text: str, remedy: str) -> Line:
    """Return a problem of the target."""
    return Line(Level.PROBLEM, what, text, remedy, TargetError.exit_status)


def exit_status(lines: list[Line]) -> int:
    """Return the exit status that lines ask for: that of the settings before that of the target."""
    return min((line.status for line in lines if line.status), default=0)


def span(seconds: float) -> str:
    """Return a time in the two largest units that it has."""
    whole = int(seconds)
    if whole >= 2 * _DAY:
        return f"{whole // _DAY} days"
    if whole >= _HOUR:
        return f"{whole // _HOUR} h {whole % _HOUR // 60} min"
    return f"{whole // 60} min" if whole >= 60 else f"{whole} s"
