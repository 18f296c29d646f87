"""What a controller does for its pytest-xdist workers: it begins the run, and hands out the tests by lane."""

from typing import Any, Protocol

import pytest


class Begun(Protocol):
    """A run that a controller has begun."""

    seed: int
    run_id: str
    target_toml: str

    @property
    def is_shared(self) -> bool:
        """Whether there is a run for several workers."""

    @property
    def ledger_url(self) -> str:
        """Where the run's leases are kept."""

    @property
    def begun(self) -> str:
        """What it has begun, or what kept it from that, as JSON."""


class Distribution:
    """The controller's pytest plugin."""

    def __init__(self, run: Begun) -> None:
        self._run = run

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Keep the checks of a lane together, in their order: their node ids begin with it, in brackets."""
        from xdist.scheduler import LoadScopeScheduling

        class Lanes(LoadScopeScheduling):  # type: ignore[misc]
            def _split_scope(self, nodeid: str) -> str:
                return nodeid.rpartition("[")[2].rstrip("]").partition("-")[0]

        return Lanes(config, log)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Begin the run, if it is one of ours, and tell the worker of it."""
        if not self._run.is_shared:
            return
        node.workerinput["refund_begun"] = self._run.begun
        node.workerinput["refund_ledger"] = self._run.ledger_url
        node.workerinput["refund_seed"] = self._run.seed
        node.workerinput["refund_run"] = self._run.run_id
        node.workerinput["refund_target"] = self._run.target_toml
