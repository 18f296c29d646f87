"""Simultaneous requests: one of them wins, the others are told so, and nobody else notices."""

from dataclasses import replace
from typing import Any

import pytest

from engine_stage import ACCEPTED, CASES, CONTRACT, Answer, Stage, in_turn, lawful, mock_run, plain, refused, stage
from refund_conformance.cases.valid import JOINED
from refund_conformance.engine.race import SIMULTANEOUS, accept_one, own_rounds, race, raced_cases
from refund_conformance.oracle.finding import Kind
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut.order_pool import NoOrderError
from refund_conformance.transport.exchange import Failure, Request, Response

ON_TWO_ORDERS = 6
"""Requests of the round on two orders: two valid ones and one without an e-mail address for each."""


def worst(results: list[Result]) -> Result:
    return max(results, key=lambda result: list(Outcome).index(result.outcome))


def raced(*faults: str, refundable: int = 40) -> Result:
    with mock_run(*faults, refundable=refundable, begun=False) as made:
        return worst(race(made.executor, 1))


def test_of_so_many_at_once_one_is_accepted_on_a_lawful_mock() -> None:
    with mock_run(begun=False) as made:
        results = race(made.executor, 2)
        statuses = [event["response"]["status"] for event in made.kept("exchange")]
    assert [result.case for result in results] == [
        "order.race/one-order-1",
        "order.race/one-order-2",
        "order.race/two-orders",
    ]
    assert [result.outcome for result in results] == [Outcome.HELD] * 3
    assert [len(result.exchanges) for result in results] == [SIMULTANEOUS, SIMULTANEOUS, ON_TWO_ORDERS]
    # One for each order of the rounds; one more request for each comes too late.
    assert statuses.count(200) == 4
    assert len(statuses) == 2 * SIMULTANEOUS + ON_TWO_ORDERS + 4


def test_every_request_has_a_connection_of_its_own() -> None:
    with mock_run(begun=False) as made:
        ports: list[tuple[str, int]] = []
        made.mock.mock.endpoint.observe = lambda received, answer, seconds: ports.append(received.client)
        race(made.executor, 1)
    assert len(set(ports[:SIMULTANEOUS])) == SIMULTANEOUS
    assert len(set(ports)) >= SIMULTANEOUS + ON_TWO_ORDERS


def test_the_requests_of_a_round_are_sent_together() -> None:
    made = stage(lawful())
    assert [result.outcome for result in race(made.executor, 1)] == [Outcome.HELD, Outcome.HELD]
    assert made.client.together == [SIMULTANEOUS, ON_TWO_ORDERS]


@pytest.mark.parametrize("fault", ["race-check-then-act", "race-none-wins", "race-neighbours-refused"])
def test_a_race_that_is_lost_is_named(fault: str) -> None:
    result = raced(fault)
    assert result.outcome is Outcome.VIOLATED
    assert {finding.clause for finding in result.findings} == {"order.race"}
    assert all("were accepted" in finding.actual for finding in result.findings[:1])


def test_orders_that_are_taken_for_one_another_in_a_race_are_named() -> None:
    result = raced("race-bodies-mixed")
    assert {finding.clause for finding in result.findings} == {"order.race"}


def test_an_order_of_another_state_in_a_race_is_held_against_nobody() -> None:
    with mock_run(begun=False, change=with_an_order_that_is_not_paid) as made:
        results = race(made.executor, 1)
    assert [result.outcome for result in results] == [Outcome.HELD, Outcome.HELD]


def with_an_order_that_is_not_paid(target: dict[str, Any]) -> None:
    target["orders"]["refundable"].insert(1, target["orders"]["not_paid"].pop())


@pytest.mark.parametrize("fault", ["race-loser-500", "race-deadlock-500"])
def test_a_loser_that_crashes_is_a_crash(fault: str) -> None:
    result = raced(fault)
    assert result.outcome is Outcome.VIOLATED
    assert "server.no-5xx" in {finding.clause for finding in result.findings}


def rounds_of(*losers: Response) -> Stage:
    """Return a target that accepts the first request for each order, and answers the others so, order by order."""
    seen: dict[str, Response] = {}
    left = list(losers)

    def script(request: Request) -> Answer:
        if request.target in seen:
            return seen[request.target]
        seen[request.target] = left.pop(0) if len(left) > 1 else left[0]
        return ACCEPTED

    return stage(script)


def test_a_loser_with_another_code_than_the_states_is_named() -> None:
    result = race(rounds_of(refused(15030)).executor, 1)[0]
    assert result.outcome is Outcome.VIOLATED
    assert {(finding.clause, finding.actual) for finding in result.findings} == {("order.race", "400 with 15030")}


def test_a_loser_with_another_code_in_one_round_alone_is_unsteady() -> None:
    result = race(rounds_of(refused(15030), refused(15050)).executor, 1)[0]
    (finding,) = result.findings
    assert (finding.clause, finding.kind) == ("server.steady", Kind.UNSTEADY)
    assert finding.actual == "400 with 15030 in one of two rounds"
    assert len(result.exchanges) == 2 * SIMULTANEOUS


def test_findings_that_are_the_same_are_told_once() -> None:
    result = race(stage(ACCEPTED).executor, 1)[0]
    (finding,) = result.findings
    assert (finding.kind, finding.actual) == (Kind.ACCEPTED, f"{SIMULTANEOUS} of {SIMULTANEOUS} were accepted")
    assert (result.failed, result.tries) == (1, 1)


def test_an_order_that_was_used_before_is_held_against_nobody() -> None:
    with mock_run(begun=False) as made:
        made.use_up(["730001"])
        results = race(made.executor, 1)
    assert [result.outcome for result in results] == [Outcome.HELD, Outcome.HELD]


def test_orders_that_were_all_used_before_leave_the_race_untested() -> None:
    with mock_run(refundable=20, begun=False) as made:
        made.use_up(str(730001 + number) for number in range(20))
        results = race(made.executor, 1)
    assert [result.outcome for result in results] == [Outcome.UNTESTED] * 2
    assert all(result.reason.endswith("was not refundable from the start") for result in results)


def test_a_target_that_accepts_alone_and_never_together_is_named() -> None:
    assert raced("race-none-wins").findings[0].actual == f"0 of {SIMULTANEOUS} were accepted"


@pytest.mark.parametrize("status", [503, 429])
def test_a_round_in_which_a_gateway_spoke_is_undecided(status: int) -> None:
    for result in race(stage(plain(status)).executor, 1):
        assert (result.outcome, result.findings) == (Outcome.UNDECIDED, ())


def test_a_round_in_which_a_gateway_spoke_is_run_again_on_another_order() -> None:
    made = stage(lawful(plain(503)))
    assert [result.outcome for result in race(made.executor, 1)] == [Outcome.HELD, Outcome.HELD]
    assert made.orders[: 2 * SIMULTANEOUS] == ["730001"] * SIMULTANEOUS + ["730002"] * SIMULTANEOUS


def test_a_refused_request_beside_may_come_before_or_after_the_accepted_one() -> None:
    with mock_run(begun=False) as made:
        assert race(made.executor, 0)[0].outcome is Outcome.HELD
        beside = [event for event in made.kept("exchange") if '"email"' not in event["request"]["body"]]
    assert len(beside) == 2
    assert {event["response"]["status"] for event in beside} == {400}


@pytest.mark.parametrize(("beside", "told"), [(refused(15010), []), (refused(15050), [("order", ["field"])] * 2)])
def test_a_request_beside_that_is_refused_for_its_own_fault_tells_nothing_of_the_orders_state(
    beside: Response, told: list[tuple[str, list[str]]]
) -> None:
    accepting = lawful()

    def script(request: Request) -> Answer:
        return accepting(request) if b'"email"' in request.body else beside

    made = stage(script)
    assert race(made.executor, 0)[0].outcome is Outcome.HELD
    precedence = [event for event in made.events if event["event"] == "precedence"]
    assert [(event["first"], event["before"]) for event in precedence] == told


def test_the_form_of_the_error_of_a_request_beside_is_not_a_matter_of_the_race() -> None:
    assert raced("errors-15010-422").outcome is Outcome.HELD


def test_an_order_that_a_request_beside_has_taken_was_not_lost_in_the_race() -> None:
    taken: set[str] = set()

    def script(request: Request) -> Answer:
        """RunCost no address, and let the request without one win."""
        if b'"email"' in request.body:
            return refused(15050)
        taken.add(request.target)
        return ACCEPTED

    made = stage(script)
    result = race(made.executor, 0)[0]
    assert {(finding.clause, finding.kind) for finding in result.findings} == {("email.required", Kind.ACCEPTED)}
    assert len(taken) == 2
    assert set(made.executor.orders.accepted) == {target.split("/")[3] for target in taken}


@pytest.mark.parametrize("round_", ["one-order", "two-orders"])
def test_a_crash_in_a_race_is_told_though_the_round_that_is_run_again_holds(round_: str) -> None:
    accepting, crashes = lawful(), [ACCEPTED] * (round_ == "two-orders") + [plain(500)]

    def script(request: Request) -> Answer:
        answer = accepting(request)
        return crashes.pop(0) if answer is ACCEPTED and crashes else answer

    made = stage(script)
    findings = [finding for result in race(made.executor, 1) for finding in result.findings]
    assert "server.no-5xx" in {finding.clause for finding in findings}
    assert {finding.clause for finding in findings} <= {"server.no-5xx", "server.steady"}


def test_winners_are_known_as_spent() -> None:
    with mock_run(begun=False) as made:
        race(made.executor, 1)
        assert set(made.orders.accepted) == set(made.leased())
        assert len(made.orders.accepted) == 3


def test_without_orders_there_is_no_race() -> None:
    with mock_run(refundable=0, begun=False) as made, pytest.raises(NoOrderError):
        race(made.executor, 1)


def test_advice_is_no_lost_race() -> None:
    html = (("Content-Type", "text/html"),)
    made = stage(in_turn(ACCEPTED, replace(refused(15050), headers=html)))
    assert race(made.executor, 1)[0].outcome is Outcome.HELD


def test_a_round_that_is_lost_is_the_last() -> None:
    made = stage(ACCEPTED)
    assert [result.case for result in race(made.executor, 3)] == ["order.race/one-order-1"]
    assert made.client.together == [SIMULTANEOUS]


def test_rounds_with_one_body_and_with_two_take_turns() -> None:
    made = stage(lawful())
    race(made.executor, 2)
    sent = [request for request in made.client.requests if request.target.split("/")[3] in ("730001", "730002")]
    bodies = [len({r.body for r in sent if order in r.target}) for order in ("730001", "730002")]
    assert bodies == [2, 1]


# ---- requests that are to be accepted anyway


PLAIN = CASES["description.unicode/emoji"]
ORDER = "730001"


def test_one_of_several_is_accepted_and_the_next_shows_that_it_stands() -> None:
    made = stage(lawful())
    accepted = accept_one(made.executor, PLAIN, ORDER)
    assert accepted.result is not None
    assert accepted.second is not None
    assert (accepted.sent.accepted, accepted.second.codes) == (True, (15050,))
    assert (accepted.result.case, accepted.result.outcome) == (
        "order.race/description-unicode-emoji",
        Outcome.HELD,
    )
    assert made.client.together == [SIMULTANEOUS] == [len(made.orders)]


def test_two_that_are_accepted_lose_the_race_where_a_later_one_is_not() -> None:
    accepted = accept_one(stage(in_turn(ACCEPTED, ACCEPTED, refused(15050))).executor, PLAIN, ORDER)
    assert accepted.result is not None
    (finding,) = accepted.result.findings
    assert (finding.clause, finding.kind, finding.actual) == ("order.race", Kind.ACCEPTED, "2 of 3 were accepted")


def test_where_a_later_one_is_accepted_too_it_is_no_matter_of_the_race() -> None:
    accepted = accept_one(stage(ACCEPTED).executor, PLAIN, ORDER)
    assert accepted.result is None
    assert accepted.second is not None
    assert accepted.second.accepted


def test_none_that_is_accepted_though_one_alone_is_loses_the_race() -> None:
    at_once = [refused(15050)] * SIMULTANEOUS
    accepted = accept_one(stage(in_turn(*at_once, ACCEPTED)).executor, PLAIN, ORDER)
    assert accepted.sent.accepted
    assert accepted.result is not None
    assert accepted.result.findings[0].actual == "0 of 3 were accepted"


def test_what_is_refused_alone_as_well_is_a_matter_of_its_case() -> None:
    accepted = accept_one(stage(refused(15010)).executor, PLAIN, ORDER)
    assert (accepted.sent.codes, accepted.second, accepted.result) == ((15010,), None, None)


@pytest.mark.parametrize("lost", [Failure.CLOSED, Failure.TIMEOUT, plain(503)])
def test_one_that_may_have_been_accepted_unseen_is_not_sent_again(lost: Answer) -> None:
    made = stage(in_turn(refused(15050), lost, refused(15050)))
    accepted = accept_one(made.executor, PLAIN, ORDER)
    assert not accepted.sent.decided or accepted.sent.reading is None
    assert accepted.result is None
    assert len(made.orders) == SIMULTANEOUS


def test_too_many_requests_at_once_are_one_request_after_them() -> None:
    accepted = accept_one(stage(in_turn(*[plain(429)] * SIMULTANEOUS, ACCEPTED)).executor, PLAIN, ORDER)
    assert accepted.sent.accepted
    assert accepted.result is None


def test_a_loser_with_another_code_is_looked_at_on_another_order() -> None:
    accepted = accept_one(rounds_of(refused(15030), refused(15050)).executor, PLAIN, ORDER)
    assert accepted.result is not None
    assert [finding.clause for finding in accepted.result.findings] == ["server.steady"]


def test_cases_are_raced_only_where_the_race_is_chosen() -> None:
    assert raced_cases(CONTRACT, {"description.unicode"}) == frozenset()
    raced = raced_cases(CONTRACT, {"description.unicode", "order.race"})
    assert raced == {"description.unicode/at-limit-mixed", f"{JOINED}-2"}


def test_rounds_of_their_own_are_left_out_for_cases_that_are_raced() -> None:
    assert (own_rounds(7, ()), own_rounds(7, ["a", "b"]), own_rounds(2, ["a", "b", "c"])) == (7, 5, 0)


def test_a_raced_request_replaces_the_second_one_that_would_follow() -> None:
    with mock_run() as made:
        before = len(made.kept("exchange"))
        assert made.runner.examine(PLAIN).outcome is Outcome.HELD
        kept = {event["case"]: event["outcome"] for event in made.kept("case")}
        assert len(made.kept("exchange")) - before == SIMULTANEOUS
    assert kept["order.race/order-refundable-joined-2"] == "held"
    assert kept["order.once/after-order-refundable-joined-2"] == "held"


def test_an_acceptance_that_is_lost_is_named_as_such_though_several_came_at_once() -> None:
    with mock_run("once-lost-beyond-ascii") as made:
        made.runner.examine(PLAIN)
        accused = {finding["clause"] for event in made.kept("case") for finding in event["findings"]}
    assert accused == {"order.once"}


def test_no_more_is_raced_once_a_race_is_lost() -> None:
    with mock_run("race-check-then-act") as made:
        for id_ in (PLAIN.id, "email.accepts/plus-and-dots"):
            made.runner.examine(CASES[id_])
        lost = [event["case"] for event in made.kept("case") if event["clause"] == "order.race"]
    assert lost == ["order.race/order-refundable-joined-2"]
