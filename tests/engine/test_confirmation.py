"""Before a target is accused it is asked again: what stays, what comes and goes, and what says nothing."""

from collections.abc import Iterator

import pytest

from engine_stage import ACCEPTED, CASES, GROUPS, Answer, Script, Stage, in_turn, plain, refused, stage
from refund_conformance.contract.errors import TargetError
from refund_conformance.engine.confirmation import CONFIRMATIONS, OUTAGES, Confirmation
from refund_conformance.engine.executor import LOST_TRIES, SILENT_TRIES
from refund_conformance.oracle.finding import Kind
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.transport.exchange import Failure, Request

PLAIN = CASES["order.refundable/plain"]
NO_EMAIL = CASES["email.required/absent"]
NULL_EMAIL = CASES["email.null/null"]
UNKNOWN = CASES["order.unknown/unknown-first"]
STRANGER = CASES["auth.missing/no-header"]
LONG = CASES["description.max-length/over-501"]
RIGHT = refused(15010)


def concluded(made: Stage, case: str = "email.required/absent", by: Confirmation | None = None) -> Result:
    """Send a case for a leased order and conclude."""
    order = made.executor.orders.lease()
    return (by or made.confirmation).conclude(CASES[case], order, made.executor.send(CASES[case], order))


def clauses(result: Result) -> list[str]:
    return [finding.clause for finding in result.findings]


def for_all_but_control(answer: Answer, control: Answer) -> Script:
    """Return a script that answers the control, which is for an unknown order, in its own way."""

    def script(request: Request) -> Answer:
        return control if GROUPS["unknown"][0] in request.target else answer

    return script


def test_a_right_answer_is_asked_for_once() -> None:
    made = stage(RIGHT)
    result = concluded(made)
    assert (result.outcome, result.tries, result.failed, result.exchanges) == (Outcome.HELD, 1, 0, (1,))
    assert result.answer == "error"


def test_an_acceptance_that_is_right_is_told_as_success() -> None:
    result = concluded(stage(ACCEPTED), PLAIN.id)
    assert (result.outcome, result.answer) == (Outcome.HELD, "success")


def test_what_fails_each_time_is_violated_with_all_its_exchanges() -> None:
    made = stage(refused(110))
    result = concluded(made)
    assert result.outcome is Outcome.VIOLATED
    assert clauses(result) == ["email.required"]
    assert (result.failed, result.tries) == (1 + CONFIRMATIONS, 1 + CONFIRMATIONS)
    assert result.exchanges == (1, 2, 3)


@pytest.mark.parametrize(
    ("answers", "failed"), [((refused(110), RIGHT), 1), ((refused(110), RIGHT, refused(110)), 2)]
)
def test_what_fails_sometimes_is_unsteady_and_its_own_clause_is_not_named(
    answers: tuple[Answer, ...], failed: int
) -> None:
    result = concluded(stage(in_turn(*answers)))
    assert result.outcome is Outcome.VIOLATED
    assert clauses(result) == ["server.steady"]
    assert (result.failed, result.tries) == (failed, 3)
    assert f"in {failed} of 3 tries" in result.findings[0].actual


def test_a_crash_that_comes_and_goes_is_a_crash_all_the_same() -> None:
    result = concluded(stage(in_turn(plain(500), RIGHT)))
    assert clauses(result) == ["server.steady", "server.no-5xx"]


def test_what_is_accepted_once_is_accepted() -> None:
    result = concluded(stage(in_turn(ACCEPTED, RIGHT)))
    assert clauses(result) == ["server.steady", "email.required"]
    assert [finding.kind for finding in result.findings] == [Kind.UNSTEADY, Kind.ACCEPTED]


def test_a_401_that_comes_and_goes_is_not_the_descriptions_fault() -> None:
    made = stage(in_turn(refused(1007), refused(15060), refused(15010, field="description")))
    result = concluded(made, LONG.id)
    assert clauses(result) == ["server.steady"]
    assert made.orders[1] == GROUPS["unknown"][0]


def test_a_token_that_is_refused_midway_ends_the_run() -> None:
    with pytest.raises(TargetError, match=r"the target rejected auth\.token"):
        concluded(stage(refused(1007)), LONG.id)


def test_a_401_that_stays_while_the_control_is_answered_is_held_against_the_target() -> None:
    result = concluded(stage(for_all_but_control(refused(1007), refused(15060))), LONG.id)
    assert result.outcome is Outcome.VIOLATED
    assert "server.steady" not in clauses(result)


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.CLOSED])
def test_a_target_that_answers_nothing_else_either_is_gone(failure: Failure) -> None:
    with pytest.raises(TargetError, match="stopped answering"):
        concluded(stage(failure))


@pytest.mark.parametrize("failure", [Failure.BROKEN, Failure.OVERSIZED])
def test_a_target_whose_answers_are_all_broken_is_still_there(failure: Failure) -> None:
    assert clauses(concluded(stage(failure))) == ["server.answers"]


def test_a_connection_that_is_lost_when_there_is_no_order_left_to_try_again_tells_nothing() -> None:
    made = stage(in_turn(Failure.CLOSED, refused(15060)), groups={**GROUPS, "refundable": ("1",)})
    order = made.executor.orders.lease()
    case = CASES["email.accepts/plus-and-dots"]
    result = made.confirmation.conclude(case, order, made.executor.send(case, order))
    assert (result.outcome, result.findings) == (Outcome.UNDECIDED, ())


@pytest.mark.parametrize(
    "failure", [Failure.TIMEOUT, Failure.BROKEN, Failure.CLOSED, Failure.CUT, Failure.OVERSIZED]
)
def test_silence_at_one_request_alone_is_held_against_the_target(failure: Failure) -> None:
    made = stage(for_all_but_control(failure, refused(15060)))
    result = concluded(made)
    assert clauses(result) == ["server.answers"]
    tries = LOST_TRIES if failure.lost else SILENT_TRIES
    assert (result.failed, result.tries) == (tries, tries)


def test_a_connection_that_was_lost_once_is_nobodys_fault() -> None:
    result = concluded(stage(in_turn(Failure.CLOSED, refused(15060), RIGHT)))
    assert (result.outcome, result.findings, result.tries) == (Outcome.HELD, (), 2)


def test_a_timeout_that_comes_and_goes_is_unsteady() -> None:
    result = concluded(stage(in_turn(Failure.TIMEOUT, refused(15060), RIGHT)))
    assert clauses(result) == ["server.steady", "server.answers"]


@pytest.mark.parametrize("answer", [plain(503), plain(429), plain(502), plain(504), Failure.UNREACHABLE])
def test_what_is_inconclusive_leaves_a_case_undecided(answer: Answer) -> None:
    result = concluded(stage(answer))
    assert (result.outcome, result.findings, result.tries) == (Outcome.UNDECIDED, (), 1)
    assert result.reason


def test_so_many_cases_without_an_answer_show_that_the_target_is_gone() -> None:
    made = stage(plain(503))
    confirmation = made.confirmation
    for _ in range(OUTAGES - 1):
        assert concluded(made, by=confirmation).outcome is Outcome.UNDECIDED
    with pytest.raises(TargetError, match="503, again and again"):
        concluded(made, by=confirmation)


def test_an_answer_in_between_begins_the_count_anew() -> None:
    answers: Iterator[Answer] = iter([plain(503), plain(503), RIGHT] * 3)
    made = stage(lambda request: next(answers))
    confirmation = made.confirmation
    outcomes = [concluded(made, by=confirmation).outcome for _ in range(9)]
    assert outcomes == [Outcome.UNDECIDED, Outcome.UNDECIDED, Outcome.HELD] * 3


def test_a_kind_of_failure_that_is_known_is_not_sent_again() -> None:
    made = stage(refused(110))
    confirmation = made.confirmation
    tries = [concluded(made, case, confirmation).tries for case in (NO_EMAIL.id, NO_EMAIL.id, NO_EMAIL.id)]
    assert tries == [3, 3, 1]


def test_a_failure_of_another_clause_is_of_another_kind() -> None:
    made = stage(refused(110))
    confirmation = made.confirmation
    for _ in range(CONFIRMATIONS):
        concluded(made, NO_EMAIL.id, confirmation)
    assert concluded(made, NULL_EMAIL.id, confirmation).tries == 3


def test_an_acceptance_that_is_wrong_is_confirmed_once_on_an_order_of_its_own() -> None:
    made = stage(ACCEPTED)
    result = concluded(made, STRANGER.id)
    assert clauses(result) == ["auth.missing"]
    assert (result.failed, result.tries) == (2, 2)
    assert made.orders == ["730001", "730002"]
    assert made.executor.orders.accepted == ()
    assert not made.executor.orders.is_untouched("730002")


def test_an_acceptance_outside_the_refundable_orders_cannot_be_asked_for_again() -> None:
    made = stage(ACCEPTED)
    result = made.confirmation.conclude(UNKNOWN, "990001", made.executor.send(UNKNOWN, "990001"))
    assert (result.outcome, result.tries) == (Outcome.VIOLATED, 1)
    assert made.orders == ["990001"]


def test_a_refusal_that_is_wrong_is_confirmed_on_the_same_order() -> None:
    made = stage(refused(15050))
    result = concluded(made, PLAIN.id)
    assert result.outcome is Outcome.VIOLATED
    assert made.orders == ["730001"] * 3


def test_after_a_crash_that_may_have_had_its_effect_a_valid_request_goes_to_other_orders() -> None:
    made = stage(plain(500))
    assert clauses(concluded(made, PLAIN.id)) == ["server.no-5xx"]
    assert made.orders == ["730001", "730002", "730003"]


def test_without_another_order_the_failure_stands_as_it_was_seen() -> None:
    made = stage(ACCEPTED, limit=1)
    result = concluded(made, STRANGER.id)
    assert clauses(result) == ["auth.missing"]
    assert (result.failed, result.tries) == (1, 1)


def test_a_valid_request_that_is_accepted_the_second_time_uses_up_its_order() -> None:
    made = stage(in_turn(plain(500), ACCEPTED))
    result = concluded(made, PLAIN.id)
    assert "server.steady" in clauses(result)
    assert made.executor.orders.accepted == ("730002", "730003")


def test_a_gateway_that_speaks_in_between_ends_the_confirmation() -> None:
    result = concluded(stage(in_turn(refused(110), plain(503))))
    assert clauses(result) == ["email.required"]
    assert (result.failed, result.tries) == (1, 1)


def test_advice_is_a_warning_and_is_not_sent_again() -> None:
    made = stage(refused(1007))
    result = concluded(made, STRANGER.id)
    assert (result.outcome, result.tries) == (Outcome.WARNED, 1)
    assert [finding.kind for finding in result.findings] == [Kind.ADVICE]
