"""The pytest plugin: options, the run's beginning and end. Thin; the engine does the work."""

import json
import random
import tomllib
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from refund_conformance.app.pytest_plugin.collection import Selection, case_of, parse_shard
from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.app.pytest_plugin.parallel import Check, Flight
from refund_conformance.app.pytest_plugin.progress_plugin import Attendance
from refund_conformance.app.pytest_plugin.report_plugin import NAME, Ending
from refund_conformance.app.pytest_plugin.worker_processes import Distribution
from refund_conformance.contract import model as contracts
from refund_conformance.contract.data_files import folder
from refund_conformance.contract.errors import SuiteError, TargetError, UsageError
from refund_conformance.contract.model import Contract
from refund_conformance.engine.run import Run
from refund_conformance.engine.snapshot import Beginning
from refund_conformance.report import waivers
from refund_conformance.report.session import ReportSession
from refund_conformance.sut import order_sources, safety
from refund_conformance.sut import settings as target_settings
from refund_conformance.sut.ledger import MEMORY, open_ledger
from refund_conformance.sut.profile import PROFILES, Profile, profile
from refund_conformance.sut.settings import Settings

Sink = Callable[[dict[str, Any]], None]

COMMAND = "problem_of_refund_conformance"
"""The attribute by which the command line's plugin takes a problem, in place of pytest's own message."""

LANDING = 2.0
"""Seconds that requests in flight have to come to an end when a run is interrupted."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options."""
    group = parser.getgroup("refund conformance")
    group.addoption("--target", type=Path, help="target settings (default: the embedded mock)")
    group.addoption("--profile", default="ci", help=f"how much to do: {', '.join(PROFILES)} (default: ci)")
    group.addoption("--report", type=Path, default=Path("reports/latest"), help="directory for the report")
    group.addoption("--strict-clauses", action="store_true", help="warnings count as violations")
    group.addoption("--clause", action="append", default=[], help="a clause id or prefix (may be repeated)")
    group.addoption("--waivers", type=Path, help="known deviations (waivers.toml)")
    group.addoption("--shard", default="1/1", help="INDEX/COUNT: the part of the suites to run")
    group.addoption("--allow-writes", action="store_true", help="the target may be another machine")
    group.addoption("--read-only", action="store_true", help="send only what cannot create anything")
    group.addoption("--seed", type=int, help="seed of what is drawn (default: fixed in ci, fresh in nightly)")
    group.addoption("--fault", action="append", default=[], help="a fault of the embedded mock")
    group.addoption("--variant", action="append", default=[], help="a lawful difference of the embedded mock")
    group.addoption("--answer", action="append", default=[], help="QUESTION=ANSWER for the embedded mock")
    group.addoption("--in-flight", type=int, default=1, help="how many requests may be under way at once")
    group.addoption("--no-pages", action="store_true", help="write events only, no report pages")


def pytest_configure(config: pytest.Config) -> None:
    """Read contract and settings, before anything is collected."""
    config.addinivalue_line("markers", "clause(*ids, phase): the clauses that a test checks, and when in the run")
    try:
        config.stash[_KEY] = Conformance(config)
    except SuiteError as problem:
        pytest.exit(str(problem), problem.exit_status)
    config.pluginmanager.register(config.stash[_KEY], "refund-conformance")
    config.pluginmanager.register(config.stash[_KEY].selection)
    config.pluginmanager.register(config.stash[_KEY].attendance)
    config.pluginmanager.register(config.stash[_KEY].ending, NAME)
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(Distribution(config.stash[_KEY]))


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
        if options.in_flight < 1 or (options.in_flight > 1 and self._distributes()):
            raise UsageError("--in-flight", "takes a number from 1 on, and no -n beside it", "Choose one of both.")
        shard = parse_shard(options.shard)
        self.in_part = bool(options.clause) or shard[1] > 1
        shared = getattr(config, "workerinput", {})
        self.worker: dict[str, Any] | None = shared if "refund_run" in shared else None
        self.selection = Selection(self.contract, self.chosen, shard, in_worker=self.worker is not None)
        self.seed = self._seed(options.seed)
        self.run: Run | None = None
        self.flight: Flight | None = None
        self.checks: dict[pytest.Item, Check] = {}
        self.left_out: set[pytest.Item] = set()
        self.pending: list[dict[str, Any]] = []
        self.problem: SuiteError | None = None
        self.session: ReportSession | None = None
        self.cut_short = False
        self.run_id = str(self.worker["refund_run"]) if self.worker else uuid.uuid4().hex
        self.target_toml = ""
        self._stack = ExitStack()
        self.attendance = Attendance(config, self.selection.clauses, usual=-1 if self._command() else 0)
        self.ending = Ending(config, self.contract, lambda: self.session, self._secrets)

    def _command(self) -> Any:
        """Return the command line's plugin, if it was the command line that started pytest."""
        return next((p for p in self.config.pluginmanager.get_plugins() if hasattr(p, COMMAND)), None)

    def _secrets(self) -> tuple[str, ...]:
        tokens = self.run.examination.dispatch.client.tokens.values() if self.run else ()
        return (*(self.settings.secrets if self.settings else ()), *tokens)

    def _seed(self, asked: int | None) -> int:
        if self.worker is not None:
            return int(self.worker["refund_seed"])
        if asked is not None:
            return asked
        return random.SystemRandom().randrange(2**32) if self.profile.random else 0

    # -- the run -----------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        """Begin the run before the first test, in each process that sends."""
        try:
            if self.worker is None and (self._sends(session) or self._distributes()):
                self._open()
            if self.run is None and self._sends(session):
                self._begin(session)
                self._budget(session)
                self._take_off(session)
            if self.problem is not None:
                raise self.problem
        except SuiteError as problem:
            command = self._command()
            if command is None:
                pytest.exit(str(problem), problem.exit_status)
            setattr(command, COMMAND, problem)
            session.items.clear()
        if self.session is not None and self.settings is not None and not session.shouldstop:
            self.attendance.begin(self.settings, self.profile)
        try:
            return (yield)
        except (session.Failed, session.Interrupted):
            raise  # pytest's own ways to end early, as by -x
        except BaseException:
            self.cut_short = True
            raise

    def _sends(self, session: pytest.Session) -> bool:
        collected_only = self.config.option.collectonly
        return not collected_only and any(item.get_closest_marker("clause") for item in session.items)

    def _distributes(self) -> bool:
        return bool(getattr(self.config.option, "numprocesses", None)) and _names_suites(self.config)

    @property
    def is_shared(self) -> bool:
        """Whether there is a run for several workers."""
        return self._distributes()

    def _open(self) -> None:
        """Start the embedded mock if there is no target, and the record."""
        if self.session is not None:
            return
        if self.settings is None:
            self.settings = self._embedded()
        assert self.settings is not None  # noqa: S101
        self.session = ReportSession(
            self.config.option.report,
            profile=self.profile.name,
            seed=self.seed,
            target=self.settings.base_url if self.config.option.target else "embedded mock",
            strict=self.config.option.strict_clauses,
            pins=dict(self.settings.pins),
            waivers=[waiver.as_event() for waiver in self.waivers],
            chosen=sorted(self.chosen) if self.in_part else None,
            settings=str(self.config.option.target or ""),
            mock={name: list(getattr(self.config.option, name)) for name in ("fault", "variant", "answer")},
        )
        self.session.listener = self.attendance.standing.take

    def _embedded(self) -> Settings:
        from refund_conformance.mock.answers import answers_from
        from refund_conformance.mock.server import running
        from refund_conformance.mock.settings import MockSettings

        options = self.config.option
        chosen = MockSettings(
            faults=tuple(options.fault),
            variants=tuple(options.variant),
            answers=answers_from(tuple(options.answer)),
        )
        mock = self._stack.enter_context(running(chosen))
        self.target_toml = mock.target_toml()
        return target_settings.parse(tomllib.loads(self.target_toml), "embedded mock", self.contract)

    def _begin(self, session: pytest.Session) -> None:
        try:
            if self.worker is None:
                self._first()
            else:
                self._join(self.worker)
        except TargetError as problem:
            if self.session:
                self.session.reason = str(problem)
            session.shouldstop = str(problem)

    def _budget(self, session: pytest.Session) -> None:
        """Leave out what the run's requests and orders do not suffice for."""
        if self.run is not None and not self.run.over:
            self.left_out = self.selection.left_out(session.items, self.profile, *self.run.limits)

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
        lanes: dict[str, list[Check]] = {}
        for item in session.items:
            if item in self.left_out:
                continue
            if isinstance(item, pytest.Function) and item.get_closest_marker("clause"):
                given = dict(item.callspec.params) if hasattr(item, "callspec") else {}
                check = Check(partial(_call, item.obj, given), case_of(item))
                self.checks[item] = check
                lanes.setdefault(self.selection.lane(item), []).append(check)
        self.flight = Flight(self.run, lanes, width)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Wait for a check that is carried out in its lane, and raise what it raised."""
        if pyfuncitem not in self.checks:
            return None
        self.checks.pop(pyfuncitem).outcome.result()
        return True

    def _first(self) -> Run:
        """Begin the run: find its orders, and send the first requests. Raises TargetError if that cannot be."""
        assert self.settings is not None  # noqa: S101
        assert self.session is not None  # noqa: S101
        settings = self.settings
        if self.config.option.read_only:
            self.settings = safety.read_only(settings)
        else:
            self.settings = order_sources.with_orders(settings, self.contract, self.profile)
        workers = getattr(self.config.option, "numprocesses", None) or 0
        self.run = self._new_run(self.settings, self.session.write, (0, 1 + workers))
        self.run.begin()
        return self.run

    def _join(self, worker: Mapping[str, Any]) -> None:
        """Go on with what the controller has begun, at this worker's share of the pace."""
        begun = json.loads(worker["refund_begun"])
        if "problem" in begun:
            raise TargetError(*begun["problem"])
        settings = self.settings
        if settings is None:
            embedded = tomllib.loads(str(worker["refund_target"]))
            settings = target_settings.parse(embedded, "embedded mock", self.contract)
        number, count = int(str(worker["workerid"]).removeprefix("gw")), int(worker["workercount"])
        rate = settings.max_requests_per_second
        self.settings = replace(
            settings,
            orders={group: tuple(ids) for group, ids in begun["orders"].items()},
            max_requests_per_second=rate and rate / count,
            read_only=self.config.option.read_only,
        )
        self.run = self._new_run(self.settings, self.pending.append, (number + 1, 1 + count))
        self.run.resume(Beginning.from_data(begun["beginning"]))

    def _new_run(self, settings: Settings, sink: Sink, worker: tuple[int, int]) -> Run:
        ledger = open_ledger(self.ledger_url, settings.base_url, self.run_id)
        width = self.config.option.in_flight
        return Run(self.contract, settings, self.profile, self.seed, sink, ledger, self.chosen, worker, width)

    @cached_property
    def begun(self) -> str:
        """What a controller has begun, for its workers, as JSON; or what kept it from that."""
        self._open()
        assert self.session is not None  # noqa: S101
        try:
            run = self._first()
        except SuiteError as problem:
            self.problem = None if isinstance(problem, TargetError) else problem
            self.session.reason = str(problem)
            return json.dumps({"problem": problem.args})
        orders = dict(run.examination.dispatch.settings.orders)
        return json.dumps({"orders": orders, "beginning": run.examination.beginning().as_data()})

    @cached_property
    def ledger_url(self) -> str:
        """Where leases are kept: as set, else in memory, or in a file of the run that its workers share."""
        if self.worker is not None:
            return str(self.worker["refund_ledger"])
        if self.settings is not None and self.settings.ledger:
            return self.settings.ledger
        if not self._distributes():
            return MEMORY
        place = self._stack.enter_context(TemporaryDirectory(prefix="refund-conformance-"))
        return f"sqlite:///{place}/ledger.sqlite"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Attach a worker's events to the report that goes to the controller."""
        report = yield
        if item.get_closest_marker("clause") and call.excinfo and not call.excinfo.errisinstance(_TOLD):
            report.refund_over = f"the suite itself failed in {item.nodeid}: {call.excinfo.typename}"
        if self.pending:
            report.refund_events = json.dumps(self.pending)
            self.pending.clear()
        if self.run is not None and self.run.over:
            report.refund_over = self.run.over
            item.session.shouldstop = self.run.over
        return report

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a worker sent."""
        if self.session is None:
            return
        for event in json.loads(getattr(report, "refund_events", "[]")):
            self.session.write(event)
        self.session.reason = self.session.reason or getattr(report, "refund_over", "")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Close the record, and let the verdict be the exit status."""
        if self.flight is not None:
            self.flight.stop("it was interrupted", LANDING)
        if self.run is not None:
            self.run.close()
        if self.session is not None:
            stopped = session.shouldstop or self.session.reason
            # pytest sets its status only after hooks that a second Ctrl-C cuts short.
            cut_short = exitstatus == pytest.ExitCode.INTERRUPTED or self.cut_short
            interrupted = cut_short and not stopped
            broken = exitstatus in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR)
            reason = "the suite itself failed" if broken else ""
            status = self.session.close(self.contract, interrupted=interrupted, reason=reason)
            if not broken:
                session.exitstatus = status
        self._stack.close()


_KEY = pytest.StashKey[Conformance]()


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The server under test."""
    run = request.config.stash[_KEY].run
    assert run is not None  # noqa: S101
    return Target(run)


_TOLD = (pytest.fail.Exception, pytest.skip.Exception, KeyboardInterrupt)
"""How a test says what the engine has told it."""


def _names_suites(config: pytest.Config) -> bool:
    """Whether what pytest was told to collect holds our suites, or is in them."""
    suites = folder("suites").resolve()
    named = [Path(config.invocation_params.dir, arg.partition("::")[0]).resolve() for arg in config.args]
    return any(path.is_relative_to(suites) or suites.is_relative_to(path) for path in named)


def _call(test: Callable[..., None], given: Mapping[str, object], target: Target) -> None:
    test(**given, target=target)
