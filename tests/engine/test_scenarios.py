"""Checks that take more than one request: each holds on a lawful mock, names its fault, and blames nobody else."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from engine_stage import (
    ACCEPTED,
    CASES,
    TOKENS,
    Answer,
    MockRun,
    in_turn,
    mock_run,
    on_mock,
    plain,
    refused,
    stage,
)
from refund_conformance.engine import comparisons, scenarios
from refund_conformance.engine.bisection import NO_EFFECT
from refund_conformance.engine.registry import SCENARIOS
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut.profile import PROFILES
from refund_conformance.transport.exchange import Request

FLOWS = {
    about: scenario
    for about, scenario in SCENARIOS.items()
    if scenario.phase != "reviewed"
    and about != "order.foreign"  # which compares answers to cases that came before
}


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running(MockSettings(refundable=200)) as mock:
        yield mock


def ask(made: MockRun, *ids: str) -> None:
    for id_ in ids:
        made.runner.examine(CASES[id_])


def violate(made: MockRun, clause: str) -> None:
    """Have the run know a clause as violated."""
    finding = Finding(clause, Kind.ACCEPTED, "401", "200")
    made.executor.keep(Result(f"{clause}/x", clause, "T.", Outcome.VIOLATED, findings=(finding,)))


def clauses(result: Result) -> set[str]:
    return {finding.clause for finding in result.findings}


# ---- every flow


@pytest.fixture(scope="module")
def lawful(mock: RunningMock) -> Iterator[MockRun]:
    with on_mock(mock) as made:
        yield made


@pytest.mark.parametrize("name", FLOWS)
def test_a_lawful_mock_holds_and_the_result_is_kept_once(name: str, lawful: MockRun) -> None:
    before = len(lawful.kept("case"))
    result = FLOWS[name].carry_out(lawful.runner, PROFILES["ci"], 0)
    kept = lawful.kept("case")[before:]
    assert (result.outcome, result.findings) == (Outcome.HELD, ())
    assert [event for event in kept if event["case"] == result.case] == [result.as_event()]


@pytest.mark.parametrize("name", [name for name in FLOWS if name != "auth.first"])
def test_without_orders_a_flow_is_untested_with_the_setting_as_reason(name: str) -> None:
    made = stage(refused(15010), groups={})
    result = FLOWS[name].carry_out(made.runner, PROFILES["ci"], 0)
    assert (result.outcome, result.reason) == (Outcome.UNTESTED, "orders.refundable is not set")
    assert made.events[-1]["event"] == "case"


def test_without_unknown_orders_strangers_are_not_compared() -> None:
    made = stage(refused(1008), groups={"refundable": ("1",)})
    result = comparisons.unauthenticated_answers_match(made.runner)
    assert (result.outcome, result.reason) == (Outcome.UNTESTED, "orders.unknown is not set")


# ---- auth.every-request


def test_a_connection_that_lends_its_authorization_is_named() -> None:
    with mock_run("auth-by-connection") as made:
        result = scenarios.every_request(made.runner)
    assert result.outcome is Outcome.VIOLATED
    assert clauses(result) == {"auth.every-request"}
    assert len(result.exchanges) >= 2


def test_a_request_without_authorization_follows_one_with_it_after_its_answer_and_before(
    mock: RunningMock,
) -> None:
    with on_mock(mock) as made:
        ports: list[tuple[str, int]] = []
        observe = mock.mock.endpoint.observe
        mock.mock.endpoint.observe = lambda received, answer, seconds: ports.append(received.client)
        scenarios.every_request(made.runner)
        mock.mock.endpoint.observe = observe
        statuses = {event["number"]: event["response"]["status"] for event in made.kept("exchange")}
        kept = {event["case"]: event for event in made.kept("case")}
    for slug, answered in (("same-connection", [400, 401, 400, 401]), ("pipelined", [400, 401])):
        result = kept[f"auth.every-request/{slug}"]
        assert [statuses[number] for number in result["exchanges"]] == answered
        assert result["outcome"] == "held"
    assert [ports.count(port) for port in dict.fromkeys(ports)] == [4, 2]


def test_an_expired_token_that_passes_on_an_authorized_connection_is_named() -> None:
    with mock_run("auth-expired-by-connection") as made:
        result = scenarios.every_request(made.runner)
    assert (result.outcome, clauses(result)) == (Outcome.VIOLATED, {"auth.every-request"})


@pytest.mark.parametrize("fault", ["auth-by-address", "auth-by-global"])
def test_authorization_that_is_remembered_elsewhere_is_named_too(fault: str) -> None:
    with mock_run(fault) as made:
        result = scenarios.every_request(made.runner)
    assert result.outcome is Outcome.VIOLATED
    assert clauses(result) == {"auth.every-request"}


def test_what_is_sent_with_authorization_beside_is_judged_too() -> None:
    ours = f"Bearer {TOKENS['token']}"
    made = stage(lambda request: ACCEPTED if ours in dict(request.headers).values() else refused(1008))
    made.executor.orders.mark_accepted("730001")
    scenarios.every_request(made.runner)
    broken = {f["clause"] for e in made.events if e["event"] == "case" for f in e["findings"]}
    assert broken == {"order.once"}


def test_kinds_of_authorization_that_anyone_passes_with_are_left_out(mock: RunningMock) -> None:
    with on_mock(mock, begun=False) as made:
        for clause in ("auth.missing", "auth.malformed", "auth.forged", "auth.expired"):
            violate(made, clause)
        result = scenarios.every_request(made.runner)
    assert result.outcome is Outcome.SKIPPED


# ---- strangers


def test_a_message_to_strangers_that_tells_of_orders_is_advised_against() -> None:
    with mock_run("auth-hints-at-orders") as made:
        result = comparisons.unauthenticated_answers_match(made.runner)
    assert result.outcome is Outcome.WARNED
    assert clauses(result) == {"auth.first"}


# ---- foreign orders


@pytest.mark.parametrize("fault", ["order-foreign-message", "order-foreign-header"])
def test_an_answer_that_tells_a_foreign_order_from_an_unknown_one_is_named(fault: str) -> None:
    with mock_run(fault) as made:
        ask(made, "order.foreign/foreign-first", "order.unknown/unknown-first")
        result = comparisons.foreign_as_unknown(made.runner)
    assert result.outcome is Outcome.VIOLATED
    assert clauses(result) == {"order.foreign"}


@pytest.mark.parametrize(
    ("read_for", "named"),
    [
        pytest.param("/660001/", set(), id="one-of-them-as-chance-has-it"),
        pytest.param("/66000", {"order.foreign"}, id="all-of-them"),
    ],
)
def test_a_target_that_reads_the_body_for_foreign_orders_alone_is_named(read_for: str, named: set[str]) -> None:
    def script(request: Request) -> Answer:
        is_malformed = not request.body.endswith(b"}")
        return refused(110) if is_malformed and read_for in request.target else refused(15060)

    groups: dict[str, tuple[str, ...]] = {"unknown": ("990001", "990002"), "foreign": ("660001", "660002")}
    runner = stage(script, groups=groups).runner
    for id_ in ("order.foreign/foreign-first", "order.unknown/unknown-first"):
        runner.examine(CASES[id_])
    result = comparisons.foreign_as_unknown(runner)
    assert clauses(result) == named
    assert result.outcome is (Outcome.VIOLATED if named else Outcome.HELD)


def test_foreign_and_unknown_orders_are_answered_alike_by_a_lawful_mock(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        ask(made, "order.foreign/foreign-first", "order.foreign/foreign-last", "order.unknown/unknown-first")
        assert comparisons.foreign_as_unknown(made.runner).outcome is Outcome.HELD


def test_without_both_answers_there_is_nothing_to_compare(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        ask(made, "order.unknown/unknown-first")
        result = comparisons.foreign_as_unknown(made.runner)
    assert (result.outcome, result.tries) == (Outcome.SKIPPED, 0)


def test_the_orders_own_id_in_the_message_tells_nothing() -> None:
    def script(request: Request) -> Answer:
        body = refused(15060).body.replace(b"Order not found", f"Order {request.target} not found".encode())
        return replace(refused(15060), body=body)

    made = stage(script, groups={"unknown": ("990001",), "foreign": ("660001",)})
    runner = made.runner
    for id_ in ("order.foreign/foreign-first", "order.unknown/unknown-first"):
        runner.examine(CASES[id_])
    assert comparisons.foreign_as_unknown(runner).outcome is Outcome.HELD


# ---- steady


@pytest.mark.parametrize(
    "other", [refused(15010, field="description"), refused(15010, 422), plain(500), refused(110)]
)
def test_answers_that_change_are_named_with_their_number(other: Answer) -> None:
    result = comparisons.steady(stage(in_turn(refused(15010), other)).runner)
    assert result.outcome is Outcome.VIOLATED
    (finding,) = result.findings
    assert (finding.clause, finding.kind) == ("server.steady", Kind.UNSTEADY)
    assert finding.actual == f"2 different answers in {comparisons.STEADY_TRIES} tries"
    assert len(result.exchanges) == comparisons.STEADY_TRIES


def test_a_request_that_held_before_and_is_accepted_now_counts_against_its_clause_too() -> None:
    case = next(case for case in CASES.values() if case.area == "email")
    runner = stage(in_turn(refused(15010), ACCEPTED)).runner
    assert runner.examine(case).outcome is Outcome.HELD
    result = comparisons.steady(runner)
    assert clauses(result) == {"server.steady", case.clause}
    assert result.findings[0].actual.startswith("200 without errors, though")


def test_an_answer_that_was_as_wrong_before_shows_nothing_of_steadiness() -> None:
    case = next(case for case in CASES.values() if case.area == "email")
    runner = stage(plain(400)).runner
    assert clauses(runner.examine(case)) == {"errors.shape"}
    assert comparisons.steady(runner).outcome is Outcome.SKIPPED


def test_a_request_that_was_not_sent_before_tells_nothing_of_steadiness() -> None:
    assert comparisons.steady(stage(ACCEPTED).runner).outcome is Outcome.SKIPPED


def test_a_request_that_is_accepted_at_last_is_not_sent_on() -> None:
    made = stage(in_turn(refused(15010), ACCEPTED))
    result = comparisons.steady(made.runner)
    assert clauses(result) == {"server.steady"}
    assert len(made.client.requests) == 2


# ---- no effect


@pytest.mark.parametrize(
    ("fault", "clause"),
    [
        ("auth-missing-with-effect", "auth.no-effect"),
        ("json-broken-with-effect", "json.no-effect"),
        ("content-type-with-effect", "json.no-effect"),
        ("fields-with-effect", "fields.no-effect"),
    ],
)
def test_an_effect_is_named_with_the_request_that_had_it(fault: str, clause: str) -> None:
    with mock_run(fault) as made:
        result = scenarios.no_effect(made.runner, clause)
        named = [event for event in made.kept("case") if event["outcome"] == "violated"]
    assert result.outcome is Outcome.SKIPPED
    assert {event["clause"] for event in named} == {clause}
    assert named[0]["case"].startswith(f"{clause}/after-")


def test_the_proof_follows_the_requests_that_were_refused_on_the_order(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        ask(made, "email.null/null", "email.empty/empty")
        result = scenarios.no_effect(made.runner, "fields.no-effect")
        *_, null, empty, proof = made.kept("exchange")
    assert result.outcome is Outcome.HELD
    assert null["request"]["target"] == empty["request"]["target"] == proof["request"]["target"]
    assert [one["response"]["status"] for one in (null, empty, proof)] == [400, 400, 200]


def test_a_proof_alone_refuses_one_of_each_kind_before(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        before = len(made.kept("exchange"))
        assert scenarios.no_effect(made.runner, "json.no-effect").outcome is Outcome.HELD
        statuses = [event["response"]["status"] for event in made.kept("exchange")[before:]]
    assert statuses[-1] == 200
    assert set(statuses[:-1]) == {400}
    assert len(statuses) >= 6


@pytest.mark.parametrize("used", [range(730001, 730013), range(730002, 730005), range(730001, 730013, 2)])
def test_a_shared_order_that_was_used_before_is_held_against_nobody(used: range) -> None:
    with mock_run(refundable=12, begun=False, fresh=False) as made:
        made.use_up(map(str, used))
        made.run.begin()
        results = [scenarios.no_effect(made.runner, clause) for clause in NO_EFFECT]
        accused = {finding["clause"] for event in made.kept("case") for finding in event["findings"]}
    assert Outcome.VIOLATED not in {result.outcome for result in results}
    assert accused <= {"order.refundable"}


# ---- races and walks


def test_a_race_is_skipped_where_a_later_request_wins_as_well(mock: RunningMock) -> None:
    with on_mock(mock) as made:
        violate(made, "order.once")
        before = len(made.kept("exchange"))
        result = scenarios.race_rounds(made.runner, 3)
        assert len(made.kept("exchange")) == before
    assert result.outcome is Outcome.SKIPPED
    assert "order.once" in result.reason


def test_of_several_rounds_the_worst_is_told_and_all_are_kept() -> None:
    with mock_run("race-neighbours-refused") as made:
        result = scenarios.race_rounds(made.runner, rounds=len(made.runner.raced) + 1)
        kept = [event["case"] for event in made.kept("case") if event["clause"] == "order.race"]
    assert result.outcome is Outcome.VIOLATED
    assert sorted(kept) == ["order.race/one-order-1", "order.race/two-orders"]


# ---- reviews


@pytest.mark.parametrize("kind", ["error", "success"])
def test_a_review_of_answers_that_came_is_not_kept(kind: str, mock: RunningMock) -> None:
    with on_mock(mock) as made:
        before = len(made.events)
        assert scenarios.review(made.runner, kind).outcome is Outcome.HELD
        assert len(made.events) == before


def test_a_review_without_answers_asks_for_one_of_each_kind(mock: RunningMock) -> None:
    with on_mock(mock, begun=False) as made:
        assert scenarios.review(made.runner, "error").outcome is Outcome.HELD
        bodies = " ".join(event["response"]["body"] for event in made.kept("exchange") if event["response"])
    assert [code for code in (110, 111, 15000, 15010, 15030, 15040, 15050, 15060) if str(code) not in bodies] == []


def test_a_review_tells_what_was_broken() -> None:
    with mock_run("errors-15010-422") as made:
        ask(made, "email.required/absent")
        result = scenarios.review(made.runner, "error")
    assert result.outcome is Outcome.VIOLATED
    assert clauses(result) == {"errors.status"}


def test_a_review_of_successes_without_any_is_untested() -> None:
    made = stage(refused(15060), groups={"unknown": ("990001",)})
    result = scenarios.review(made.runner, "success")
    assert result.outcome is Outcome.UNTESTED
    assert "'success'" in result.reason
