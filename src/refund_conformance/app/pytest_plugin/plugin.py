"""The pytest plugin: options, the run's beginning and end. Thin; the engine does the work."""

import random
import tomllib
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from refund_conformance.app import interruption
from refund_conformance.app.pytest_plugin.collection import Selection, case_of, parse_shard
from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.app.pytest_plugin.options import add_options
from refund_conformance.app.pytest_plugin.parallel import Check, ParallelRun
from refund_conformance.app.pytest_plugin.progress_plugin import ProgressPlugin
from refund_conformance.app.pytest_plugin.report_plugin import NAME, Ending
from refund_conformance.app.pytest_plugin.scope import is_narrowed, required
from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import SuiteError, TargetError, UsageError
from refund_conformance.contract.model import Contract
from refund_conformance.engine.context import context_of
from refund_conformance.engine.run import Run
from refund_conformance.report import waivers
from refund_conformance.report.lock import locked
from refund_conformance.report.session import ReportSession
from refund_conformance.sut import order_sources, safety
from refund_conformance.sut import settings as target_settings
from refund_conformance.sut.ledger import MEMORY, open_ledger
from refund_conformance.sut.profile import Profile, profile
from refund_conformance.sut.settings import Settings

Sink = Callable[[dict[str, Any]], None]

COMMAND = "problem_of_refund_conformance"
"""The attribute by which the command line's plugin takes a problem, in place of pytest's own message."""

SHUTDOWN_TIMEOUT = 2.0
"""Seconds that requests in flight have to come to an end when a run is interrupted."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read contract and settings, before anything is collected."""
    config.addinivalue_line("markers", "clause(*ids): the clauses that a test checks")
    try:
        config.stash[_KEY] = Conformance(config)
    except SuiteError as problem:
        pytest.exit(str(problem), problem.exit_status)
    config.pluginmanager.register(config.stash[_KEY], "refund-conformance")
    config.pluginmanager.register(config.stash[_KEY].selection)
    config.pluginmanager.register(config.stash[_KEY].progress_plugin)
    config.pluginmanager.register(config.stash[_KEY].ending, NAME)


class Conformance:
    """The plugin's state for one session: what was chosen, and the run once it has begun."""

    def __init__(self, config: pytest.Config) -> None:
        options = config.option
        self.config = config
        self.contract: Contract = contracts.load()
        self.profile: Profile = profile(options.profile)
        self.chosen = self.contract.select(options.clause)
        self.settings = target_settings.load(options.target, self.contract) if options.target else None
        if self.settings:
            safety.check(
                self.settings,
                self.contract.operation,
                allow_writes=options.allow_writes,
                read_only=options.read_only,
            )
        if self.settings and (options.fault or options.variant or options.answer):
            raise UsageError("--fault, --variant, --answer", "are for the embedded mock", "Leave out --target.")
        self.waivers = waivers.load(options.waivers, self.contract) if options.waivers else ()
        if options.in_flight < 1:
            raise UsageError("--in-flight", "takes a number from 1 on", "Use --in-flight 1 for one at a time.")
        if getattr(options, "numprocesses", None):
            raise UsageError(
                "-n", "is pytest-xdist's, and a run is not spread over processes", "Use --in-flight N."
            )
        self.required = required(self.contract, options.require)
        self.shard = parse_shard(options.shard)
        self.selection = Selection(self.contract, self.chosen, self.shard)
        self.seed = self._seed(options.seed)
        self.run: Run | None = None
        self.flight: ParallelRun | None = None
        self.checks: dict[pytest.Item, Check] = {}
        self.left_out: set[pytest.Item] = set()
        self.failures: list[tuple[str, frozenset[str]]] = []
        self.pytest_session: pytest.Session | None = None
        self.session: ReportSession | None = None
        self.cut_short = False
        self.run_id = uuid.uuid4().hex
        self.target_toml = ""
        self._stack = ExitStack()
        self.progress_plugin = ProgressPlugin(config, self.selection.clauses, usual=-2 if self._command() else 0)
        self.ending = Ending(config, self.contract, lambda: self.session, self._secrets)

    def _command(self) -> Any:
        """Return the command line's plugin, if it was the command line that started pytest."""
        return next((p for p in self.config.pluginmanager.get_plugins() if hasattr(p, COMMAND)), None)

    def _secrets(self) -> tuple[str, ...]:
        tokens = self.run.runner.executor.client.tokens.values() if self.run else ()
        return (*(self.settings.secrets if self.settings else ()), *tokens)

    def _seed(self, asked: int | None) -> int:
        if asked is not None:
            return asked
        return random.SystemRandom().randrange(2**32) if self.profile.random else 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        """Begin the run before the first test, in each process that sends."""
        self.pytest_session = session
        try:
            if self._sends(session):
                self._open()
                self._begin(session)
                self._budget(session)
                self._take_off(session)
        except SuiteError as problem:
            command = self._command()
            if command is None:
                pytest.exit(str(problem), problem.exit_status)
            setattr(command, COMMAND, problem)
            session.items.clear()
        if self.session is not None and self.settings is not None and not session.shouldstop:
            self.progress_plugin.begin(self.settings, self.profile)
        try:
            outcome = yield
            self._finish()
            return outcome
        except (session.Failed, session.Interrupted):
            raise  # pytest's own ways to end early, as by -x
        except BaseException:
            self.cut_short = True
            raise

    def _finish(self) -> None:
        """Try once more what came to no decision."""
        if self.run is not None:
            self.run.finish()

    def _sends(self, session: pytest.Session) -> bool:
        collected_only = self.config.option.collectonly
        return not collected_only and any(item.get_closest_marker("clause") for item in session.items)

    def _open(self) -> None:
        """Start the embedded mock if there is no target, and the record."""
        self.settings = self.settings or self._embedded()
        self._stack.enter_context(interruption.interruptible())
        directory, is_command = self.config.option.report, self._command() is not None
        if not is_command:  # else the command has locked it, until the pages are made
            lock = ExitStack()
            lock.enter_context(locked(directory))
            self.config.add_cleanup(lock.close)
        self.session = ReportSession(
            directory,
            self.contract,
            pages=is_command or not self.config.option.no_pages,
            profile=self.profile.name,
            seed=self.seed,
            target=self.settings.base_url if self.config.option.target else "embedded mock",
            strict=self.config.option.strict_clauses,
            pins=dict(self.settings.pins),
            waivers=[waiver.as_event() for waiver in self.waivers],
            settings=str(self.config.option.target or ""),
            mock={name: list(getattr(self.config.option, name)) for name in ("fault", "variant", "answer")},
            **self._part(),
        )
        self.session.listener = self.progress_plugin.standing.take

    def _part(self) -> dict[str, Any]:
        """Return what the run is to test, and what was left out of it, as the record keeps it."""
        index, count = self.shard
        mine = self.selection.clauses_of_shard if count > 1 else self.chosen
        return {
            "chosen": sorted(mine or self.chosen) if self.config.option.clause or count > 1 else None,
            "narrowed": is_narrowed(self.config) or self.selection.is_part or (count > 1 and not mine),
            "required": sorted(self.required),
            "shards": {"count": count, "present": [index + 1]},
        }

    def _embedded(self) -> Settings:
        from refund_conformance.app.pytest_plugin.embedded_mock import started

        self.target_toml = started(self.config.option, self._stack)
        return _embedded_settings(self.target_toml, self.contract)

    def _begin(self, session: pytest.Session) -> None:
        try:
            self._first()
        except TargetError as problem:
            if self.session:
                self.session.reason = str(problem)
            session.shouldstop = str(problem)

    def _budget(self, session: pytest.Session) -> None:
        """Leave out what the run's requests and orders do not suffice for."""
        if self.run is not None and not self.run.over:
            self.left_out = self.selection.left_out(session.items, self.profile, *self.run.context.limits)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip a test that was left out, and keep that."""
        if item in self.left_out and self.run is not None:
            clause = next(iter(self.selection.clauses(item)), "")
            pytest.skip(self.run.leave_out(clause, case_of(item)))

    def _take_off(self, session: pytest.Session) -> None:
        """Begin to carry out the checks side by side, if several requests may be in flight."""
        width = self.config.option.in_flight
        if width == 1 or self.run is None or self.run.over:
            return
        partitions: dict[str, list[Check]] = {}
        for item in session.items:
            if item in self.left_out:
                continue
            if isinstance(item, pytest.Function) and item.get_closest_marker("clause"):
                given = dict(item.callspec.params) if hasattr(item, "callspec") else {}
                check = Check(partial(_call, partial(item.obj, **given)), case_of(item))
                self.checks[item] = check
                partitions.setdefault(self.selection.partition(item), []).append(check)
        self.flight = ParallelRun(self.run, partitions, width)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Wait for a check that is carried out in its partition, and raise what it raised."""
        if pyfuncitem not in self.checks:
            return None
        self.checks.pop(pyfuncitem).outcome.result()
        return True

    def _first(self) -> None:
        """Begin the run: find its orders, and send the first requests. Raises TargetError if that cannot be."""
        assert self.settings is not None  # noqa: S101
        assert self.session is not None  # noqa: S101
        settings = self.settings
        if self.config.option.read_only:
            self.settings = safety.read_only(settings)
        else:
            self.settings = order_sources.with_orders(settings, self.contract, self.profile)
        ledger = open_ledger(self.settings.ledger or MEMORY, self.settings.base_url, self.run_id)
        bounds, width = (self.profile, self.seed), self.config.option.in_flight
        self.run = Run(
            context_of(self.contract, self.settings, *bounds, self.session.write, ledger, self.chosen, width)
        )
        self.run.begin()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Attach what a test's failure shows of the run, and end the session where the run is over."""
        report = yield
        if item.get_closest_marker("clause") and call.excinfo and not call.excinfo.errisinstance(_TOLD):
            report.refund_over = f"the suite itself failed in {item.nodeid}: {call.excinfo.typename}"
        if report.failed:
            is_ours = item.get_closest_marker("clause") is not None
            report.refund_failed = self.selection.clauses(item) if is_ours else []
        if self.run is not None and self.session is not None and self.session.problem is not None:
            self.run.over = str(self.session.problem)
        if self.run is not None and self.run.over:
            report.refund_over = self.run.over
            item.session.shouldstop = self.run.over
        return report

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of a failure, and of the end of the run."""
        if self.session is None:
            return
        if self.session.problem is not None and self.pytest_session is not None:
            self.pytest_session.shouldstop = str(self.session.problem)
        self.session.reason = self.session.reason or getattr(report, "refund_over", "")
        if report.failed:
            self.failures.append((report.nodeid, frozenset(getattr(report, "refund_failed", ()))))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Close the record, and let the verdict be the exit status."""
        interruption.current().is_settled = True
        if self.flight is not None:
            self.flight.stop("it was interrupted", SHUTDOWN_TIMEOUT)
        if self.run is not None:
            self.run.close()
        if self.session is not None:
            stopped = session.shouldstop or self.session.reason
            # pytest sets its status only after hooks that a second Ctrl-C cuts short.
            cut_short = exitstatus == pytest.ExitCode.INTERRUPTED or self.cut_short
            interrupted = cut_short and not stopped
            broken = exitstatus in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR)
            terminated = interrupted and interruption.current().is_termination
            unshown = "" if self.session.reason else self._unshown_failure()
            reason = "the suite itself failed" if broken else unshown
            status = self.session.close(interrupted=interrupted, terminated=terminated, reason=reason)
            if not broken:
                session.exitstatus = status
        self._stack.close()

    def _unshown_failure(self) -> str:
        """Return which test pytest calls failed though no clause is broken for it; "" if there is none."""
        assert self.session is not None  # noqa: S101
        broken = self.session.broken
        unshown = (nodeid for nodeid, clauses in self.failures if broken.isdisjoint(clauses))
        return next((f"pytest reported a failure of {nodeid}, which no clause shows" for nodeid in unshown), "")


def _embedded_settings(target_toml: str, contract: Contract) -> Settings:
    settings = target_settings.parse(tomllib.loads(target_toml), "embedded mock", contract)
    return replace(settings, fresh=True)


_KEY = pytest.StashKey[Conformance]()


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The server under test."""
    run = request.config.stash[_KEY].run
    assert run is not None  # noqa: S101
    return Target(run)


_TOLD = (pytest.fail.Exception, pytest.skip.Exception, KeyboardInterrupt)
"""How a test says what the engine has told it."""


def _call(test: Callable[..., None], target: Target) -> None:
    test(target=target)
