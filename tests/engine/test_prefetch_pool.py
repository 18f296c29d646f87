"""Threads for calls: the urgent ones first, each once, and none after the end."""

import threading
from concurrent.futures import CancelledError
from functools import partial
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refund_conformance.engine.prefetch import Pool

PATIENCE = 30
"""Seconds after which a test that hangs fails."""


@given(st.lists(st.integers(0, 5), max_size=20))
def test_the_most_urgent_call_goes_first_and_of_equals_the_oldest(urgencies: list[int]) -> None:
    held, pool = threading.Event(), Pool(1)
    done: list[tuple[int, int]] = []
    pool.submit(-1, held.wait)
    outcomes = [pool.submit(call[0], partial(done.append, call)) for call in zip(urgencies, count(), strict=False)]
    held.set()
    for outcome in outcomes:
        outcome.result(PATIENCE)
    pool.stop()
    assert done == sorted(zip(urgencies, count(), strict=False))


def test_so_many_calls_go_on_at_once_as_there_are_threads() -> None:
    together, pool = threading.Barrier(3, timeout=PATIENCE), Pool(3)
    outcomes = [pool.submit(0, together.wait) for _ in range(3)]
    assert sorted(outcome.result(PATIENCE) for outcome in outcomes) == [0, 1, 2]
    pool.stop()


def test_what_a_call_raises_is_raised_by_its_outcome_and_the_thread_goes_on() -> None:
    def fail() -> None:
        raise KeyboardInterrupt("it fails")

    pool = Pool(1)
    outcome, after = pool.submit(0, fail), pool.submit(0, lambda: "done")
    with pytest.raises(KeyboardInterrupt, match="it fails"):
        outcome.result(PATIENCE)
    assert after.result(PATIENCE) == "done"
    pool.stop()


def test_a_call_that_was_cancelled_is_passed_over() -> None:
    held, pool = threading.Event(), Pool(1)
    pool.submit(0, held.wait)
    never, after = pool.submit(0, lambda: pytest.fail("it was carried out")), pool.submit(0, lambda: "done")
    assert never.cancel()
    held.set()
    assert after.result(PATIENCE) == "done"
    pool.stop()


def test_when_a_pool_stops_what_is_under_way_ends_and_what_waits_is_cancelled() -> None:
    begun, held, pool = threading.Event(), threading.Event(), Pool(1)

    def hold() -> str:
        begun.set()
        held.wait(PATIENCE)
        return "done"

    under_way = pool.submit(0, hold)
    assert begun.wait(PATIENCE)
    waiting = pool.submit(0, lambda: "never")
    pool.stop()
    held.set()
    assert under_way.result(PATIENCE) == "done"
    with pytest.raises(CancelledError):
        waiting.result(PATIENCE)
    with pytest.raises(CancelledError):
        pool.submit(0, lambda: "never").result(PATIENCE)


def test_a_pool_that_has_stopped_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    pool = Pool(4)
    begun = set(threading.enumerate()) - before
    assert len(begun) == 4
    pool.stop()
    for thread in begun:
        thread.join(PATIENCE)
        assert not thread.is_alive()
