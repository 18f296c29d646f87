"""Requests that are sent ahead: once each, and only worth something for the order that they were sent for."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from engine_stage import CASES, CONTRACT, refused, stage
from refund_conformance.cases.case import plain_case
from refund_conformance.engine.prefetch import Pool, Prefetch
from refund_conformance.sut.order_pool import NoOrderError
from refund_conformance.transport.exchange import Exchange, Request

CASE = CASES["email.null/null"]
OTHER = CASES["email.empty/empty"]
EXCHANGE = Exchange(Request("POST", "/", (), b""), refused(15010), None, "", 0.0, 0.0)


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(2)
    yield pool
    pool.stop()


def test_what_was_sent_ahead_is_taken_once(pool: Pool) -> None:
    ahead = Prefetch(pool)
    assert ahead.takes(CASE)
    ahead.offer(CASE, "1", lambda: EXCHANGE)
    assert not ahead.takes(CASE)
    assert ahead.takes(OTHER)
    assert ahead.take(CASE, "1") is EXCHANGE
    assert ahead.take(CASE, "1") is None


def test_what_was_sent_for_another_order_is_void(pool: Pool) -> None:
    ahead = Prefetch(pool)
    ahead.offer(CASE, "1", lambda: EXCHANGE)
    assert ahead.take(CASE, "2") is None
    assert ahead.take(CASE, "1") is None


def test_what_was_not_sent_is_not_there(pool: Pool) -> None:
    assert Prefetch(pool).take(CASE, "1") is None


def test_what_went_wrong_on_the_way_is_raised_when_it_is_taken(pool: Pool) -> None:
    def send() -> Exchange:
        raise NoOrderError("the run's requests are used up")

    ahead = Prefetch(pool)
    ahead.offer(CASE, "1", send)
    with pytest.raises(NoOrderError, match="used up"):
        ahead.take(CASE, "1")


def test_what_was_not_begun_when_the_pool_closed_is_raised_too() -> None:
    held, pool = threading.Event(), Pool(1)
    pool.submit(0, held.wait)
    ahead = Prefetch(pool)
    ahead.offer(CASE, "1", lambda: EXCHANGE)
    pool.stop()
    held.set()
    with pytest.raises(CancelledError):
        ahead.take(CASE, "1")


def test_of_two_the_more_urgent_is_sent_first() -> None:
    held, pool, sent = threading.Event(), Pool(1), []
    pool.submit(-1, held.wait)

    def send(name: str) -> Exchange:
        sent.append(name)
        return EXCHANGE

    later, sooner = Prefetch(pool, 1), Prefetch(pool, 0)
    later.offer(CASE, "1", lambda: send("later"))
    sooner.offer(CASE, "1", lambda: send("sooner"))
    held.set()
    assert later.take(CASE, "1") is sooner.take(CASE, "1") is EXCHANGE
    assert sent == ["sooner", "later"]
    pool.stop()


def test_without_a_pool_nothing_is_sent_ahead() -> None:
    ahead = Prefetch()
    assert not ahead.takes(CASE)
    ahead.offer(CASE, "1", lambda: pytest.fail("it was sent"))
    assert ahead.take(CASE, "1") is None


# ---- an runner with several requests in flight


def test_a_case_that_was_sent_ahead_is_not_sent_again(pool: Pool) -> None:
    made = stage(refused(15010))
    made.executor.prefetched = Prefetch(pool)
    runner = made.runner
    runner.prefetch([CASE, OTHER, CASE])
    results = [runner.examine(case) for case in (CASE, OTHER)]
    assert [result.outcome for result in results] == ["held", "held"]
    assert made.orders == ["730001", "730001"]


def test_only_what_must_be_refused_is_sent_ahead(pool: Pool) -> None:
    made = stage(refused(15010))
    made.executor.prefetched = Prefetch(pool)
    right = [plain_case(CONTRACT), CASES["description.unicode/asks-nul-character"]]
    made.runner.prefetch([*right, OTHER])
    assert [made.executor.prefetched.takes(case) for case in (*right, OTHER)] == [True, True, False]


def test_the_very_same_request_is_sent_ahead_once(pool: Pool) -> None:
    same = CASES["fields.message-names-field/email"]
    twins = [
        case for case in CASES.values() if case.draft.body == same.draft.body and case.clause.startswith("email.")
    ]
    assert twins
    made = stage(refused(15010))
    made.executor.prefetched = Prefetch(pool)
    runner = made.runner
    runner.prefetch([twins[0], same])
    assert [runner.examine(case).outcome for case in (twins[0], same)] == ["held", "held"]
    assert len(made.client.requests) == 1


def test_where_orders_have_run_out_nothing_is_sent_ahead(pool: Pool) -> None:
    made = stage(refused(15010), groups={"unknown": ("990001",)})
    made.executor.prefetched = Prefetch(pool)
    made.runner.prefetch([CASE])
    assert made.runner.examine(CASE).reason == "orders.refundable is not set"
    assert made.client.requests == []
