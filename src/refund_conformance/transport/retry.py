"""How often a request is sent again whose answer says nothing, and after what time."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import tenacity

from refund_conformance.transport.exchange import Exchange, Failure

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
        return exchange.failure in (Failure.UNREACHABLE, Failure.UNTRUSTED, Failure.CLOSED)
    return exchange.response.status in GATEWAY_STATUSES


def was_not_taken(exchange: Exchange) -> bool:
    """Whether the target says that it did nothing with a request."""
    return exchange.response is not None and exchange.response.status in NOT_TAKEN


def asked_wait(exchange: Exchange) -> float | None:
    """Return the seconds that an answer asks to wait by Retry-After, a number or a date, up to LONGEST_WAIT."""
    asked = exchange.response.header("Retry-After") if exchange.response else None
    if not asked:
        return None
    if asked.isascii() and asked.isdecimal():
        return min(float(asked), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(0.0, (until - datetime.now(UTC)).total_seconds()), LONGEST_WAIT)


def _wait(state: tenacity.RetryCallState) -> float:
    """Return the seconds to wait: what the answer asks for, else a growing time with jitter."""
    asked = asked_wait(state.outcome.result()) if state.outcome else None
    return _GROWING(state) if asked is None else asked


def repeated(attempt: Callable[[], Exchange], answered: Callable[[Exchange], bool]) -> Exchange:
    """Return the last exchange of an attempt that is made again, within bounds, while it is ``answered`` so."""
    first = attempt()
    if not answered(first):
        return first
    made = iter((first,))
    again = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=_wait,
        retry=tenacity.retry_if_result(answered),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    exchange: Exchange = again(lambda: next(made, None) or attempt())
    return exchange
