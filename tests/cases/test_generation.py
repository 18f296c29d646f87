"""Cases are drawn each once, the same for a seed, and again from the bytes that they were drawn from."""

from engine_stage import CONTRACT
from hypothesis import strategies as st

from refund_conformance.cases import explorations
from refund_conformance.cases.case import Case
from refund_conformance.cases.generation import draw, drawing_test, fingerprint, fuzzed

STRATEGIES = explorations(CONTRACT)
MALFORMED = "json.malformed"


def fingerprints(clause: str, examples: int, seed: int) -> list[bytes]:
    return [fingerprint(drawn.case) for drawn in draw(STRATEGIES[clause], examples, seed)]


def test_each_case_is_drawn_once() -> None:
    drawn = fingerprints(MALFORMED, 200, 0)
    assert len(drawn) == len(set(drawn)) == 200


def test_the_same_seed_draws_the_same_and_more_examples_only_more() -> None:
    assert fingerprints(MALFORMED, 40, 7) == fingerprints(MALFORMED, 80, 7)[:40]
    assert fingerprints(MALFORMED, 40, 7) != fingerprints(MALFORMED, 40, 8)


def test_drawing_ends_where_nothing_new_comes() -> None:
    cases = [next(draw(STRATEGIES[MALFORMED], 1, seed)).case for seed in range(3)]
    assert len(set(map(fingerprint, cases))) == 3
    drawn = list(draw(st.sampled_from(cases), 1000, 0))
    assert sorted(fingerprint(one.case) for one in drawn) == sorted(map(fingerprint, cases))


def test_nothing_is_drawn_where_nothing_is_asked_for_or_can_be() -> None:
    nothing: st.SearchStrategy[Case] = st.nothing()
    assert list(draw(nothing, 10, 0)) == []
    assert list(draw(STRATEGIES[MALFORMED], 0, 0)) == []


def test_the_source_of_a_case_draws_it_again() -> None:
    for clause, strategy in STRATEGIES.items():
        again: list[Case] = []
        fuzz = fuzzed(drawing_test(strategy, again.append, None, 0))
        for drawn in draw(strategy, 5, 1):
            fuzz(drawn.source)
            assert fingerprint(again.pop()) == fingerprint(drawn.case), clause
