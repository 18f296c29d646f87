"""The partitions of a run side by side in one process: each check is carried out before it is asked for."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Thread

from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.cases.case import Case
from refund_conformance.engine.partitions import URGENT_PARTITIONS
from refund_conformance.engine.prefetch import Pool
from refund_conformance.engine.run import Run


@dataclass(frozen=True)
class Check:
    """One check of a partition: what carries it out, and its case if it is of one case."""

    carry_out: Callable[[Target], None]
    case: Case | None = None
    outcome: "Future[None]" = field(default_factory=Future)


class ParallelRun:
    """Carries out the checks of each partition in order, the partitions side by side.

    Up to ``width`` requests are in flight.

    What a check raises is raised by its ``outcome``.
    """

    def __init__(self, run: Run, partitions: Mapping[str, Sequence[Check]], width: int) -> None:
        self._run = run
        self._width = width
        self._pool = Pool(width)
        self._threads = [
            Thread(
                target=self._run_partition, args=(partition, checks), name=f"partition-{partition}", daemon=True
            )
            for partition, checks in partitions.items()
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, reason: str, seconds: float) -> None:
        """Send nothing more; wait so long for what is under way."""
        if any(thread.is_alive() for thread in self._threads):
            self._run.over = self._run.over or reason
        self._pool.stop()
        for thread in self._threads:
            thread.join(seconds / len(self._threads))

    def _run_partition(self, partition: str, checks: Sequence[Check]) -> None:
        run = self._run.apart(
            self._pool,
            URGENT_PARTITIONS.index(partition) if partition in URGENT_PARTITIONS else len(URGENT_PARTITIONS),
        )
        target = Target(run)
        for place, check in enumerate(checks):
            try:
                coming = [later.case for later in checks[place : place + self._width]]
                run.prefetch([case for case in coming if case is not None])
                check.carry_out(target)
            except BaseException as raised:
                check.outcome.set_exception(raised)
            else:
                check.outcome.set_result(None)
        run.finish()
