"""From a case to a judged answer: what is sent, on which connection, within which bounds, and what it says."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from engine_stage import ACCEPTED, CASES, CONTRACT, GROUPS, in_turn, mock_run, plain, refused, stage
from refund_conformance.cases.case import missing_case, plain_case
from refund_conformance.contract.errors import TargetError
from refund_conformance.engine.sending import UndecidedError
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.oracle.situation import Situation
from refund_conformance.sut.order_pool import NoOrderError
from refund_conformance.transport.exchange import Failure
from refund_conformance.transport.retry import GATEWAY_TRIES

PLAIN = plain_case(CONTRACT)
MISSING = missing_case(CONTRACT)
NO_EMAIL = CASES["email.required/absent"]


def violated(clause: str) -> Result:
    finding = Finding(clause, Kind.ACCEPTED, "401", "200")
    return Result("c/d", clause, "Title.", Outcome.VIOLATED, findings=(finding,), answer="success", tries=1)


def test_a_right_answer_has_no_findings_and_is_matched() -> None:
    sent = stage(refused(15010)).executor.send(NO_EMAIL, "1")
    assert sent.matched is not None
    assert (sent.findings, sent.wrong, sent.accepted, sent.decided) == ((), False, False, True)
    assert sent.codes == (15010,)
    assert sent.matched.part == "field"


def test_an_acceptance_is_known() -> None:
    sent = stage(ACCEPTED).executor.send(PLAIN, "1")
    assert sent.accepted
    assert not sent.wrong


@pytest.mark.parametrize("status", [201, 204, 299])
def test_an_acceptance_with_another_status_is_one_all_the_same(status: int) -> None:
    sent = stage(plain(status)).executor.send(PLAIN, "1")
    assert sent.accepted
    assert sent.wrong


def test_a_success_that_reports_errors_is_no_acceptance() -> None:
    sent = stage(refused(15050, 200)).executor.send(PLAIN, "1")
    assert not sent.accepted
    assert sent.wrong


def test_a_wrong_answer_names_the_clause_that_fails() -> None:
    sent = stage(ACCEPTED).executor.send(NO_EMAIL, "1")
    assert [(finding.clause, finding.kind) for finding in sent.findings] == [("email.required", Kind.ACCEPTED)]


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.BROKEN, Failure.OVERSIZED, Failure.CLOSED])
def test_no_whole_answer_breaks_the_promise_to_answer(failure: Failure) -> None:
    made = stage(lambda request: failure if "/1/" in request.target else refused(15060))
    sent = made.executor.send(NO_EMAIL, "1")
    assert [finding.clause for finding in sent.findings] == ["server.answers"]
    assert sent.findings[0].also == ("email.required",)
    assert (sent.decided, sent.accepted, sent.codes) == (True, False, ())


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_a_gateway_says_decides_nothing(status: int) -> None:
    sent = stage(plain(status)).executor.send(NO_EMAIL, "1")
    assert not sent.decided
    for shown in ("findings", "reading", "matched", "wrong", "accepted", "codes"):
        with pytest.raises(UndecidedError, match=f"only {status} came"):
            getattr(sent, shown)


def test_a_connection_that_cannot_be_made_decides_nothing() -> None:
    assert not stage(Failure.UNREACHABLE).executor.send(PLAIN, "1").decided


def test_a_target_that_answers_nothing_after_a_request_is_gone_and_the_request_is_named() -> None:
    made = stage(in_turn(refused(15010), Failure.CLOSED))
    made.executor.send(NO_EMAIL, "1")
    with pytest.raises(TargetError, match=r"stopped answering after email\.required/absent \(request 2"):
        made.executor.send(NO_EMAIL, "2")


def test_advice_is_no_wrong_answer() -> None:
    sent = stage(replace(refused(15010), headers=(("Content-Type", "text/html"),))).executor.send(NO_EMAIL, "1")
    assert [finding.clause for finding in sent.findings] == ["errors.media-type"]
    assert not sent.wrong


def test_an_answer_before_authorization_is_advised_against() -> None:
    both = CASES["auth.first/forged-json-malformed-not-paid"]
    sent = stage(refused(15030)).executor.send(replace(both, draft=PLAIN.draft), "1")
    assert [(finding.clause, finding.kind) for finding in sent.findings] == [("auth.first", Kind.ADVICE)]
    assert not stage(refused(1007)).executor.send(replace(both, draft=PLAIN.draft), "1").findings


def test_the_pinned_answer_is_the_only_permitted_one() -> None:
    asked = CASES["content-type.exact/asks-content-type-parameters"]
    assert not stage(refused(111)).executor.send(asked, "1").wrong
    assert stage(refused(111), pins={"content-type-parameters": "accepted"}).executor.send(asked, "1").wrong


def test_an_answer_to_an_open_question_is_observed() -> None:
    made = stage(refused(111))
    made.executor.send(CASES["content-type.exact/asks-content-type-parameters"], "1")
    assert made.events[-1] == {"event": "observation", "question": "content-type-parameters", "answer": "111"}


def test_a_wrong_answer_observes_nothing() -> None:
    made = stage(refused(15030))
    made.executor.send(CASES["content-type.exact/asks-content-type-parameters"], "1")
    assert [event["event"] for event in made.events] == ["exchange"]


def test_nothing_is_sent_that_could_pass_the_limit_of_requests() -> None:
    made = stage(ACCEPTED, requests=GATEWAY_TRIES + 1)
    made.executor.send(PLAIN, "1")
    made.executor.send(PLAIN, "2")
    with pytest.raises(NoOrderError, match="the run's 5 requests are used up"):
        made.executor.send(PLAIN, "3")
    assert made.orders == ["1", "2"]


def test_a_token_that_is_no_jwt_cannot_be_forged() -> None:
    made = stage(ACCEPTED)
    with pytest.raises(NoOrderError, match="the token's form"):
        made.executor.send(CASES["auth.forged/weak-secret"], "1")
    assert made.orders == []


def test_a_missing_token_is_named_by_its_setting() -> None:
    made = stage(ACCEPTED)
    made.executor.require_credential(CASES["order.foreign/other-merchant-token"])
    with pytest.raises(NoOrderError, match=r"auth\.unconfigured_token is not set"):
        made.executor.require_credential(CASES["caller.configuration/unconfigured-token"])


def test_results_are_kept_and_counted() -> None:
    made = stage(ACCEPTED)
    made.executor.keep(violated("auth.missing"))
    untried = Result("c/e", "auth.forged", "Title.", Outcome.UNTESTED, "no token", answer="error")
    assert made.executor.keep(untried) is untried
    assert made.executor.violated == {"auth.missing"}
    assert made.executor.answers["success"] == 1
    assert made.executor.answers["error"] == 0
    assert [event["case"] for event in made.events] == ["c/d", "c/e"]


def test_advice_violates_nothing() -> None:
    made = stage(ACCEPTED)
    finding = Finding("errors.message", Kind.ADVICE, "a", "b")
    made.executor.keep(Result("c/d", "email.type", "Title.", Outcome.WARNED, findings=(finding,), tries=1))
    assert made.executor.violated == set()


def test_the_control_goes_to_an_order_with_an_open_request_if_no_unknown_one_is_set() -> None:
    made = stage(refused(15050), groups={"refundable": GROUPS["refundable"]})
    made.executor.orders.mark_accepted("730009")
    assert not made.executor.send(*made.executor.control_case()).wrong
    assert made.orders == ["730009"]


def test_the_control_goes_to_an_unknown_order_whatever_the_target_makes_of_states() -> None:
    made = stage(refused(15060))
    made.executor.orders.mark_accepted("730009")
    assert not made.executor.send(*made.executor.control_case(exists=False)).wrong
    assert made.orders == ["990001"]


def test_what_the_target_refuses_is_sent_on_a_kept_connection_and_the_rest_on_its_own() -> None:
    with mock_run() as made:
        ports: list[tuple[str, int]] = []
        made.mock.mock.endpoint.observe = lambda received, answer, seconds: ports.append(received.client)
        order = made.orders.lease()
        for case in (NO_EMAIL, NO_EMAIL, MISSING, MISSING, NO_EMAIL, PLAIN):
            made.executor.send(case, order)
    kept, again, stranger, another, last, accepted = ports
    assert kept == again == last
    assert len({kept, stranger, another, accepted}) == 4


@pytest.mark.parametrize(
    ("answer", "before", "told"),
    [
        (Failure.UNREACHABLE, False, "cannot be reached: unreachable"),
        (Failure.CLOSED, False, "cannot be reached: closed"),
        (Failure.TIMEOUT, True, "stopped answering: timeout"),
        (plain(503), False, "cannot be reached: 503, again and again"),
        (plain(429), True, "stopped answering: 429, again and again"),
        (refused(1007), False, "the target rejected auth.token (401, 1007). Set auth.token"),
        (refused(1009), True, "the target rejected auth.token (401, 1009)"),
        (plain(401), False, "the target rejected auth.token (401)"),
    ],
)
def test_without_a_target_nothing_is_judged(answer: Failure, before: bool, told: str) -> None:
    made = stage(answer)
    with pytest.raises(TargetError) as problem:
        made.executor.require_target(made.executor.send(PLAIN, "1"), before=before)
    assert str(problem.value).startswith("target http://scripted.example: ")
    assert told in str(problem.value)
    assert problem.value.exit_status == 3


@pytest.mark.parametrize("answer", [ACCEPTED, refused(15050), plain(500), plain(403), refused(15060)])
def test_any_other_answer_shows_a_target(answer: Failure) -> None:
    made = stage(answer)
    made.executor.require_target(made.executor.send(PLAIN, "1"), before=False)
    assert made.orders == ["1"]


def test_simultaneous_sendings_are_all_counted_and_numbered() -> None:
    made = stage(refused(15010))
    with ThreadPoolExecutor(16) as pool:
        sent = list(pool.map(lambda order: made.executor.send(NO_EMAIL, str(order)), range(100)))
    assert made.client.sent == 100
    assert sorted(one.number for one in sent) == list(range(1, 101))


def test_an_exchange_can_be_judged_as_another_case() -> None:
    made = stage(refused(15050))
    sent = made.executor.send(PLAIN, "1")
    assert sent.wrong
    late = replace(PLAIN, situation=Situation(order="refund-open"))
    assert not made.executor.judged(late, sent.exchange).wrong


# ---- requests that arrive together


def test_requests_that_arrive_together_are_judged_each_by_its_case() -> None:
    made = stage(in_turn(ACCEPTED, refused(15010)))
    plain_one, without = made.executor.send_together([(PLAIN, "1"), (NO_EMAIL, "2")])
    assert (plain_one.accepted, without.codes, without.wrong) == (True, (15010,), False)
    assert made.orders == ["1", "2"]


def test_they_are_within_the_runs_requests_or_not_sent_at_all() -> None:
    made = stage(ACCEPTED, requests=2)
    with pytest.raises(NoOrderError, match="2 requests are used up"):
        made.executor.send_together([(PLAIN, "1")] * 3)
    assert made.orders == []


def test_they_are_not_sent_where_the_token_has_no_such_form(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stage(ACCEPTED)
    monkeypatch.setattr(made.client, "request", lambda draft, order: None)
    with pytest.raises(NoOrderError, match="no such request"):
        made.executor.send_together([(PLAIN, "1")])
