"""Every check of several requests stands in one place."""

import pytest

from engine_stage import CASES, CONTRACT
from refund_conformance.engine.partitions import PARTITIONS
from refund_conformance.engine.registry import PHASES, SCENARIOS, Circumstances, Scenario, scenario_of
from refund_conformance.sut.profile import PROFILES

AREAS = {clause.area for clause in CONTRACT.clauses.values()}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=str)
def test_a_scenario_is_about_a_clause_or_an_area_in_a_phase_and_a_partition(scenario: Scenario) -> None:
    assert scenario.about in {*CONTRACT.clauses, *AREAS}
    assert scenario.phase in PHASES
    assert scenario.partition in PARTITIONS


@pytest.mark.parametrize("profile", PROFILES)
def test_every_scenario_has_a_price_within_the_profile(profile: str) -> None:
    circumstances = Circumstances(CONTRACT, PROFILES[profile], CONTRACT.clauses)
    prices = [scenario.price(circumstances) for scenario in SCENARIOS.values()]
    assert sum(price.requests for price in prices) < PROFILES[profile].requests
    assert sum(price.orders for price in prices) <= PROFILES[profile].orders


def test_a_clause_without_a_case_has_a_scenario() -> None:
    listed = {case.clause for case in CASES.values()}
    alone = {id_ for id_, clause in CONTRACT.clauses.items() if not clause.every_answer} - listed
    assert {id_ for id_ in alone if scenario_of(id_) is None} == set()


def test_the_walk_goes_on_where_the_race_ends_if_both_are_chosen() -> None:
    walk, profile = SCENARIOS["order.lifecycle"], PROFILES["ci"]
    alone = walk.price(Circumstances(CONTRACT, profile, {"order.lifecycle"}))
    after = walk.price(Circumstances(CONTRACT, profile, {"order.lifecycle", "order.race"}))
    assert (alone.orders - after.orders, alone.requests - after.requests) == (2, 2)


def test_what_the_settings_lack_costs_nothing() -> None:
    lacking = {"unknown", "foreign", *CASES}
    circumstances = Circumstances(CONTRACT, PROFILES["ci"], CONTRACT.clauses, lacking=lacking)
    for about in ("auth.first", "auth.every-request", "order.foreign"):
        assert SCENARIOS[about].price(circumstances).requests == 0
