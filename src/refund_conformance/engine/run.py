"""One part of a run, or the whole of it: checks are carried out until the target is gone or the time is over."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from refund_conformance.cases.case import Case
from refund_conformance.contract.errors import TargetError
from refund_conformance.engine import smoke_test
from refund_conformance.engine.asking import ask_why
from refund_conformance.engine.context import RunContext
from refund_conformance.engine.example_database import database
from refund_conformance.engine.fuzzing import explore
from refund_conformance.engine.prefetch import Pool, Prefetch
from refund_conformance.engine.runner import Runner
from refund_conformance.engine.snapshot import Snapshot
from refund_conformance.oracle.result import Outcome, Result

T = TypeVar("T")


class Run:
    """A run against a target, or a part of it beside others.

    Once the target is gone, ``over`` says why, and no part sends anything more.
    """

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.runner = context.runner()

    @property
    def over(self) -> str:
        """Why nothing more is sent, "" as long as it is."""
        return self.context.ending.reason

    @over.setter
    def over(self, reason: str) -> None:
        self.context.ending.reason = reason

    def apart(self, pool: Pool, urgency: int) -> "Run":
        """Return a part of this run, beside others; ``pool`` sends ahead for it, with that urgency among them."""
        part = Run(self.context)
        part.runner.executor.prefetched = Prefetch(pool, urgency)
        part.resume(self.runner.snapshot())
        return part

    def begin(self) -> None:
        """Reach the target for the first time.

        Raises TargetError if it cannot be judged, and SettingsError for a place of examples that cannot be used.
        """
        database(self.context.settings.examples, "beginning")
        self._guarded(lambda: smoke_test.begin(self.runner))

    def resume(self, snapshot: Snapshot) -> None:
        """Go on from where another part of the run has begun."""
        self.runner.resume(snapshot)

    def prefetch(self, cases: Iterable[Case]) -> None:
        """Send the requests of cases whose turn will come, unless the run is over."""
        if not self.over:
            with suppress(TargetError):  # which the check itself meets, and tells
                self._guarded(lambda: self.runner.prefetch(cases))

    def leave_out(self, clause: str, case: Case | None) -> str:
        """Keep a check as untested that the run's requests or orders do not suffice for; return the reason."""
        requests, orders = self.context.limits
        reason = f"the run's {requests} requests and {orders} orders go to checks that tell more"
        id_, title = (case.id, case.title) if case else (f"{clause}/left-out", "Several requests.")
        because = self.context.bounded_by
        self.runner.executor.keep(Result(id_, clause, title, Outcome.UNTESTED, reason, because=because))
        return reason

    def carry_out(self, check: Callable[[Runner], T]) -> T:
        """Carry out a check. Raises TargetError if the target is gone, or the run's time is over."""
        if self.over:
            raise TargetError("run", self.over, "Run again.")
        if self.context.allowance.is_over:
            self.over = "time limit reached; raise target.max_seconds"
            raise TargetError("run", self.over, "Run again.")
        return self._guarded(lambda: check(self.runner))

    def explore(self, clause: str) -> Result | None:
        """Carry out cases of a clause that Hypothesis draws; None if there are none, or it is violated already."""
        strategy = self.context.strategies.get(clause)
        if strategy is None or clause in self.runner.executor.violated:
            return None
        kept = database(self.context.settings.examples, clause)
        drawn, seed = self.context.draw(clause), self.context.seed
        return self.carry_out(lambda runner: explore(runner, strategy, drawn, seed, kept))

    def finish(self) -> None:
        """Try once more what came to no decision, and ask why clauses are broken, unless the run is over."""
        for last in (self.runner.repeat_undecided, lambda: ask_why(self.runner)):
            if not self.over and not self.context.allowance.is_over:
                with suppress(TargetError):  # which then stands in the record as the reason
                    self._guarded(last)

    def close(self) -> None:
        """Close what the parts of the run share."""
        self.context.close()

    def _guarded(self, check: Callable[[], T]) -> T:
        try:
            return check()
        except TargetError as problem:
            self.over = str(problem)
            raise
