"""Whole runs against mocks, lawful and not, with everything they need and without; and cases one by one."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future

import pytest

from engine_stage import (
    ACCEPTED,
    CASES,
    CONTRACT,
    MockRun,
    in_turn,
    mock_run,
    on_mock,
    plain,
    refused,
    stage,
)
from refund_conformance.cases.valid import Joined
from refund_conformance.contract import documents
from refund_conformance.contract.errors import RunError
from refund_conformance.engine.partitions import Joint, joints, shared_order_of
from refund_conformance.mock.faults import catalogue
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.oracle.result import Outcome
from refund_conformance.oracle.situation import Situation
from refund_conformance.transport.exchange import Failure, Response
from whole_runs import Event, Plan, Whole, under_way

OTHER_AREAS = 2
"""Areas besides its own that may be named for a fault."""

USED = {"order.refundable"}
"""What may be said against a target whose orders were all used before: they are not what the settings say."""


# ---- whole runs


def only_refundable(target: Event) -> None:
    target["auth"] = {name: target["auth"][name] for name in ("token",)}
    target["orders"] = {"refundable": target["orders"]["refundable"]}


def only_unknown(target: Event) -> None:
    target["auth"] = {name: target["auth"][name] for name in ("token",)}
    target["orders"] = {"unknown": target["orders"]["unknown"]}


def no_orders(target: Event) -> None:
    target["orders"] = {}


FAULTS = (
    "method-refused-with-effect",
    "auth-by-connection",
    "json-readable-with-effect",
    "race-check-then-act",
    "errors-15010-422",
    "unsteady-one-in-fifty-500",
)
"""Some of each kind: the selfcheck tries every one."""
SIXTY = 60
PLANS = {
    "lawful": Plan(),
    "twice": Plan(mock=MockSettings(refundable=90), runs=2),
    "third": Plan(used=range(0, SIXTY, 3)),
    "first-third": Plan(used=range(20)),
    "few-unused": Plan(mock=MockSettings(refundable=12), used=range(10)),
    "all-used": Plan(used=range(SIXTY)),
    "few": Plan(mock=MockSettings(refundable=5)),
    "only-refundable": Plan(change=only_refundable),
    "only-unknown": Plan(change=only_unknown),
    "no-orders": Plan(change=no_orders),
    "anothers-order": Plan(mock=MockSettings(refundable=SIXTY, answers={"unconfigured-order": "15060"})),
    **{fault: Plan(mock=MockSettings(refundable=SIXTY, faults=(fault,))) for fault in FAULTS},
}


@pytest.fixture(scope="module")
def wholes() -> Iterator[Mapping[str, Future[list[Whole]]]]:
    with under_way(PLANS) as started:
        yield started


@pytest.fixture(scope="module")
def lawful(wholes: Mapping[str, Future[list[Whole]]]) -> Whole:
    return wholes["lawful"].result()[0]


def test_a_lawful_mock_is_conformant_and_every_clause_held(lawful: Whole) -> None:
    assert lawful.conformance["verdict"] == "conformant"
    assert lawful.status == 0
    assert lawful.with_result("held") == set(CONTRACT.clauses)
    assert lawful.accused == set()


def test_every_open_question_is_answered_by_a_lawful_mock(lawful: Whole) -> None:
    assert {row["id"] for row in lawful.conformance["questions"]} == set(CONTRACT.questions)
    assert [row["id"] for row in lawful.conformance["questions"] if not row["observed"]] == []


def test_every_case_was_judged_or_has_a_reason(lawful: Whole) -> None:
    judged = {event["case"]: event for event in lawful.kept("case")}
    assert set(CASES) <= set(judged)
    assert [id_ for id_, event in judged.items() if not event["tries"] and not event["reason"]] == []


def test_a_caller_without_configuration_may_be_told_that_the_order_is_not_its_own(
    wholes: Mapping[str, Future[list[Whole]]],
) -> None:
    whole = wholes["anothers-order"].result()[0]
    assert (whole.status, whole.accused) == (0, set())
    assert whole.with_result("untested") == {"caller.configuration"}
    observed = {row["id"]: row["observed"] for row in whole.conformance["questions"]}
    assert observed["unconfigured-order"] == "15060"


@pytest.mark.parametrize("name", PLANS)
def test_a_run_keeps_to_its_bounds_and_tells_the_truth_of_them(
    name: str, wholes: Mapping[str, Future[list[Whole]]]
) -> None:
    for whole in wholes[name].result():
        requests, orders = whole.conformance["requests"], whole.conformance["orders"]
        assert requests <= 400
        used = sum("was refused for its state" in event["text"] for event in whole.kept("note"))
        assert orders.get("refundable", 0) - used <= 30
        # The mock's router refuses a new line in a URL before its endpoint sees it.
        assert requests - 1 <= len(whole.journal) <= requests
        if whole.status == 0:
            assert whole.accepted <= orders.get("refundable", 0) + orders.get("refund_finished", 0)
        documents.check(whole.conformance, "conformance-report", "conformance.json", RunError)


@pytest.mark.parametrize("name", PLANS)
def test_no_order_is_leased_twice_in_a_run(name: str, wholes: Mapping[str, Future[list[Whole]]]) -> None:
    for whole in wholes[name].result():
        leased = [event["order"] for event in whole.kept("leased")]
        assert len(set(leased)) == len(leased)
        listed = {order for orders in whole.settings["orders"].values() for order in orders}
        assert set(leased) <= listed


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_clause_and_hardly_any_other(
    fault: str, wholes: Mapping[str, Future[list[Whole]]]
) -> None:
    whole = wholes[fault].result()[0]
    clause = catalogue()[fault].clause
    named = whole.with_result("violated")
    assert whole.status == 1
    assert whole.conformance["verdict"] == "violated"
    assert clause in named
    others = {other.partition(".")[0] for other in named} - {clause.partition(".")[0]}
    assert len(others) <= OTHER_AREAS


@pytest.mark.parametrize("fault", FAULTS)
def test_a_violation_has_its_evidence_in_the_record(fault: str, wholes: Mapping[str, Future[list[Whole]]]) -> None:
    whole = wholes[fault].result()[0]
    numbers = {event["number"] for event in whole.kept("exchange")}
    violated = [event for event in whole.kept("case") if event["outcome"] == "violated"]
    assert violated
    for event in violated:
        assert set(event["exchanges"]) <= numbers
        assert all(finding["expected"] and finding["actual"] for finding in event["findings"])
    assert any(event["exchanges"] for event in violated)


def test_a_fault_of_one_in_fifty_requests_is_told_as_intermittent(
    wholes: Mapping[str, Future[list[Whole]]],
) -> None:
    whole = wholes["unsteady-one-in-fifty-500"].result()[0]
    told = {finding["actual"] for event in whole.kept("case") for finding in event["findings"]}
    assert any("in 1 of " in actual for actual in told)
    assert "server.steady" in whole.with_result("violated")


def test_without_groups_and_tokens_the_rest_is_conformant(wholes: Mapping[str, Future[list[Whole]]]) -> None:
    whole = wholes["only-refundable"].result()[0]
    assert (whole.status, whole.conformance["verdict"]) == (0, "partial")
    untested = {
        "auth.expired": "auth.expired_token is not set",
        "caller.configuration": "auth.unconfigured_token is not set",
        "order.not-paid": "orders.not_paid is not set",
        "order.zero-price": "orders.zero_price is not set",
        "order.refund-ended": "orders.refund_finished is not set",
        "order.refund-open": "orders.refund_new is not set; orders.refund_processing is not set",
        "order.unknown": "orders.unknown is not set",
    }
    for clause, reason in untested.items():
        assert (whole.result(clause)["result"], whole.result(clause)["reason"]) == ("untested", reason)
    assert whole.with_result("untested") == {*untested, "order.foreign"}
    foreign = whole.result("order.foreign")["reason"]
    assert "orders.foreign is not set" in foreign
    assert "auth.other_merchant_token is not set" in foreign


def test_what_needs_no_order_is_judged_without_any_that_can_be_refunded(
    wholes: Mapping[str, Future[list[Whole]]],
) -> None:
    whole = wholes["only-unknown"].result()[0]
    assert (whole.status, whole.conformance["verdict"]) == (0, "partial")
    assert whole.result("order.unknown")["result"] == "held"
    assert whole.result("order.refundable")["reason"] == "orders.refundable is not set"
    assert whole.accepted == 0


def test_a_run_that_tested_nothing_is_incomplete(wholes: Mapping[str, Future[list[Whole]]]) -> None:
    whole = wholes["no-orders"].result()[0]
    assert (whole.status, whole.conformance["verdict"]) == (3, "incomplete")
    assert whole.conformance["reason"] == "nothing was tested"
    assert whole.with_result("untested") == set(CONTRACT.clauses)
    assert len(whole.journal) <= 5


def test_the_second_run_on_a_mock_accuses_nobody(
    wholes: Mapping[str, Future[list[Whole]]],
) -> None:
    first, second = wholes["twice"].result()
    assert first.status == 0
    assert second.accused == set()
    ended = second.result("order.refund-ended")
    assert ended["result"] == "held" or "orders of orders.refund_finished are used" in ended["reason"]
    assert second.accepted > 5


@pytest.mark.parametrize("name", ["first-third", "all-used", "third", "few-unused"])
def test_orders_that_were_used_before_are_held_against_nobody(
    name: str, wholes: Mapping[str, Future[list[Whole]]]
) -> None:
    whole = wholes[name].result()[0]
    assert whole.accused == whole.with_result("violated") == set()
    first = whole.settings["orders"]["refundable"][0]
    assert [event["text"] for event in whole.kept("note") if first in event["text"]]


@pytest.mark.parametrize("name", ["third", "first-third"])
def test_a_list_with_used_orders_still_proves_most(name: str, wholes: Mapping[str, Future[list[Whole]]]) -> None:
    assert len(wholes[name].result()[0].with_result("held")) >= 50


def test_a_list_of_used_orders_ends_in_few_requests_and_says_what_to_do(
    wholes: Mapping[str, Future[list[Whole]]],
) -> None:
    whole = wholes["all-used"].result()[0]
    listed = len(whole.settings["orders"]["refundable"])
    assert len(whole.journal) < listed + 80
    assert f"{listed} of {listed} listed orders are used" in whole.result("email.required")["reason"]


def test_orders_that_run_out_midway_leave_the_rest_untested(wholes: Mapping[str, Future[list[Whole]]]) -> None:
    whole = wholes["few"].result()[0]
    assert (whole.status, whole.conformance["verdict"]) == (0, "partial")
    assert whole.conformance["orders"]["refundable"] == 5
    left_out = "the run's 400 requests and 5 orders go to checks that tell more"
    assert whole.reasons <= {left_out, "no order of orders.refundable is left; list more of them"}
    assert len(whole.with_result("held")) > 45


# ---- the beginning


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running(MockSettings(refundable=200)) as mock:
        yield mock


def results(made: MockRun) -> dict[str, str]:
    return {event["case"]: event["outcome"] for event in made.kept("case")}


def test_a_request_follows_on_the_order_that_was_accepted_in_place_of_a_lost_one() -> None:
    case = CASES["email.accepts/plus-and-dots"]
    made = stage(in_turn(Failure.CLOSED, refused(15060), refused(15050), ACCEPTED, refused(15050)))
    assert made.runner.examine(case).outcome is Outcome.HELD
    assert [event["outcome"] for event in made.events if event["event"] == "case"] == ["held", "held"]
    lost, _, again, accepted, after = made.orders
    assert lost == again
    assert accepted == after != lost


def test_so_it_does_where_the_lost_one_was_for_a_shared_order() -> None:
    case = CASES["description.max-length/at-limit-ascii"]
    made = stage(in_turn(refused(15010), Failure.CLOSED, refused(15060), ACCEPTED, refused(15050)))
    runner = made.runner
    key = shared_order_of(CASES["email.null/null"])
    runner.acceptance._joints = {case.id: Joint(Joined(case, (case.id,)), key)}
    runner.examine(CASES["email.null/null"])
    assert runner.examine(case).outcome is Outcome.HELD
    shared, lost, _, accepted, after = made.orders
    assert shared == lost == accepted == after


def test_what_was_sent_at_the_beginning_is_not_sent_again(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        before = len(made.events)
        for id_ in ("auth.missing/no-header", "order.refundable/plain", "order.once/second-request"):
            assert made.runner.examine(CASES[id_]).outcome is Outcome.HELD
        assert len(made.events) == before


def test_one_used_order_at_the_beginning_costs_another(mock: RunningMock) -> None:
    with on_mock(mock, begun=False) as made:
        first = made.settings.orders["refundable"][0]
        made.use_up([first])
        made.run.begin()
        assert results(made)["order.refundable/plain"] == "held"
        assert made.leased()[0] == first
        assert made.orders.accepted == (made.leased()[-1],)


def test_a_used_order_is_noted(mock: RunningMock) -> None:
    with on_mock(mock, begun=False) as made:
        first = made.settings.orders["refundable"][0]
        made.use_up([first])
        made.run.begin()
        assert [note for note in made.notes if first in note]


def test_a_target_that_refuses_whatever_is_valid_is_named_once() -> None:
    with mock_run("order-never-refundable") as made:
        violated = [event for event in made.kept("case") if event["outcome"] == "violated"]
        refused_later = made.runner.examine(CASES["email.accepts/plus-and-dots"])
    assert [event["case"] for event in violated] == ["order.refundable/plain"]
    assert refused_later.outcome is Outcome.UNTESTED


def test_a_stranger_who_is_let_in_does_not_cost_the_plain_request() -> None:
    with mock_run("auth-anonymous-passes") as made:
        found = results(made)
        assert found["order.refundable/plain"] == "held"
        assert found["auth.missing/no-header"] == "violated"


@pytest.mark.parametrize("id_", ["order.refund-ended/first", "description.unicode/asks-nul-character"])
def test_a_lost_connection_that_may_have_cost_an_order_is_held_against_nobody(id_: str) -> None:
    runner = stage(in_turn(Failure.CLOSED, refused(15050))).runner
    result = runner.examine(CASES[id_])
    assert result.outcome in (Outcome.UNDECIDED, Outcome.UNTESTED)


# ---- one case


def test_refused_requests_of_an_area_share_one_order(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        before = len(made.leased())
        for id_ in ("email.null/null", "email.empty/empty", "description.null/null"):
            made.runner.examine(CASES[id_])
        made.runner.examine(CASES["json.malformed/truncated"])
        targets = [event["request"]["target"] for event in made.kept("exchange")][-4:]
        assert len(made.leased()) - before == 2
    assert len(set(targets[:3])) == 1
    assert targets[3] != targets[0]


def test_an_accepted_request_serves_as_the_proof_for_a_shared_order(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        made.runner.examine(CASES["email.null/null"])
        before = len(made.leased())
        shared = joints(CONTRACT, CONTRACT.clauses)
        serves = next(id_ for id_, joint in shared.items() if joint.shared_order == "fields")
        result = made.runner.examine(CASES[serves])
        assert (result.outcome, len(made.leased())) == (Outcome.HELD, before)
        assert made.runner.acceptance.proven == {"fields"}


def test_a_clause_that_was_violated_by_an_acceptance_costs_no_further_orders() -> None:
    with mock_run("email-format-unchecked") as made:
        ids = [id_ for id_ in CASES if id_.startswith("email.format/")]
        outcomes = [made.runner.examine(CASES[id_]).outcome for id_ in ids]
        assert len(made.leased()) <= 5
    assert outcomes[0] is Outcome.VIOLATED
    assert set(outcomes[1:]) <= {Outcome.SKIPPED, Outcome.HELD}
    assert outcomes.count(Outcome.SKIPPED) > len(outcomes) / 2


@pytest.mark.parametrize("id_", ["order.not-paid/not-paid-first", "order.not-paid/not-paid-last"])
def test_a_group_gives_the_order_that_a_case_picks(id_: str, mock: RunningMock) -> None:
    with on_mock(mock) as made:
        made.runner.examine(CASES[id_])
        ids = made.settings.orders["not_paid"]
        place = 0 if id_.endswith("first") else -1
        assert ids[place] in made.kept("exchange")[-1]["request"]["target"]


def test_a_small_group_spares_the_picks_that_it_has_not(mock: RunningMock) -> None:
    with on_mock(mock, lambda target: target["orders"].update(not_paid=target["orders"]["not_paid"][:1])) as made:
        outcomes = {
            id_: made.runner.examine(CASES[id_]).outcome for id_ in CASES if id_.startswith("order.not-paid/")
        }
    assert list(outcomes.values()) == [Outcome.HELD, Outcome.HELD, Outcome.SKIPPED, Outcome.SKIPPED]


def test_a_question_is_asked_of_an_open_order_once_the_target_shows_that_it_looks_there_last(
    mock: RunningMock,
) -> None:
    asked = CASES["content-type.exact/asks-content-type-parameters"]
    with on_mock(mock) as made:
        before = len(made.leased())
        both = (c for c in CASES.values() if {"content_type", "order"} <= set(c.situation.wrong))
        made.runner.examine(next(case for case in both if case.clause == "errors.alone"))
        assert made.runner.examine(asked).outcome is Outcome.HELD
        assert len(made.leased()) == before
        assert made.orders.accepted[0] in made.kept("exchange")[-1]["request"]["target"]


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (plain(500), {"server.no-5xx"}),
        (refused(15000), {"json.encoding"}),
        (ACCEPTED, {"order.once"}),
    ],
)
def test_what_is_wrong_with_a_question_of_an_open_order_is_not_the_orders_matter_unless_accepted(
    answer: Response, named: set[str]
) -> None:
    asked = CASES["json.encoding/asks-byte-order-mark"]
    made = stage(answer)
    made.executor.orders.mark_accepted("730001")
    for part in ("content_type", "body"):
        wrong = Situation(order="refund-open").with_part(part, {"body": "malformed"}.get(part, "other"))
        code = {"body": 110}.get(part, 111)
        matched = next(p for p in made.executor.permitted(wrong) if p.errors == code)
        made.executor.observations.note(wrong, matched)
    findings = made.runner.examine(asked).findings
    assert {finding.clause for finding in findings} == named
    assert {clause for finding in findings for clause in finding.also} <= {"json.encoding"}


def test_a_shared_order_that_is_used_up_when_a_request_is_sent_again_is_shared_no_more() -> None:
    made = stage(in_turn(refused(110), ACCEPTED))
    result = made.runner.examine(CASES["email.null/null"])
    assert result.outcome is Outcome.VIOLATED
    assert made.executor.orders.shared == {}


def test_a_question_costs_an_order_before_that_is_known(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        before = len(made.leased())
        made.runner.examine(CASES["content-type.exact/asks-content-type-parameters"])
        assert len(made.leased()) == before + 1


def test_a_case_without_its_token_is_untested_with_the_setting_as_reason(mock: RunningMock) -> None:
    with on_mock(mock, lambda target: target["auth"].pop("expired_token")) as made:
        result = made.runner.examine(CASES["auth.expired/expired-token"])
    assert (result.outcome, result.reason) == (Outcome.UNTESTED, "auth.expired_token is not set")


def test_a_situation_is_flawless_if_nothing_is_said_of_it() -> None:
    assert Situation().wrong == ()
    assert Situation(order="unknown").wrong == ("order",)
