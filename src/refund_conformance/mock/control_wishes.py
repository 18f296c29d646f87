"""What several requests to the control API may ask for, taken out of their bodies."""

from dataclasses import replace
from typing import Any

from refund_conformance.mock.control_request import WishError, names, nothing_else, number, texts, whole
from refund_conformance.mock.pacing import Pace
from refund_conformance.mock.settings import LEAST_RATE, MOST_DELAY, MOST_LIFE, MOST_RATE, MockSettings

MOST_ORDERS = 10_000
"""Orders that one request may make."""


def refuse_several_workers(settings: MockSettings, what: str) -> None:
    """Refuse what lives in the memory of a process, where the next request may go to another."""
    if settings.workers > 1:
        raise WishError(f"{what} kept by each process, and there are {settings.workers}: serve with one worker")


def take_orders(wish: dict[str, Any]) -> tuple[int, str]:
    """Take how many orders are wished for, and in which state."""
    count, state = wish.pop("count", 1), wish.pop("state", "refundable")
    nothing_else(wish)
    if not isinstance(state, str):
        raise WishError("state must be text")
    return whole(count, "count", MOST_ORDERS), state


def take_life(wish: dict[str, Any]) -> float | None:
    """Take the life that a token shall have, if one is wished for."""
    seconds = wish.pop("seconds", None)
    return None if seconds is None else number(seconds, "seconds", -MOST_LIFE, MOST_LIFE)


def take_settings(wish: dict[str, Any], pace: Pace, current: MockSettings) -> tuple[Pace, MockSettings]:
    """Take the settings that are wished for, the others being as they are."""
    delay = number(wish.pop("delay", pace.delay), "delay", 0, MOST_DELAY)
    rate = wish.pop("rate_limit", pace.rate)
    if rate is not None:
        rate = number(rate, "rate_limit, if not null,", LEAST_RATE, MOST_RATE)
    chosen = replace(
        current,
        faults=names(wish.pop("faults", current.faults), "faults"),
        variants=names(wish.pop("variants", current.variants), "variants"),
        answers=texts(wish.pop("answers", current.answers), "answers"),
    )
    nothing_else(wish)
    return Pace(delay, rate), chosen


def shown_settings(pace: Pace, current: MockSettings) -> dict[str, object]:
    """Return the settings that can be changed."""
    return {
        "delay": pace.delay,
        "rate_limit": pace.rate,
        "faults": list(current.faults),
        "variants": list(current.variants),
        "answers": dict(current.answers),
    }
