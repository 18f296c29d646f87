"""How often a request is sent again whose answer reports nothing, and after what time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock

import tenacity

from refund_conformance.transport.exchange import Exchange, Failure

TOO_MANY = 429
NOT_TAKEN = frozenset({408, TOO_MANY})
"""Statuses that say that nothing was done with a request: its connection had been idle for too long, or there were
too many."""

GATEWAY_STATUSES = NOT_TAKEN | {502, 503, 504}
"""Statuses that come from something in front of the target and say nothing about the contract."""

FIRST_PATIENCE = 4.0
"""Seconds that a run waits for a target that has never answered."""

PATIENCE = 30.0
"""Seconds that a run waits altogether for a target that is away, or asks to be left alone."""

GATEWAY_TRIES = 4
"""How often a request is sent that only a gateway answers."""

LONGEST_WAIT = 5.0
"""Seconds that a Retry-After is honoured for at most at a time."""

FIRST_WAIT = 0.5
"""Seconds before the second try; they double with each further one."""


class Patience:
    """The seconds that may still be waited. Threads that wait at the same time wait once."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._until = 0.0
        self._lock = Lock()

    def grow(self, seconds: float) -> None:
        """Allow so many more seconds."""
        with self._lock:
            self._left += seconds

    def allows(self, seconds: float) -> bool:
        """Take so many seconds from now on; return whether they were left."""
        with self._lock:
            now = time.monotonic()
            more = max(0.0, now + seconds - max(now, self._until))
            if more > self._left:
                return False
            self._left -= more
            self._until = max(self._until, now + seconds)
            return True


def is_inconclusive(exchange: Exchange) -> bool:
    """Whether an exchange reports nothing about the contract: a gateway's status, or no connection."""
    if exchange.failure is not None:
        return exchange.failure.lost or not exchange.failure.connected
    return is_from_gateway(exchange)


def is_from_gateway(exchange: Exchange) -> bool:
    """Whether an answer comes from something in front of the target."""
    return exchange.response is not None and exchange.response.status in GATEWAY_STATUSES


def was_not_taken(exchange: Exchange) -> bool:
    """Whether nothing was done with a request: the target says so, or could not be reached."""
    if exchange.response is None:
        return exchange.failure is Failure.UNREACHABLE
    return exchange.response.status in NOT_TAKEN


def is_passing(exchange: Exchange) -> bool:
    """Whether what kept a request from the target may be over soon: no connection, or a gateway."""
    return was_not_taken(exchange) or is_from_gateway(exchange)


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


def growing_wait(tries: int) -> float:
    """Return the seconds to wait after so many tries, from 1 on."""
    return min(FIRST_WAIT * 2.0 ** min(tries - 1, 16), LONGEST_WAIT)


def _wait(state: tenacity.RetryCallState) -> float:
    """Return the seconds to wait: what the answer asks for, else a growing time with jitter."""
    asked = asked_wait(state.outcome.result()) if state.outcome else None
    if asked is not None:
        return asked
    return growing_wait(state.attempt_number) + tenacity.wait_random(0, FIRST_WAIT / 5)(state)


def repeated(
    attempt: Callable[[], Exchange], again: Callable[[Exchange], bool], patience: Patience | None = None
) -> Exchange:
    """Return the last exchange of an attempt that is made ``again``, within bounds.

    What a gateway answers is tried GATEWAY_TRIES times; a target that is away, or asks to be left alone, as long
    as there is ``patience``.
    """
    first = attempt()
    if not again(first):
        return first
    made = iter((first,))
    waited = patience or Patience(FIRST_PATIENCE)

    def stop(state: tenacity.RetryCallState) -> bool:
        exchange: Exchange | None = state.outcome.result() if state.outcome else None
        bounded = exchange is not None and not was_not_taken(exchange)
        return (bounded and state.attempt_number >= GATEWAY_TRIES) or not waited.allows(state.upcoming_sleep)

    retrying = tenacity.Retrying(
        stop=stop,
        wait=_wait,
        retry=tenacity.retry_if_result(again),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    exchange: Exchange = retrying(lambda: next(made, None) or attempt())
    return exchange
