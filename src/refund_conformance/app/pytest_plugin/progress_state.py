"""How far a run is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Event = Mapping[str, Any]


@dataclass
class ProgressState:
    """How far a run is.

    ``left`` counts the tests of each clause that are still to come; ``orders`` are the refundable ones that may be
    leased.
    """

    orders: int = 0
    left: Counter[str] = field(default_factory=Counter)
    clauses: int = 0
    tests: int = 0
    done: int = 0
    requests: int = 0
    leased: int = 0

    def plan(self, tests: Mapping[str, int], count: int) -> None:
        """Take in how many tests each clause has, and how many there are. Each worker tells the same."""
        if not self.clauses:
            self.left, self.clauses, self.tests = Counter(tests), len(tests), count

    def end(self, clauses: Sequence[str]) -> None:
        """Count a test of some clauses as done."""
        self.left.subtract(clauses)
        self.done += 1

    def take(self, event: Event) -> None:
        """Count what an event of the record tells."""
        self.requests += event["event"] == "exchange"
        self.leased += event["event"] == "leased" and event["group"] == "refundable"

    @property
    def clauses_done(self) -> int:
        """How many clauses have no test to come."""
        return sum(count <= 0 for count in self.left.values())

    @property
    def orders_left(self) -> int:
        """How many refundable orders the run may still lease."""
        return max(0, self.orders - self.leased)
