"""A run's limits are those of its profile, or lower ones of the settings."""

import pytest

from refund_conformance.sut.limits import Allowance, Limits, limits_of
from refund_conformance.sut.profile import PROFILES
from refund_conformance.sut.settings import Settings

CI = PROFILES["ci"]


@pytest.mark.parametrize(
    ("set_limits", "expected"),
    [
        ({}, Limits(CI.requests, CI.orders, CI.seconds)),
        ({"max_requests": 10}, Limits(10, CI.orders, CI.seconds, narrowed_requests=True)),
        ({"max_orders": 3}, Limits(CI.requests, 3, CI.seconds, narrowed_orders=True)),
        ({"max_orders": 0}, Limits(CI.requests, 0, CI.seconds, narrowed_orders=True)),
        ({"max_requests": 10**6, "max_orders": 10**6}, Limits(CI.requests, CI.orders, CI.seconds)),
        ({"max_seconds": 5.0}, Limits(CI.requests, CI.orders, 5.0)),
        ({"max_seconds": 1e6}, Limits(CI.requests, CI.orders, 1e6)),
    ],
)
def test_the_settings_narrow_the_profile(set_limits: dict[str, float], expected: Limits) -> None:
    settings = Settings("http://127.0.0.1:1", **set_limits)  # type: ignore[arg-type]
    assert limits_of(settings, CI) == expected


def test_requests_are_covered_up_to_the_limit() -> None:
    allowance = Allowance(Limits(20, 30, 60.0))
    assert allowance.covers(20)
    assert not allowance.covers(21)
    assert not Allowance(Limits(0, 30, 60.0)).covers(1)


def test_the_time_ends() -> None:
    assert not Allowance(Limits(20, 30, 60.0)).is_over
    assert Allowance(Limits(20, 30, -1.0)).is_over
