"""What the first requests of a run showed goes to its other processes and partitions as it is."""

from collections.abc import Iterator

import pytest

from engine_stage import CASES, mock_run, on_mock
from refund_conformance.engine.prefetch import Pool
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.result import Outcome, Result

FINDINGS = (
    Finding("auth.missing", Kind.STATUS, "401 with 1008", "200", ("server.steady",)),
    Finding("errors.message", Kind.ADVICE, "a", "b"),
)
RESULTS = (
    Result("a/b", "auth.missing", "Title.", Outcome.VIOLATED, "", FINDINGS, (1, 2), "error", 1, 2),
    Result("a/c", "order.once", "Title.", Outcome.UNTESTED, "orders.refundable is not set"),
)


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running(MockSettings(refundable=200)) as mock:
        yield mock


def test_a_part_sends_nothing_again(mock: RunningMock) -> None:
    with on_mock(mock) as made, on_mock(mock, begun=False) as other:
        other.run.resume(made.runner.snapshot())
        for id_ in ("auth.missing/no-header", "order.refundable/plain", "order.once/second-request"):
            assert other.runner.examine(CASES[id_]).outcome is Outcome.HELD
        assert other.events == []
        assert other.runner.was_refused_at_first("auth.missing/no-header")
        assert other.orders.accepted == made.orders.accepted != ()
        assert other.executor.answers == made.executor.answers
        assert other.runner.snapshot() == made.runner.snapshot()


def test_a_part_knows_what_is_violated_and_where_orders_are_leased() -> None:
    with mock_run("auth-anonymous-passes") as made, mock_run(begun=False) as other:
        made.orders.mark_used("730005")
        made.orders.stop("they are used up")
        other.run.resume(made.runner.snapshot())
        assert "auth.missing" in other.executor.violated
        assert other.orders.state == made.orders.state
        assert not other.runner.was_refused_at_first("auth.missing/no-header")


def test_a_part_beside_others_begins_where_the_run_did(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        part = made.run.apart(Pool(0), 0)
        assert part.runner is not made.runner
        assert part.runner.snapshot() == made.runner.snapshot()
        before = len(made.kept("exchange"))
        assert part.runner.examine(CASES["order.refundable/plain"]).outcome is Outcome.HELD
        assert part.runner.examine(CASES["email.null/null"]).outcome is Outcome.HELD
        assert len(made.kept("exchange")) == before + 1


def test_what_ends_a_part_ends_the_run(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        made.run.apart(Pool(0), 0).over = "the target is gone"
        assert made.run.over == "the target is gone"
