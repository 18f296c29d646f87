"""Partitions side by side: each check in its partition's order, and what it raised where it is asked for."""

import threading
from collections.abc import Iterator

import pytest

from engine_stage import CASES, on_mock
from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.app.pytest_plugin.parallel import Check, ParallelRun
from refund_conformance.contract.errors import TargetError
from refund_conformance.engine.partitions import PARTITIONS, URGENT_PARTITIONS
from refund_conformance.engine.prefetch import Pool
from refund_conformance.engine.run import Run
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings

PATIENCE = 30
"""Seconds after which a test that hangs fails."""


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running(MockSettings(refundable=200)) as mock:
        yield mock


def check_of(id_: str) -> Check:
    return Check(lambda target: target.check(CASES[id_]), CASES[id_])


def test_each_lane_keeps_its_order(mock: RunningMock) -> None:
    seen: dict[str, list[int]] = {"one": [], "other": []}

    def check(partition: str, number: int) -> Check:
        return Check(lambda target: seen[partition].append(number))

    partitions = {partition: [check(partition, number) for number in range(50)] for partition in seen}
    with on_mock(mock) as made:
        flight = ParallelRun(made.run, partitions, 4)
        for checks in partitions.values():
            for one in checks:
                one.outcome.result(PATIENCE)
        flight.stop("", PATIENCE)
    assert seen == {partition: list(range(50)) for partition in seen}


def test_lanes_go_side_by_side(mock: RunningMock) -> None:
    together = threading.Barrier(3, timeout=PATIENCE)

    def meet(target: Target) -> None:
        together.wait()

    partitions = {partition: [Check(meet)] for partition in ("a", "b", "c")}
    with on_mock(mock) as made:
        flight = ParallelRun(made.run, partitions, 2)
        for (check,) in partitions.values():
            check.outcome.result(PATIENCE)
        flight.stop("", PATIENCE)
        assert made.run.over == ""


def test_what_a_check_raises_is_raised_where_it_is_asked_for(mock: RunningMock) -> None:
    def fail(target: Target) -> None:
        pytest.fail("it fails")

    def skip(target: Target) -> None:
        pytest.skip("it is skipped")

    checks = [Check(fail), Check(skip), check_of("email.null/null")]
    with on_mock(mock) as made:
        flight = ParallelRun(made.run, {"fields": checks}, 2)
        with pytest.raises(pytest.fail.Exception, match="it fails"):
            checks[0].outcome.result(PATIENCE)
        with pytest.raises(pytest.skip.Exception, match="it is skipped"):
            checks[1].outcome.result(PATIENCE)
        checks[2].outcome.result(PATIENCE)
        flight.stop("", PATIENCE)


def test_lanes_have_shared_orders_of_their_own_and_one_record(mock: RunningMock) -> None:
    ids = {
        "fields": ("email.null/null", "email.empty/empty", "description.null/null"),
        "json": ("json.malformed/truncated", "content-type.other/text-plain"),
    }
    partitions = {partition: [check_of(id_) for id_ in each] for partition, each in ids.items()}
    with on_mock(mock, in_flight=4) as made:
        before = len(made.leased())
        flight = ParallelRun(made.run, partitions, 4)
        for checks in partitions.values():
            for check in checks:
                check.outcome.result(PATIENCE)
        flight.stop("", PATIENCE)
        kept = {event["case"]: event["exchanges"] for event in made.kept("case")}
        targets = {event["number"]: event["request"]["target"] for event in made.kept("exchange")}
        assert len(made.leased()) == before + 2
    for each in ids.values():
        assert len({targets[number] for id_ in each for number in kept[id_]}) == 1
    assert len(targets) == len(set(targets)) == 3 + 5


def test_a_run_that_is_stopped_sends_nothing_more(mock: RunningMock) -> None:
    begun, go = threading.Event(), threading.Event()

    def hold(target: Target) -> None:
        begun.set()
        assert go.wait(PATIENCE)

    # Nothing is sent ahead past what a window of one holds.
    checks = [Check(hold), check_of("email.null/null"), check_of("email.empty/empty")]
    with on_mock(mock) as made:
        before = len(made.kept("exchange"))
        flight = ParallelRun(made.run, {"fields": checks}, 1)
        assert begun.wait(PATIENCE)
        flight.stop("it was interrupted", 0.0)
        go.set()
        for check in checks[1:]:
            with pytest.raises(pytest.skip.Exception, match="it was interrupted"):
                check.outcome.result(PATIENCE)
        assert made.run.over == "it was interrupted"
        assert len(made.kept("exchange")) == before
        with pytest.raises(TargetError):
            made.run.carry_out(lambda runner: None)


def test_a_flight_that_has_landed_ends_no_run(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        check = check_of("email.null/null")
        flight = ParallelRun(made.run, {"fields": [check]}, 2)
        check.outcome.result(PATIENCE)
        for thread in flight._threads:
            thread.join(PATIENCE)
        flight.stop("it was interrupted", 0.0)
        assert made.run.over == ""


def test_lanes_that_end_in_a_chain_send_ahead_first(mock: RunningMock, monkeypatch: pytest.MonkeyPatch) -> None:
    urgencies = {}
    with on_mock(mock) as made:

        def apart(pool: Pool, urgency: int) -> Run:
            urgencies[threading.current_thread().name.removeprefix("partition-")] = urgency
            return made.run

        monkeypatch.setattr(made.run, "apart", apart)
        checks = {partition: Check(lambda target: None) for partition in PARTITIONS}
        flight = ParallelRun(made.run, {partition: [check] for partition, check in checks.items()}, 2)
        for check in checks.values():
            check.outcome.result(PATIENCE)
        flight.stop("", PATIENCE)
    assert sorted(URGENT_PARTITIONS, key=urgencies.__getitem__) == list(URGENT_PARTITIONS)
    assert all(
        urgencies[partition] > max(map(urgencies.__getitem__, URGENT_PARTITIONS))
        for partition in set(PARTITIONS) - set(URGENT_PARTITIONS)
    )


def test_without_lanes_there_is_nothing_to_stop(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        ParallelRun(made.run, {}, 2).stop("it was interrupted", 0.0)
        assert made.run.over == ""
