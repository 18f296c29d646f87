"""One run of the suite in one process: everything it works with, from settings to record."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from refund_conformance.cases import explorations
from refund_conformance.contract import Contract
from refund_conformance.dispatch import Dispatch
from refund_conformance.errors import TargetError
from refund_conformance.examination import Examination
from refund_conformance.exploration import explore
from refund_conformance.profile import Profile
from refund_conformance.record import Record
from refund_conformance.redaction import Redactor
from refund_conformance.result import Result
from refund_conformance.target.client import Client
from refund_conformance.target.ledger import Ledger
from refund_conformance.target.orders import OrderBook
from refund_conformance.target.settings import Settings
from refund_conformance.target.tokens import Tokens

T = TypeVar("T")

NUMBERS_APART = 10_000_000
"""Between the exchange numbers of one worker and the next."""


class Run:
    """A run against a target. ``share`` is (index, count) of this worker; ``sink`` takes the events.

    Once the target is gone, ``over`` says why, and nothing more is sent.
    """

    def __init__(
        self,
        contract: Contract,
        settings: Settings,
        profile: Profile,
        seed: int,
        sink: Callable[[dict[str, Any]], None],
        ledger: Ledger,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        index, count = share
        self._ledger = ledger
        self.contract = contract
        self.profile = profile
        self.over = ""
        self.seed = seed
        tokens = Tokens(settings, contract.operation)
        redactor = Redactor((*settings.secrets, *tokens.values()))
        record = Record(redactor, sink, 1 + index * NUMBERS_APART)
        client = Client(settings, tokens, redactor, record.exchange, ledger.run)
        orders = OrderBook(
            settings.orders,
            profile.orders if settings.max_orders is None else min(profile.orders, settings.max_orders),
            ledger,
            lambda group, order: record.keep({"event": "leased", "group": group, "order": order}),
        )
        requests = min(profile.requests, settings.max_requests or profile.requests)
        dispatch = Dispatch(contract, settings, client, orders, record, requests // count)
        self.examination = Examination(dispatch)
        self._strategies = explorations(contract)
        self._deadline = time.monotonic() + (settings.max_seconds or profile.seconds)

    def begin(self) -> None:
        """Reach the target for the first time. Raises TargetError if it cannot be judged."""
        self._guarded(self.examination.begin)

    def carry_out(self, check: Callable[[Examination], T]) -> T:
        """Carry out a check. Raises TargetError if the target is gone, or the run's time is over."""
        if self.over:
            raise TargetError("run", self.over, "Run again.")
        if time.monotonic() > self._deadline:
            self.over = "its time is over (target.max_seconds)"
            raise TargetError("run", self.over, "Allow it more time.")
        return self._guarded(lambda: check(self.examination))

    def explore(self, clause: str) -> Result | None:
        """Carry out cases of a clause that Hypothesis draws; None if there are none, or it is violated already."""
        strategy = self._strategies.get(clause)
        if strategy is None or clause in self.examination.dispatch.violated:
            return None
        return self.carry_out(lambda examination: explore(examination, strategy, self.profile, self.seed))

    def close(self) -> None:
        """Close the connections."""
        self._ledger.close()
        self.examination.dispatch.client.close()

    def _guarded(self, check: Callable[[], T]) -> T:
        try:
            return check()
        except TargetError as problem:
            self.over = str(problem)
            raise
