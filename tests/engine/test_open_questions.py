"""Questions that are asked together, and apart where they are not accepted together."""

from engine_stage import ACCEPTED, CASES, in_turn, mock_run, refused, stage
from refund_conformance.oracle.result import Outcome

TEXTS = [f"description.unicode/asks-{name}" for name in ("character-unit", "nul-character", "lone-surrogate")]


def test_one_acceptance_answers_all_questions_of_a_text() -> None:
    made = stage(in_turn(ACCEPTED))
    runner = made.runner
    assert {runner.examine(CASES[id_]).outcome for id_ in TEXTS} == {Outcome.HELD}
    assert len(made.client.requests) == 1


def test_a_lawful_refusal_together_is_asked_apart() -> None:
    made = stage(refused(15010, field="description"))
    runner = made.runner
    assert {runner.examine(CASES[id_]).outcome for id_ in TEXTS} == {Outcome.HELD}
    assert len(made.client.requests) == 1 + len(TEXTS)


def test_a_failure_together_counts_if_each_question_alone_gets_a_lawful_answer() -> None:
    made = stage(in_turn(refused(111), *[ACCEPTED] * 20))
    runner = made.runner
    assert {runner.examine(CASES[id_]).outcome for id_ in TEXTS} == {Outcome.HELD}
    cases = [event for event in made.events if event["event"] == "case"]
    assert [finding["clause"] for event in cases for finding in event["findings"]] == ["server.steady"]


def test_the_order_of_checks_is_found_out_once_and_spares_orders() -> None:
    with mock_run() as made:
        leased, sent = len(made.leased()), len(made.kept("exchange"))
        likes = [id_ for id_ in CASES if id_.startswith("description.unicode/like-")]
        assert {made.runner.examine(CASES[id_]).outcome for id_ in likes} == {Outcome.HELD}
        assert len(made.leased()) == leased
        assert len(made.kept("exchange")) - sent == len(likes) + 1
