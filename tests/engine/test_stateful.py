"""Random walks over several orders: the target follows the model, or the shortest way off it is told."""

import re
from dataclasses import replace

import pytest

from engine_stage import (
    ACCEPTED,
    TOKENS,
    Answer,
    MockRun,
    Script,
    Stage,
    in_turn,
    lawful,
    mock_run,
    plain,
    refused,
    stage,
)
from refund_conformance.engine.stateful import REQUESTS, VALID, Step, Walk, lifecycle
from refund_conformance.oracle.finding import Kind
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut.order_pool import NoOrderError
from refund_conformance.sut.profile import PROFILES
from refund_conformance.transport.exchange import Failure, Request

ORDERS, STEPS = 2, 16
"""Orders and steps of a walk; it begins with three of its own."""


def walked(made: MockRun | Stage, walks: int = 1, steps: int = STEPS, seed: int = 0) -> Result:
    profile = replace(PROFILES["ci"], walks=walks, steps=steps, walk_orders=ORDERS)
    return lifecycle(made.executor, profile, seed)


def lawful_to_all() -> Script:
    """Return a script that knows the requests of a walk, and answers as it must."""
    orders = lawful()

    def script(request: Request) -> Answer:
        headers = dict(request.headers)
        if "AuthorizationJWT" not in headers:
            return refused(1008)
        if headers["AuthorizationJWT"].endswith(TOKENS["other_merchant_token"]):
            return refused(15060)
        if headers["Content-Type"] != "application/json":
            return refused(111)
        return orders(request) if request.body.endswith(b"}") else refused(110)

    return script


def told(result: Result) -> list[str]:
    """Return the steps that a finding lists, without their numbers."""
    (finding,) = result.findings
    listed = finding.expected.removeprefix("after ").partition(": 400")[0].partition(": 200")[0]
    return [re.sub(r"^\d+\. ", "", step) for step in listed.split("; ")]


def test_a_lawful_mock_keeps_to_the_model() -> None:
    with mock_run(begun=False) as made:
        result = walked(made)
        exchanges = made.kept("exchange")
        assert len(made.leased()) == ORDERS
    assert (result.outcome, result.findings, result.case) == (Outcome.HELD, (), "order.lifecycle/walk")
    assert 3 < len(exchanges) <= 3 + STEPS
    assert {event["response"]["status"] for event in exchanges} >= {200, 400}


def test_a_walk_uses_each_kind_of_request() -> None:
    with mock_run(begun=False) as made:
        walked(made, walks=6, steps=30)
        sent = [(e["request"], e["response"]["status"]) for e in made.kept("exchange")]
    assert len(REQUESTS) == 6
    assert {status for _, status in sent} == {200, 400, 401, 404}
    assert "text/plain" in {value for request, _ in sent for _, value in request["headers"]}


def way(walks: int, steps: int, seed: int) -> list[tuple[str, bytes]]:
    """Return what a lawful target is sent in walks of a seed."""
    made = stage(lawful_to_all(), groups={"refundable": tuple(map(str, range(100)))}, limit=100)
    assert walked(made, walks, steps, seed).outcome is Outcome.HELD
    return [(request.target, request.body) for request in made.client.requests]


def test_the_same_seed_walks_the_same_way() -> None:
    assert way(4, 20, seed=3) == way(4, 20, seed=3)


def test_another_seed_walks_another_way() -> None:
    assert way(4, 20, seed=3) != way(4, 20, seed=4)


def test_a_single_walk_is_random_too() -> None:
    assert way(1, STEPS, seed=3) != way(1, STEPS, seed=4)


def test_a_single_walk_has_more_than_valid_requests() -> None:
    with mock_run(begun=False) as made:
        walked(made)
        bodies = {event["request"]["body"] for event in made.kept("exchange")}
    assert len(bodies) > 1


@pytest.mark.parametrize(
    ("fault", "steps", "begun"),
    [
        ("lifecycle-neighbour-blocked", ["order A: a valid request", "order B: a valid request"], False),
        ("lifecycle-merchant-wide", ["order A: a valid request"], True),
        ("once-forgotten", ["order A: a valid request", "order A: a valid request"], False),
    ],
)
def test_the_way_off_the_model_is_told_as_a_short_list(fault: str, steps: list[str], begun: bool) -> None:
    with mock_run(fault, begun=begun) as made:
        result = walked(made)
    assert result.outcome is Outcome.VIOLATED
    assert result.findings[0].clause == "order.lifecycle"
    assert told(result) == steps
    assert len(result.exchanges) == len(steps)


@pytest.mark.parametrize(
    "fault", ["lifecycle-latest-only", "lifecycle-refusal-reopens", "lifecycle-third-attempt", "once-idempotent"]
)
def test_a_target_that_forgets_is_named(fault: str) -> None:
    with mock_run(fault, begun=False) as made:
        result = walked(made, walks=3, steps=30)
    assert result.outcome is Outcome.VIOLATED
    (finding,) = result.findings
    assert (finding.clause, finding.kind) == ("order.lifecycle", Kind.ACCEPTED)
    assert finding.expected.startswith("after 1. order A: a valid request; 2. ")
    assert told(result)[-1].startswith("order ")


def test_a_person_can_replay_what_is_told() -> None:
    with mock_run("lifecycle-latest-only", begun=False) as made:
        result = walked(made)
        steps = told(result)
    with mock_run("lifecycle-latest-only", begun=False) as made:
        walk = Walk(made.executor, ORDERS)
        names = {str(Step(order, kind)): Step(order, kind) for order in range(ORDERS) for kind in REQUESTS}
        sent = [walk.step(names[step]) for step in steps]
    assert all(one is not None for one in sent)
    assert [one.wrong for one in sent if one] == [False] * (len(sent) - 1) + [True]


@pytest.mark.parametrize("fault", ["once-forgotten", "lifecycle-third-attempt", "lifecycle-neighbour-blocked"])
def test_a_failing_walk_costs_few_orders(fault: str) -> None:
    with mock_run(fault, begun=False) as made:
        result = walked(made, walks=10)
        # One walk that failed, and at most three shorter ones.
        assert len(made.leased()) <= 4 * ORDERS
    assert result.outcome is Outcome.VIOLATED
    assert result.tries <= 4


def test_an_order_that_was_used_before_is_held_against_nobody() -> None:
    with mock_run(begun=False) as made:
        made.use_up(["730002"])
        result = walked(made)
    assert (result.outcome, result.findings) == (Outcome.UNTESTED, ())
    assert "not refundable from the start" in result.reason


def test_a_step_that_fails_once_is_unsteady() -> None:
    made = stage(lawful(ACCEPTED, ACCEPTED, plain(200)))
    result = walked(made)
    assert result.outcome is Outcome.VIOLATED
    assert [(finding.clause, finding.kind) for finding in result.findings] == [("server.steady", Kind.UNSTEADY)]
    assert (result.failed, result.tries) == (1, 4)


def test_a_crash_that_comes_once_is_told_as_one_too() -> None:
    result = walked(stage(lawful(ACCEPTED, plain(500))))
    assert {(finding.clause, finding.kind) for finding in result.findings} == {
        ("server.steady", Kind.UNSTEADY),
        ("server.no-5xx", Kind.CRASH),
    }


def test_a_connection_that_is_lost_ends_the_walk_without_blame() -> None:
    with mock_run(begun=False) as made:
        send, lost = made.run.context.client.send, iter([False, True])
        made.run.context.client.send = lambda *given, **options: (  # type: ignore[method-assign]
            replace(send(*given, **options), response=None, failure=Failure.CLOSED)
            if next(lost, False)
            else send(*given, **options)
        )
        assert walked(made).outcome is Outcome.HELD
    nothing = walked(stage(Failure.CLOSED))
    assert (nothing.outcome, nothing.findings) == (Outcome.UNDECIDED, ())


@pytest.mark.parametrize("status", [503, 429])
def test_a_gateway_in_between_ends_the_walk_without_blame(status: int) -> None:
    made = stage(in_turn(ACCEPTED, plain(status)))
    result = walked(made)
    assert result.findings == ()
    assert made.orders == ["730001", "730002", "730003"]


def test_a_kind_of_request_without_its_token_is_left_out() -> None:
    made = stage(lawful(), tokens={"token": "our-own-opaque-token"})
    walk = Walk(made.executor, 1)
    assert walk.step(Step(0, "with another merchant's token")) is None
    assert (walk.steps, made.orders) == ([], [])


def test_the_model_knows_which_orders_have_an_open_request() -> None:
    made = stage(lawful())
    walk = Walk(made.executor, 2)
    for order in (0, 0, 1):
        sent = walk.step(Step(order, VALID))
        assert sent is not None
        assert not sent.wrong
    assert walk.open == {0, 1}
    assert made.executor.orders.accepted == ("730001", "730002")


def test_without_orders_there_is_no_walk() -> None:
    with mock_run(refundable=ORDERS - 1, begun=False) as made, pytest.raises(NoOrderError):
        walked(made)


def test_orders_that_run_out_midway_leave_what_was_walked() -> None:
    with mock_run(refundable=ORDERS + 1, begun=False) as made:
        result = walked(made, walks=3)
    assert result.outcome is Outcome.HELD
