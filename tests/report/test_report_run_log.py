"""A record's exchanges are known by their numbers, whoever sent them and in whatever order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refund_conformance.report.run_log import Beat, Beats

NUMBERS = st.lists(st.integers(1, 80_000_000), unique=True, max_size=40)


def beats(numbers: list[int], status: int | None = 200) -> Beats:
    made = Beats()
    for number in numbers:
        response = None if status is None else {"status": status}
        made.add(
            {
                "number": number,
                "started": number + 0.25,
                "seconds": 0.5,
                "attempt": 1 + number % 2,
                "response": response,
            }
        )
    return made


@given(NUMBERS, NUMBERS)
def test_each_exchange_is_found_by_its_number_and_no_other(numbers: list[int], others: list[int]) -> None:
    made = beats(numbers)
    assert [numbers[place] for place in made.places(numbers)] == numbers
    asked = [*others, *numbers[::2]]
    found = [made[place].started - 0.25 for place in made.places(asked)]
    assert found == [number for number in asked if number in numbers]


@given(NUMBERS)
def test_they_stay_in_the_order_of_the_record(numbers: list[int]) -> None:
    made = beats(numbers, None)
    assert list(made) == [Beat(number + 0.25, 0.5, number % 2 == 1, None) for number in numbers]
    assert made[1:3] == list(made)[1:3]
    assert len(made) == len(numbers)


def test_there_is_none_beyond_the_last() -> None:
    with pytest.raises(IndexError):
        beats([7, 5])[2]
    assert beats([7, 5])[1].status == 200
