"""Requests that are under way at once get their own answers; what is wrong alone as well is no mixture."""

import json
from collections.abc import Iterator

import pytest

from engine_stage import ACCEPTED, CONTRACT, TOKENS, Answer, Event, Stage, mock_run, on_mock, plain, refused, stage
from refund_conformance.engine import isolation, scenarios
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.oracle.finding import Kind
from refund_conformance.oracle.result import Outcome
from refund_conformance.transport.exchange import Request

SIZE = isolation.requests(CONTRACT) // isolation.ROUNDS
FAULTS = ("isolation-current-user", "isolation-error-list", "isolation-current-body")


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running(MockSettings(refundable=60)) as mock:
        yield mock


def without_the_other_merchant(target: Event) -> None:
    del target["auth"]["other_merchant_token"]


def test_a_lawful_mock_holds_and_no_order_is_used_up(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        before, spent = len(made.kept("exchange")), made.orders.accepted
        result = scenarios.at_once(made.runner)
        sent = made.kept("exchange")[before:]
        assert made.orders.accepted == spent
    assert result.outcome is Outcome.HELD
    assert len(sent) == len(result.exchanges) == isolation.requests(CONTRACT)
    assert {event["response"]["status"] for event in sent} == {400, 404}


def test_each_round_has_two_callers_and_valid_and_invalid_bodies(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        before = len(made.kept("exchange"))
        scenarios.at_once(made.runner)
        sent = made.kept("exchange")[before:]
    for number in range(isolation.ROUNDS):
        codes = [codes_of(event) for event in sent[number * SIZE : (number + 1) * SIZE]]
        assert sorted(codes) == [15010, 15010, 15050, 15060]


def codes_of(event: Event) -> int:
    text = event["response"]["body"]
    return next(code for code in (15010, 15050, 15060) if str(code) in text)


def test_without_the_other_merchants_token_a_stranger_calls(mock: RunningMock) -> None:
    with on_mock(mock, without_the_other_merchant) as made:
        before = len(made.kept("exchange"))
        result = scenarios.at_once(made.runner)
        statuses = [event["response"]["status"] for event in made.kept("exchange")[before:]]
    assert result.outcome is Outcome.HELD
    assert statuses.count(401) == isolation.ROUNDS
    assert statuses.count(400) == 3 * isolation.ROUNDS


@pytest.mark.parametrize("fault", FAULTS)
def test_a_mixture_is_named(fault: str) -> None:
    with mock_run(fault) as made:
        result = scenarios.at_once(made.runner)
    assert result.outcome is Outcome.VIOLATED
    assert {finding.clause for finding in result.findings} == {isolation.CLAUSE}
    assert "while" in result.findings[0].actual


@pytest.mark.parametrize("fault", FAULTS[1:])
def test_bodies_and_errors_are_seen_to_mix_without_another_merchant(fault: str) -> None:
    with mock_run(fault, change=without_the_other_merchant) as made:
        result = scenarios.at_once(made.runner)
    assert {finding.clause for finding in result.findings} == {isolation.CLAUSE}


@pytest.mark.parametrize("fault", ["email-type-500", "order-foreign-403"])
def test_what_is_wrong_alone_as_well_is_named_by_its_own_clause(fault: str) -> None:
    with mock_run(fault) as made:
        result = scenarios.at_once(made.runner)
        accused = {finding["clause"] for event in made.kept("case") for finding in event["findings"]}
    assert result.outcome is Outcome.HELD
    assert isolation.CLAUSE not in accused
    assert accused


def mixing(strange: Answer) -> Stage:
    """Return a target that answers lawfully, but the first body with a wrong address so."""
    left = [strange]

    def script(request: Request) -> Answer:
        if TOKENS["token"] not in dict(request.headers)["AuthorizationJWT"]:
            return refused(15060)
        sent = json.loads(request.body)
        if not isinstance(sent["email"], str):
            return left.pop() if left else refused(15010)
        is_text = isinstance(sent.get("description", ""), str)
        return ACCEPTED if is_text else refused(15010, field="description")

    return stage(script)


@pytest.mark.parametrize(
    ("answer", "clause", "kind"),
    [
        (refused(15060), isolation.CLAUSE, Kind.OTHER_ERROR),
        (refused(15010, field="description"), isolation.CLAUSE, Kind.OTHER_ERROR),
        (ACCEPTED, isolation.CLAUSE, Kind.OTHER_ERROR),
        (refused(15040), "server.steady", Kind.UNSTEADY),
        (plain(500), "server.no-5xx", Kind.CRASH),
    ],
)
def test_what_comes_beside_others_alone_is_told_by_what_it_is(answer: Answer, clause: str, kind: Kind) -> None:
    result = scenarios.at_once(mixing(answer).runner)
    (finding,) = result.findings
    assert (finding.clause, finding.kind) == (clause, kind)


def test_requests_that_a_gateway_answered_tell_nothing() -> None:
    result = scenarios.at_once(stage(plain(503)).runner)
    assert (result.outcome, result.findings) == (Outcome.UNDECIDED, ())
