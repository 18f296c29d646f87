"""Whole runs of the command against something in front of a mock, each from a folder of its own."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command_runs import Call, Ended, call


@dataclass(frozen=True)
class Judged:
    """A run that has ended, with its report."""

    ended: Ended
    conformance: dict[str, Any]

    @property
    def verdict(self) -> tuple[int, str]:
        """The exit status, and the verdict of the report."""
        return self.ended.status, self.conformance["verdict"]

    def with_result(self, result: str) -> set[str]:
        """Return the ids of the clauses with a result."""
        return {row["id"] for row in self.conformance["clauses"] if row["result"] == result}

    @property
    def reasons(self) -> str:
        """Why clauses are untested, and what the run printed."""
        rows = self.conformance["clauses"]
        return "\n".join([*(row["reason"] for row in rows), self.ended.out, self.ended.err])


def judged(folder: Path, settings: str, *words: str, **variables: str) -> Judged:
    """Run the suite with target settings in a new folder."""
    ended = call(folder, Call(("run", "--target", "target.toml", *words), {"target.toml": settings}, variables))
    file = ended.report / "conformance.json"
    assert file.exists(), ended.out + ended.err
    return Judged(ended, json.loads(file.read_text(encoding="utf-8")))
