"""What is known of a request and of the world it meets: one value for each part that can be wrong."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from refund_conformance.contract.model import VALID

INVALID = "invalid"
"""How an invalid field is reported unless an answer to an open question says otherwise: once."""


@dataclass(frozen=True)
class Situation:
    """The parts of a request (contract: "How an answer is decided").

    ``invalid`` holds the names of the invalid fields, ``field`` how they are reported. ``questions`` holds the
    open questions that the request touches, each with the field it is about, or "".
    """

    route: str = VALID["route"]
    authorization: str = VALID["authorization"]
    content_type: str = VALID["content_type"]
    body: str = VALID["body"]
    caller: str = VALID["caller"]
    order: str = VALID["order"]
    invalid: frozenset[str] = frozenset()
    questions: tuple[tuple[str, str], ...] = ()
    field: str = INVALID

    @cached_property
    def wrong(self) -> tuple[str, ...]:
        """The names of the parts that are wrong; "field" stands last if any field is invalid."""
        parts = tuple(part for part, value in VALID.items() if getattr(self, part) != value)
        return (*parts, "field") if self.invalid else parts

    def with_part(self, part: str, value: str) -> "Situation":
        """Return the situation with another value of one part."""
        change: dict[str, Any] = {part: value}
        return replace(self, **change)

    def with_invalid(self, field: str) -> "Situation":
        """Return the situation with one more invalid field."""
        return replace(self, invalid=self.invalid | {field})
