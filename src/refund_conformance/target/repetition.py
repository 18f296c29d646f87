"""How often a request is sent again whose answer says nothing, and after what time."""

from collections.abc import Callable

import tenacity

from refund_conformance.exchange import Exchange, Failure

TOO_MANY = 429
NOT_TAKEN = frozenset({408, TOO_MANY})
"""Statuses that say that nothing was done with a request: its connection had been idle for too long, or there were
too many."""

GATEWAY_STATUSES = NOT_TAKEN | {502, 503, 504}
"""Statuses that come from something in front of the target and say nothing about the contract."""

ATTEMPTS = 3
LONGEST_WAIT = 5.0
"""Seconds that a Retry-After is honoured for at most."""

_GROWING = tenacity.wait_exponential(multiplier=0.1, max=LONGEST_WAIT) + tenacity.wait_random(0, 0.1)


def says_nothing(exchange: Exchange) -> bool:
    """Whether an exchange tells nothing about the contract: a gateway's status, or no connection."""
    if exchange.response is None:
        return exchange.failure in (Failure.UNREACHABLE, Failure.CLOSED)
    return exchange.response.status in GATEWAY_STATUSES


def _was_not_taken(exchange: Exchange) -> bool:
    return exchange.response is not None and exchange.response.status in NOT_TAKEN


def _wait(state: tenacity.RetryCallState) -> float:
    """Return the seconds to wait: what Retry-After asks for, else a growing time with jitter."""
    exchange = state.outcome.result() if state.outcome else None
    asked = exchange.response.header("Retry-After") if exchange and exchange.response else None
    return min(float(asked), LONGEST_WAIT) if asked and asked.isascii() and asked.isdecimal() else _GROWING(state)


def _repeating(answers: Callable[[Exchange], bool]) -> tenacity.Retrying:
    """Return what repeats an attempt while it is answered so, and in the end returns its last exchange."""
    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=_wait,
        retry=tenacity.retry_if_result(answers),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )


REPEATING = _repeating(says_nothing)
"""Repeats an attempt, a function that returns an exchange, within bounds while that says nothing."""

REPEATING_IF_NOT_TAKEN = _repeating(_was_not_taken)
"""Repeats an attempt only while its answer says that nothing was done."""
