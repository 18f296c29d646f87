"""What the first requests of a run showed, for the processes and lanes that share the rest of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refund_conformance.oracle.result import Result


@dataclass(frozen=True)
class Beginning:
    """The state of a run after its first requests.

    ``results`` are those of the cases that were sent, ``spent`` the orders that were accepted; ``turns``,
    ``partly_used`` and ``closed`` tell how further ones are leased.
    """

    results: tuple[Result, ...]
    spent: tuple[str, ...]
    turns: int
    partly_used: bool
    closed: str

    def as_data(self) -> dict[str, Any]:
        """Return the beginning as JSON has it."""
        return {**vars(self), "results": [result.as_event() for result in self.results]}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Beginning":
        """Return what ``as_data`` had written."""
        results = tuple(Result.from_event(event) for event in data["results"])
        return cls(**{**data, "results": results, "spent": tuple(data["spent"])})
