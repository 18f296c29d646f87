"""A situation knows which of its parts are wrong."""

from itertools import combinations

import pytest

from refund_conformance.contract.model import VALID
from refund_conformance.oracle.situation import Situation

PARTS = ("route", "authorization", "content_type", "body", "caller", "order")


def test_the_parts_are_those_of_the_contract_in_the_order_of_a_request() -> None:
    assert tuple(VALID) == PARTS


def test_nothing_is_wrong_with_the_plain_situation() -> None:
    assert Situation().wrong == ()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_with_another_value_is_wrong(part: str) -> None:
    assert Situation().with_part(part, "other").wrong == (part,)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_set_right_again_is_not_wrong(part: str) -> None:
    situation = Situation().with_part(part, "other").with_part(part, VALID[part])
    assert situation == Situation()


def test_every_set_of_wrong_parts_is_told_in_order_with_the_fields_last() -> None:
    for size in range(len(PARTS) + 1):
        for chosen in combinations(PARTS, size):
            situation = Situation()
            for part in reversed(chosen):
                situation = situation.with_part(part, "other")
            assert situation.wrong == chosen
            assert situation.with_invalid("email").wrong == (*chosen, "field")


def test_invalid_fields_add_up() -> None:
    situation = Situation().with_invalid("email").with_invalid("description").with_invalid("email")
    assert situation.invalid == {"email", "description"}
    assert situation.wrong == ("field",)


def test_a_question_makes_nothing_wrong() -> None:
    assert Situation(questions=(("utf16-json", ""),)).wrong == ()


def test_changing_a_situation_leaves_the_first_one_as_it_was() -> None:
    situation = Situation()
    situation.with_part("order", "unknown")
    situation.with_invalid("email")
    assert situation.wrong == ()
