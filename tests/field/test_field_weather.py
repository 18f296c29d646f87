"""A lawful server behind a proxy that loses connections is never accused, and nearly always judged."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from field_fronts import behind
from field_runs import Judged, judged
from field_weather import KINDS, LATE, Lock, Weather, weather_front

from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings

SIDE_BY_SIDE = 3
"""Runs at once: they wait half of their time."""

LOSSES: dict[str, tuple[str, ...]] = {
    "reset": ("reset before", "reset after"),
    "closed": ("closed before", "closed after"),
    "cut": ("cut", "head cut"),
    "gateway": ("502", "503", "504"),
    "late": (LATE,),
    "overrun": ("429",),
}
"""Kinds of loss that a run has in turn, by what they have in common."""


@dataclass(frozen=True)
class Sky:
    """The weather of a run, the faults of its target, and more words of its command line."""

    weather: Weather
    faults: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def run(self, folder: Path) -> Judged:
        """Run the suite behind it."""
        mock = MockSettings(refundable=60, faults=self.faults)
        with running(mock) as target, weather_front(target.base_url, self.weather) as url:
            return judged(folder, behind(target.target_toml(), url), *self.words)


PLACES = (1, 2, 60, 200)
LOCKS = (401, 403)
SKIES: dict[str, Sky] = {
    **{
        name: Sky(Weather(0.01 + 0.01 * len(kinds), seed=len(name), kinds=kinds)) for name, kinds in LOSSES.items()
    },
    "all kinds in parallel": Sky(Weather(0.01, 1), words=("--in-flight", "8")),
    **{f"restart at {place}": Sky(Weather(0.0, outages={place: 2.0})) for place in PLACES},
    **{f"lock with {status}": Sky(Weather(0.0, lock=Lock(15, 2.0, status))) for status in LOCKS},
    "violation": Sky(Weather(0.02, seed=5), ("desc-counted-in-bytes",)),
    "gone for good": Sky(Weather(0.0, outages={100: 3600.0})),
}

Runs = Callable[[str], Judged]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Start all runs, a few at a time."""
    folder = tmp_path_factory.mktemp("weather")
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        started = {name: pool.submit(sky.run, folder / name.replace(" ", "-")) for name, sky in SKIES.items()}
        yield lambda name: started[name].result()
        pool.shutdown(cancel_futures=True)


def test_every_kind_of_loss_is_tried() -> None:
    assert sorted(kind for kinds in LOSSES.values() for kind in kinds) == sorted(KINDS)


@pytest.mark.parametrize("name", LOSSES)
def test_each_kind_of_loss_is_weathered(name: str, runs: Runs) -> None:
    done = runs(name)
    assert [kind for kind in LOSSES[name] if not SKIES[name].weather.counted[kind]] == []
    assert done.verdict == (0, "conformant"), done.reasons


def test_all_kinds_together_are_weathered_in_parallel(runs: Runs) -> None:
    done = runs("all kinds in parallel")
    assert done.with_result("violated") == set(), done.reasons


@pytest.mark.parametrize("place", PLACES)
def test_a_restart_of_two_seconds_is_waited_for(place: int, runs: Runs) -> None:
    done = runs(f"restart at {place}")
    assert SKIES[f"restart at {place}"].weather.counted["outage"] == 1
    assert done.verdict == (0, "conformant"), done.reasons


def test_a_violation_is_seen_through_the_weather(runs: Runs) -> None:
    done = runs("violation")
    assert done.verdict == (1, "violated"), done.reasons
    assert done.with_result("violated") == {"description.unicode"}


@pytest.mark.parametrize("status", LOCKS)
def test_a_target_that_locks_callers_out_for_a_while_is_judged_in_all_else(status: int, runs: Runs) -> None:
    done = runs(f"lock with {status}")
    assert SKIES[f"lock with {status}"].weather.counted["lock"] >= 1
    assert done.verdict == (0, "partial"), done.reasons
    assert len(done.with_result("held")) > 50


def test_a_target_that_goes_away_for_good_is_incomplete(runs: Runs) -> None:
    done = runs("gone for good")
    assert done.verdict == (3, "incomplete")
    assert done.with_result("violated") == set()
