"""One run of the suite in one process: everything it works with, from settings to record."""

import copy
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis.strategies import SearchStrategy

from refund_conformance.cases import explorations
from refund_conformance.cases.case import Case
from refund_conformance.cases.generation import Drawn, draw
from refund_conformance.contract.errors import TargetError
from refund_conformance.contract.model import Contract
from refund_conformance.contract.untested import Because
from refund_conformance.engine import smoke_test
from refund_conformance.engine.example_database import database
from refund_conformance.engine.executor import Dispatch
from refund_conformance.engine.fuzzing import explore
from refund_conformance.engine.generator_process import Generation
from refund_conformance.engine.partitions import joints
from refund_conformance.engine.prefetch import Ahead
from refund_conformance.engine.race import raced_cases
from refund_conformance.engine.recorder import Record
from refund_conformance.engine.runner import Examination
from refund_conformance.engine.snapshot import Snapshot
from refund_conformance.engine.worker_pool import Pool
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut.client import Client
from refund_conformance.sut.ledger import Ledger
from refund_conformance.sut.limits import Allowance, limits_of
from refund_conformance.sut.order_pool import OrderPool
from refund_conformance.sut.profile import Profile
from refund_conformance.sut.settings import Settings
from refund_conformance.sut.tokens import Tokens
from refund_conformance.transport.redaction import Redactor

T = TypeVar("T")

MANY_EXAMPLES = 100
"""From so many cases for each exploration on, a process of their own is worth its start."""


@dataclass
class _End:
    """Why a run is over, "" as long as it is not; known to all parts of it."""

    reason: str = ""


class Run:
    """A run against a target, or a part of it beside others.

    ``chosen`` are the clauses to be checked; ``sink`` takes the events, and ``in_flight`` is how many requests may
    be under way at once. Once the target is gone,
    ``over`` says why, and nothing more is sent.
    """

    def __init__(
        self,
        contract: Contract,
        settings: Settings,
        profile: Profile,
        seed: int,
        sink: Callable[[dict[str, Any]], None],
        ledger: Ledger,
        chosen: Collection[str],
        in_flight: int = 1,
    ) -> None:
        self.contract = contract
        self.profile = profile
        self.seed = seed
        self._end = _End()
        self._settings = settings
        self._ledger = ledger
        tokens = Tokens(settings, contract.operation)
        redactor = Redactor((*settings.secrets, *tokens.values()))
        self._record = Record(redactor, sink)
        self._client = Client(
            settings, tokens, redactor, self._record.exchange, ledger.run, in_flight, contract.operation.media_type
        )
        self._allowance = Allowance(limits_of(settings, profile))
        listed = settings.orders.get("refundable", ())
        self._used: dict[str, None] = {}
        self._is_fresh = settings.fresh or ledger.knows(listed)
        ledger.register(listed)
        self._joints = joints(contract, chosen)
        self._raced = raced_cases(contract, chosen) if self._may_accept else frozenset()
        self._strategies = explorations(contract)
        beside = profile.examples >= MANY_EXAMPLES
        self._generation = Generation(contract, profile.examples, seed) if beside else None
        self.examination = self._new_examination()

    @property
    def over(self) -> str:
        """Why nothing more is sent, "" as long as it is."""
        return self._end.reason

    @over.setter
    def over(self, reason: str) -> None:
        self._end.reason = reason

    def _new_examination(self) -> Examination:
        limits = self._allowance.limits
        orders = OrderPool(
            self._settings.orders,
            limits.orders,
            self._ledger,
            lambda group, order: self._record.keep({"event": "leased", "group": group, "order": order}),
            fresh=self._is_fresh,
            is_bounded=limits.narrowed_orders,
            used=self._used,
        )
        dispatch = Dispatch(self.contract, self._settings, self._client, orders, self._record, self._allowance)
        return Examination(dispatch, self._joints, self._raced)

    def apart(self, pool: Pool, urgency: int) -> "Run":
        """Return a part of this run, beside others; ``pool`` sends ahead for it, with that urgency among them."""
        part = copy.copy(self)
        part.examination = self._new_examination()
        part.examination.dispatch.ahead = Ahead(pool, urgency)
        part.resume(self.examination.snapshot())
        return part

    def begin(self) -> None:
        """Reach the target for the first time.

        Raises TargetError if it cannot be judged, and SettingsError for a place of examples that cannot be used.
        """
        database(self._settings.examples, "beginning")
        self._guarded(lambda: smoke_test.begin(self.examination))

    def resume(self, snapshot: Snapshot) -> None:
        """Go on from where another process of the run has begun."""
        self.examination.resume(snapshot)

    def send_ahead(self, cases: Iterable[Case]) -> None:
        """Send the requests of cases whose turn will come, unless the run is over."""
        if not self.over:
            with suppress(TargetError):  # which the check itself meets, and tells
                self._guarded(lambda: self.examination.send_ahead(cases))

    @property
    def limits(self) -> tuple[int, int]:
        """The most requests that the run may send, and the most refundable orders that it may and can lease."""
        listed = len(self._settings.orders.get("refundable", ()))
        limits = self._allowance.limits
        return limits.requests, min(limits.orders, listed or limits.orders)

    @property
    def _may_accept(self) -> bool:
        """Whether there is a refundable order that the run may lease."""
        return bool(self._settings.orders.get("refundable")) and self.limits[1] > 0

    def leave_out(self, clause: str, case: Case | None) -> str:
        """Keep a check as untested that the run's requests or orders do not suffice for; return the reason."""
        requests, orders = self.limits
        reason = f"the run's {requests} requests and {orders} orders go to checks that tell more"
        id_, title = (case.id, case.title) if case else (f"{clause}/left-out", "Several requests.")
        result = Result(id_, clause, title, Outcome.UNTESTED, reason, because=self._bounded_by)
        self.examination.dispatch.keep(result)
        return reason

    @property
    def _bounded_by(self) -> Because:
        """What bounds the run: the settings' own limits, the orders that they list, or else the profile."""
        limits = self._allowance.limits
        if self.profile.smoke or limits.narrowed_requests or limits.narrowed_orders:
            return Because.CHOICE
        return Because.BUDGET if self.limits == (limits.requests, limits.orders) else Because.SETTINGS

    def carry_out(self, check: Callable[[Examination], T]) -> T:
        """Carry out a check. Raises TargetError if the target is gone, or the run's time is over."""
        if self.over:
            raise TargetError("run", self.over, "Run again.")
        if self._allowance.is_over:
            self.over = "its time is over (target.max_seconds)"
            raise TargetError("run", self.over, "Allow it more time.")
        return self._guarded(lambda: check(self.examination))

    def explore(self, clause: str) -> Result | None:
        """Carry out cases of a clause that Hypothesis draws; None if there are none, or it is violated already."""
        strategy = self._strategies.get(clause)
        if strategy is None or clause in self.examination.dispatch.violated:
            return None
        kept = database(self._settings.examples, clause)
        drawn = self._drawn(clause, strategy)
        return self.carry_out(lambda examination: explore(examination, strategy, drawn, self.seed, kept))

    def _drawn(self, clause: str, strategy: SearchStrategy[Case]) -> Iterator[Drawn]:
        if self._generation is not None:
            return self._generation.draw(clause)
        return draw(strategy, self.profile.examples, self.seed)

    def finish(self) -> None:
        """Try once more what came to no decision, unless the run is over."""
        if not self.over and not self._allowance.is_over:
            with suppress(TargetError):  # which then stands in the record as the reason
                self._guarded(self.examination.repeat_undecided)

    def close(self) -> None:
        """Close the record and the connections, and end the process that draws."""
        if self._generation is not None:
            self._generation.close()
        self._record.close()
        self._ledger.close()
        self._client.close()

    def _guarded(self, check: Callable[[], T]) -> T:
        try:
            return check()
        except TargetError as problem:
            self.over = str(problem)
            raise
