"""Hypothesis draws further cases: as many as the profile says, the same for a seed, smaller where one fails."""

from itertools import accumulate
from typing import Any

import pytest
from hypothesis import strategies as st

from engine_stage import CONTRACT, TOKENS, Stage, mock_run, plain, refused, stage
from refund_conformance.cases import explorations
from refund_conformance.cases.case import Case
from refund_conformance.cases.generation import STALE, draw
from refund_conformance.engine.fuzzing import COMING, SHRINKS, explore
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.transport.exchange import Request

STRATEGIES = explorations(CONTRACT)
SOME = 30
MALFORMED = "json.malformed"
LONG = "description.max-length"


def explored(made: Stage, clause: str = MALFORMED, examples: int = SOME, seed: int = 0) -> Result | None:
    return explored_with(made, STRATEGIES[clause], examples, seed)


def explored_with(made: Stage, strategy: st.SearchStrategy[Case], examples: int, seed: int = 0) -> Result | None:
    return explore(made.runner, strategy, draw(strategy, examples, seed), seed)


def bodies(made: Stage) -> list[bytes]:
    return [request.body for request in made.client.requests]


@pytest.mark.parametrize("clause", STRATEGIES)
def test_every_clause_that_is_explored_is_one_of_the_contract(clause: str) -> None:
    assert clause in CONTRACT.clauses


def test_as_many_cases_are_sent_as_the_profile_says_each_payload_once() -> None:
    made = stage(refused(110))
    result = explored(made)
    assert result is not None
    assert result.outcome is Outcome.HELD
    sent = bodies(made)
    assert SOME / 2 < len(sent) == len(set(sent)) <= SOME


def test_cases_are_drawn_as_they_are_sent_and_not_before() -> None:
    taken: list[int] = []

    def noted(case: Case) -> Case:
        taken.append(1)
        return case

    def answer(request: Request) -> Any:
        taken.append(-1)
        return refused(15010, field="description")

    strategy, made = STRATEGIES[LONG].map(noted), stage(answer)
    explored_with(made, strategy, 3 * COMING)
    assert len(made.client.requests) == 3 * COMING
    assert max(accumulate(taken)) <= COMING + STALE


def test_a_profile_of_few_examples_sends_few() -> None:
    made = stage(refused(110))
    explored(made, examples=2)
    assert len(made.client.requests) == 2


def test_without_examples_nothing_is_drawn() -> None:
    made = stage(refused(110))
    assert explored(made, examples=0) is None
    assert made.client.requests == []


def test_the_same_seed_draws_the_same() -> None:
    first, second = stage(refused(110)), stage(refused(110))
    explored(first, seed=7)
    explored(second, seed=7)
    assert bodies(first) == bodies(second)


def test_another_seed_draws_something_else() -> None:
    first, second = stage(refused(110)), stage(refused(110))
    explored(first, seed=7)
    explored(second, seed=8)
    assert bodies(first) != bodies(second)


@pytest.mark.parametrize("value", ["1", "true"])
def test_a_seed_counts_in_ci_too(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", value)
    first, second = stage(refused(110)), stage(refused(110))
    explored(first, seed=1)
    explored(second, seed=2)
    assert bodies(first) != bodies(second)


def test_each_drawn_case_has_an_id_of_its_own() -> None:
    made = stage(refused(110))
    explored(made)
    cases = [event["case"] for event in made.events if event["event"] == "case"]
    assert len(set(cases)) == len(cases) == len(bodies(made)) > 1
    assert set(cases) <= {f"{MALFORMED}/drawn-{number}" for number in range(1, SOME + 1)}


def _sized(request: Request) -> Any:
    return refused(110) if len(request.body) > 2000 else refused(15010, field="description")


def test_a_payload_that_fails_is_made_smaller_within_bounds() -> None:
    made = stage(_sized)
    result = explored(made, LONG, 200)
    assert result is not None
    assert result.outcome is Outcome.VIOLATED
    failing = [event for event in made.events if event["event"] == "case" and event["outcome"] == "violated"]
    assert 1 <= len(failing) <= SHRINKS + 1
    # Each failing case is sent three times at most.
    assert len(made.client.requests) <= 200 + 3 * (SHRINKS + 1)


def test_the_failing_result_that_tells_most_is_the_last_one() -> None:
    made = stage(_sized)
    result = explored(made, LONG, 200)
    cases = [event["case"] for event in made.events if event["event"] == "case" and event["outcome"] == "violated"]
    assert result is not None
    assert result.case == cases[-1]


def test_what_was_accepted_wrongly_is_not_made_smaller() -> None:
    with mock_run("json-lenient-truncated", "json-lenient-rest-ignored", "email-empty-accepted") as made:
        before = len(made.leased())
        strategy = STRATEGIES[MALFORMED]
        result = explore(made.runner, strategy, draw(strategy, SOME, 0), 0)
        assert result is not None
        assert result.outcome is Outcome.VIOLATED
        assert len(made.leased()) - before <= 3


def test_what_only_sometimes_fails_is_no_flaky_test() -> None:
    answers = iter([refused(110), plain(500)] * 200)
    result = explored(stage(lambda request: next(answers)))
    assert result is not None
    assert {finding.clause for finding in result.findings} >= {"server.steady"}


def test_where_nothing_can_be_drawn_there_is_no_result() -> None:
    made = stage(refused(110))
    nothing: st.SearchStrategy[Any] = st.nothing()
    assert explored_with(made, nothing, SOME) is None
    assert made.client.requests == []


def test_without_orders_what_is_drawn_stays_untested() -> None:
    made = stage(refused(110), groups={}, tokens=TOKENS)
    result = explored(made)
    assert result is not None
    assert (result.outcome, result.reason) == (Outcome.UNTESTED, "orders.refundable is not set")
    assert made.client.requests == []
    assert [event["outcome"] for event in made.events if event["event"] == "case"] == ["untested"]
