"""A lawful server behind a proxy that loses connections is never accused, and nearly always judged."""

from pathlib import Path

import pytest
from field_fronts import behind
from field_runs import Judged, judged
from field_weather import KINDS, Lock, Weather, weather_front

from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings


def run(folder: Path, weather: Weather, *faults: str, words: tuple[str, ...] = ()) -> Judged:
    mock = MockSettings(refundable=60, faults=faults)
    with running(mock) as target, weather_front(target.base_url, weather) as url:
        return judged(folder / "run", behind(target.target_toml(), url), *words)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_loss_is_weathered(kind: str, tmp_path: Path) -> None:
    weather = Weather(0.015, seed=KINDS.index(kind), kinds=[kind])
    done = run(tmp_path, weather)
    assert weather.counted[kind] > 0
    assert done.verdict == (0, "conformant"), done.reasons


@pytest.mark.parametrize("seed", range(2))
def test_all_kinds_together_are_weathered_in_parallel(seed: int, tmp_path: Path) -> None:
    done = run(tmp_path, Weather(0.01, seed), words=("--in-flight", "8"))
    assert done.with_result("violated") == set(), done.reasons


@pytest.mark.parametrize("place", [1, 2, 60, 200])
def test_a_restart_of_two_seconds_is_waited_for(place: int, tmp_path: Path) -> None:
    weather = Weather(0.0, outages={place: 2.0})
    done = run(tmp_path, weather)
    assert weather.counted["outage"] == 1
    assert done.verdict == (0, "conformant"), done.reasons


def test_a_violation_is_seen_through_the_weather(tmp_path: Path) -> None:
    done = run(tmp_path, Weather(0.02, seed=5), "desc-counted-in-bytes")
    assert done.verdict == (1, "violated"), done.reasons
    assert done.with_result("violated") == {"description.unicode"}


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_target_that_locks_callers_out_for_a_while_is_judged_in_all_else(status: int, tmp_path: Path) -> None:
    weather = Weather(0.0, lock=Lock(refused=15, seconds=3.0, status=status))
    done = run(tmp_path, weather)
    assert weather.counted["lock"] >= 1
    assert done.with_result("violated") == set(), done.reasons
    assert done.verdict in ((0, "partial"), (0, "conformant")), done.reasons
    assert len(done.with_result("held")) > 50


def test_a_target_that_goes_away_for_good_is_incomplete(tmp_path: Path) -> None:
    done = run(tmp_path, Weather(0.0, outages={100: 3600.0}))
    assert done.verdict == (3, "incomplete")
    assert done.with_result("violated") == set()
