"""The profiles bound a run."""

import pytest

from refund_conformance.contract.errors import UsageError
from refund_conformance.sut.profile import PROFILES, profile


def test_ci_is_bounded_and_the_same_each_time() -> None:
    ci = profile("ci")
    assert (ci.name, ci.requests, ci.orders, ci.random) == ("ci", 400, 30, False)


def test_ci_draws_nothing() -> None:
    assert profile("ci").examples == 0


def test_nightly_explores_further_and_afresh() -> None:
    ci, nightly = profile("ci"), profile("nightly")
    assert nightly.random
    assert nightly.examples > ci.examples
    assert nightly.requests > ci.requests
    assert (nightly.races, nightly.walks, nightly.steps) > (ci.races, ci.walks, ci.steps)


def test_every_profile_has_an_end_and_its_own_name() -> None:
    for name, made in PROFILES.items():
        assert made.name == name
        assert 0 < made.seconds <= 3600
        assert made.walks > 0
        assert 2 <= made.walk_orders <= made.steps


@pytest.mark.parametrize("name", ["weekly", "", "CI", "ci "])
def test_an_unknown_profile_is_named_with_those_there_are(name: str) -> None:
    with pytest.raises(UsageError) as problem:
        profile(name)
    assert repr(name) in str(problem.value)
    assert "smoke, ci, nightly" in str(problem.value)
    assert problem.value.exit_status == 2
