"""What a run may send, use up and take, resolved once from the profile and the target's settings."""

import time
from dataclasses import dataclass

from refund_conformance.sut.profile import Profile
from refund_conformance.sut.settings import Settings


@dataclass(frozen=True)
class Limits:
    """The most ``requests`` of a run, the most refundable ``orders`` that it uses up, and its ``seconds``.

    ``narrowed_requests`` and ``narrowed_orders`` tell whether the settings set the limit, below the profile's.
    """

    requests: int
    orders: int
    seconds: float
    narrowed_requests: bool = False
    narrowed_orders: bool = False


def limits_of(settings: Settings, profile: Profile) -> Limits:
    """Return the limits of a run: those of the profile, or lower ones of the settings."""
    requests = min(profile.requests, settings.max_requests or profile.requests)
    orders = profile.orders if settings.max_orders is None else min(profile.orders, settings.max_orders)
    return Limits(
        requests,
        orders,
        settings.max_seconds or profile.seconds,
        requests < profile.requests,
        orders < profile.orders,
    )


class Allowance:
    """What is left of the limits while a run goes on."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._end = time.monotonic() + limits.seconds

    @property
    def is_over(self) -> bool:
        """Whether the time for requests is over."""
        return time.monotonic() > self._end

    def covers(self, requests: int) -> bool:
        """Whether so many requests, counted from the start of the run, are within its limit."""
        return requests <= self.limits.requests
