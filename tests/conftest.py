"""Load one Hypothesis profile for all tests: what it draws never varies, and nothing in it depends on a clock.

Whatever is started here heeds SIGINT and SIGHUP, also where a shell that runs the tests in the background, or
nohup, has them ignored.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings

from refund_conformance.transport import retry

settings.register_profile(
    "ci",
    max_examples=50,
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")

retry.FIRST_WAIT = 0.001  # what is tested here is that there is a second try, not how long it waits


async def _briefly(seconds: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    await sleep(min(seconds, 0.005))


_SHORTER = {
    # that there is a second look: a mock has long come to rest
    "refund_conformance.engine.bisection.SETTLING": 0.01,
    "refund_conformance.engine.race.SETTLING": 0.01,
    # a mock in this process looks more often whether it is to stop
    "uvicorn.server.asyncio": SimpleNamespace(**{**vars(asyncio), "sleep": _briefly}),
}
for _name, _value in _SHORTER.items():
    pytest.MonkeyPatch().setattr(_name, _value)

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
