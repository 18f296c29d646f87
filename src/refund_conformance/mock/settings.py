"""What a mock is told when it starts."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from refund_conformance.contract.errors import UsageError
from refund_conformance.mock.samples import PASSWORDS
from refund_conformance.mock.tokens import DAY

MEMORY = "sqlite://"
"""Database URL of a store that lives as long as its process."""


MOST_DELAY = 600.0
"""Seconds by which each answer may be late."""

LEAST_RATE, MOST_RATE = 0.001, 1e6
"""Requests a second that a rate limit may permit."""

MOST_LIFE = 1e9
"""Seconds that a token may live."""


@dataclass(frozen=True)
class MockSettings:
    """Settings of a mock.

    ``port`` 0 takes a free one. ``faults`` and ``variants`` are names from their catalogues. ``answers`` maps
    open questions to answers. ``database`` is an SQLAlchemy URL. ``token_seconds`` is a token's life.
    ``refundable`` is the number of sample orders that can be refunded. ``delay`` is the seconds to wait before
    each answer. ``rate_limit`` is the requests a second beyond which the answer is 429. ``workers`` is the
    number of processes that serve; several of them share a database, so it may not be in memory. ``control``
    turns the control API on or off; None turns it on for loopback addresses only. ``rehearsal`` has an order for
    every error, under a fixed id. ``log`` writes a line of JSON for each request to standard error. ``passwords``
    are those of users, by name; None takes the documented ones on loopback, and others by chance elsewhere, unless
    ``well_known_passwords`` is set.
    """

    host: str = "127.0.0.1"
    port: int = 0
    faults: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    database: str = MEMORY
    token_seconds: float = DAY
    refundable: int = 200
    delay: float = 0.0
    rate_limit: float | None = None
    workers: int = 1
    control: bool | None = None
    rehearsal: bool = False
    log: bool = False
    passwords: Mapping[str, str] | None = None
    well_known_passwords: bool = False

    @property
    def has_control(self) -> bool:
        """Whether the control API is there: asked for, or not refused on a loopback address."""
        return is_loopback(self.host) if self.control is None else self.control

    @property
    def password_of(self) -> Mapping[str, str]:
        """The password of each sample user."""
        return {**PASSWORDS, **(self.passwords or {})}

    def guarded(self) -> "MockSettings":
        """Return the settings as they are served: beyond loopback with passwords that nobody can know."""
        if is_loopback(self.host) or self.well_known_passwords or self.passwords is not None:
            return self
        return replace(self, passwords={name: secrets.token_urlsafe(12) for name in PASSWORDS})

    def check(self) -> None:
        """Raise UsageError for settings that are out of range, or do not go together."""
        for name, value, least, most in (
            ("delay", self.delay, 0, MOST_DELAY),
            ("rate limit", self.rate_limit, LEAST_RATE, MOST_RATE),
            ("token life", self.token_seconds, 0, MOST_LIFE),
        ):
            if value is not None and not least <= value <= most:  # which holds for NaN too
                raise UsageError(f"{name} {value}", "is out of range", f"It may be from {least:g} to {most:g}.")
        if self.workers < 1:
            raise UsageError(f"{self.workers} workers", "is too few", "One at least.")
        if self.workers > 1 and self.database == MEMORY:
            raise UsageError(
                f"{self.workers} workers",
                "cannot share a database in memory",
                "Name a file or PostgreSQL with --database.",
            )
        if self.workers > 1 and self.rate_limit is not None:
            raise UsageError(
                f"a rate limit with {self.workers} workers", "would be one for each of them", "Use one worker."
            )


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is reached from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
