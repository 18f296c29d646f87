"""What the first requests of a run showed, for the parts that share the rest of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from refund_conformance.oracle.result import Result
from refund_conformance.sut.order_pool import OrderState


@dataclass(frozen=True)
class Snapshot:
    """The state of a run after its first requests: the results of the cases that were sent, and of the orders."""

    results: tuple[Result, ...]
    orders: OrderState

    def as_data(self) -> dict[str, Any]:
        """Return the snapshot as JSON has it."""
        return {"results": [result.as_event() for result in self.results], "orders": asdict(self.orders)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Snapshot":
        """Return what ``as_data`` had written."""
        results = tuple(Result.from_event(event) for event in data["results"])
        orders = data["orders"]
        return cls(results, OrderState(tuple(orders["accepted"]), tuple(orders["used"]), orders["stop_reason"]))
