"""What the first requests of a run showed, for the parts that share the rest of it."""

from dataclasses import dataclass

from refund_conformance.oracle.result import Result
from refund_conformance.sut.order_pool import OrderState


@dataclass(frozen=True)
class Snapshot:
    """The state of a run after its first requests: the results of the cases that were sent, and of the orders."""

    results: tuple[Result, ...]
    orders: OrderState
