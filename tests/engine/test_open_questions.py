"""Questions that are asked together, and apart where they are not accepted together."""

from engine_stage import ACCEPTED, CASES, in_turn, refused, stage
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
