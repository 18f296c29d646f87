"""The first requests of a run: what ends it at once, what is named, and what comes and goes."""

from dataclasses import replace

import pytest

from engine_stage import ACCEPTED, CASES, Answer, Script, in_turn, plain, refused, stage
from refund_conformance.contract.errors import TargetError
from refund_conformance.engine.smoke_test import _plain, begin
from refund_conformance.transport.exchange import Failure, Request


@pytest.mark.parametrize("code", [110, 111, 15050])
def test_a_plain_request_that_is_answered_200_with_an_error_body_breaks_the_promise_of_success(code: int) -> None:
    made = stage(lambda request: replace(refused(code), status=200))
    begin(made.runner)
    (result,) = (event for event in made.events if event.get("case") == "order.refundable/plain")
    assert {finding["clause"] for finding in result["findings"]} == {"success.body"}


def test_a_refusal_of_our_token_that_does_not_last_ends_nothing() -> None:
    made = stage(in_turn(refused(1008), refused(1008), refused(15060), ACCEPTED, refused(15050)))
    begin(made.runner)
    (steady,) = (e["findings"] for e in made.events if e["event"] == "case" and e["outcome"] == "violated")
    assert [finding["clause"] for finding in steady] == ["server.steady"]
    with pytest.raises(TargetError, match=r"the target rejected auth\.token"):
        begin(stage(in_turn(refused(1008), refused(1008), refused(1008))).runner)


@pytest.mark.parametrize(
    ("code", "clause"),
    [
        (111, "content-type.exact"),
        (110, "json.valid-forms"),
        (15010, "email.accepts"),
        (15040, "order.refundable"),
    ],
)
def test_the_plain_request_is_named_by_what_it_was_refused_for(code: int, clause: str) -> None:
    made = stage(refused(code))
    _plain(made.runner, "730001", None, met=True)
    (case,) = (event for event in made.events if event["event"] == "case")
    assert [finding["clause"] for finding in case["findings"]] == [clause]


@pytest.mark.parametrize("answer", [Failure.UNREACHABLE, Failure.TIMEOUT, plain(503), refused(1007)])
def test_without_a_target_there_is_no_beginning(answer: Failure) -> None:
    made = stage(answer)
    with pytest.raises(TargetError):
        begin(made.runner)
    assert len(made.client.requests) <= 20


def without_token(answer: Answer, *answers: Answer) -> Script:
    """Return a script that knows no order 990001, refuses whoever has no token, and else gives these answers."""
    others = in_turn(answer, *answers)

    def script(request: Request) -> Answer:
        if "AuthorizationJWT" not in dict(request.headers):
            return refused(1008)
        return refused(15060) if "/990001/" in request.target else others(request)

    return script


def test_a_target_that_answers_all_but_valid_requests_is_named() -> None:
    made = stage(without_token(Failure.TIMEOUT))
    begin(made.runner)
    assert {f["clause"] for e in made.events if e["event"] == "case" for f in e["findings"]} == {"server.answers"}
    assert made.runner.examine(CASES["email.null/null"]).reason == "valid requests get no answer"


@pytest.mark.parametrize(
    ("failure", "named"),
    [(Failure.TIMEOUT, {"server.steady", "server.answers"}), (Failure.CLOSED, set())],
)
def test_a_first_valid_request_without_an_answer_may_come_and_go(failure: Failure, named: set[str]) -> None:
    made = stage(without_token(failure, ACCEPTED, refused(15050)))
    begin(made.runner)
    assert {f["clause"] for e in made.events if e["event"] == "case" for f in e["findings"]} == named
    assert [order for order in made.orders if order != "990001"] == ["730001"] * 4
