"""What a mock is told when it starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from refund_conformance.mock.tokens import DAY

MEMORY = "sqlite://"
"""Database URL of a store that lives as long as its process."""


@dataclass(frozen=True)
class MockSettings:
    """Settings of a mock.

    ``port`` 0 takes a free one. ``faults`` and ``variants`` are names from their catalogues. ``answers`` maps
    open questions to answers. ``database`` is an SQLAlchemy URL. ``token_seconds`` is a token's life.
    ``refundable`` is the number of sample orders that can be refunded. ``delay`` is the seconds to wait before
    each answer. ``rate_limit`` is the requests a second beyond which the answer is 429.
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
