"""Slow a server down: a delay before each answer, and a limit on the rate of requests."""

import asyncio
import math
import time
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Receive, Scope, Send

_TOO_MANY = b"Too many requests.\n"


@dataclass
class Pace:
    """``delay`` in seconds before each answer; ``rate`` in requests a second, None for no limit."""

    delay: float = 0.0
    rate: float | None = None
    _left: float = field(default=1.0, repr=False)
    _at: float = field(default=0.0, repr=False)

    def admit(self, now: float) -> float:
        """Take one request into the account; return 0, or the seconds after which to ask again."""
        if self.rate is None:
            return 0.0
        burst = max(1.0, self.rate)
        self._left = min(burst, self._left + (now - self._at) * self.rate)
        self._at = now
        if self._left < 1:
            return (1 - self._left) / self.rate
        self._left -= 1
        return 0.0


class Pacing:
    """Keeps an application to a pace, which may change while it runs."""

    def __init__(self, app: ASGIApp, pace: Pace) -> None:
        self.app = app
        self.pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with 429 beyond the rate; otherwise wait, then pass on."""
        wait = self.pace.admit(time.monotonic())
        if wait:
            await _refuse(wait, send)
            return
        if self.pace.delay:
            await asyncio.sleep(self.pace.delay)
        await self.app(scope, receive, send)


async def _refuse(wait: float, send: Send) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(_TOO_MANY)).encode("ascii")),
        (b"retry-after", str(max(1, math.ceil(wait))).encode("ascii")),
    ]
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": _TOO_MANY})
