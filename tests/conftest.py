"""Load one Hypothesis profile for all tests: what it draws never varies, and nothing in it depends on a clock.

Whatever is started here heeds SIGINT and SIGHUP, also where a shell that runs the tests in the background, or
nohup, has them ignored.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

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
    # how long a target is waited for that has never answered
    "refund_conformance.transport.retry.FIRST_PATIENCE": 0.5,
    "refund_conformance.sut.client.FIRST_PATIENCE": 0.5,
    # that there is a second look: a mock has long come to rest
    "refund_conformance.engine.bisection.SETTLING": 0.01,
    "refund_conformance.engine.race.SETTLING": 0.01,
    # a mock in this process looks more often whether it is to stop, and waits less for who takes no answer
    "refund_conformance.mock.listening.STOP_SECONDS": 1,
    "uvicorn.server.asyncio": SimpleNamespace(**{**vars(asyncio), "sleep": _briefly}),
}
for _name, _value in _SHORTER.items():
    pytest.MonkeyPatch().setattr(_name, _value)

WHOLE_FOLDERS = {"field", "hostile"}
WHOLE_FIXTURES = {"wholes", "done", "browser", "database", "wheel", "release"}
"""What starts whole runs, the command, a browser, a database, a build, or another process."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is whole by what it needs, and put the modules that have such tests first: they take longest."""
    for item in items:
        used = WHOLE_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if used or item.path.parent.name in WHOLE_FOLDERS:
            item.add_marker("whole")
    whole = {item.path for item in items if item.get_closest_marker("whole")}
    items.sort(key=lambda item: item.path not in whole)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Forget how many processes were asked for, once they are chosen: our own plugin refuses -n for a run."""
    config.option.numprocesses = None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Give each process whole modules, in their order: what a module has started, its tests share."""
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
