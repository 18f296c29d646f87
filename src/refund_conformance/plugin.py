"""The pytest plugin: options, cases as parameters, the run's beginning and end. Thin; the engine does the work."""

import json
import random
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from refund_conformance import contract as contracts
from refund_conformance.cases import all_cases, explorations
from refund_conformance.cases.case import Case
from refund_conformance.contract import Contract
from refund_conformance.errors import SuiteError, TargetError, UsageError
from refund_conformance.profile import PROFILES, Profile, profile
from refund_conformance.report import waivers
from refund_conformance.report.session import ReportSession
from refund_conformance.resources import folder
from refund_conformance.run import Run
from refund_conformance.suite import Target
from refund_conformance.target import safety, sources
from refund_conformance.target import settings as target_settings
from refund_conformance.target.ledger import MEMORY, Ledger
from refund_conformance.target.settings import Settings

COMMAND = "problem_of_refund_conformance"
"""The attribute by which the command line's plugin takes a problem, in place of pytest's own message."""

PHASES = ("refused", "together", "walked", "accepted", "proved", "asked", "reviewed")
"""The order of a run: what shares orders comes before what uses them up."""


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
    group.addoption("--no-pages", action="store_true", help="write events only, no report pages")


def pytest_configure(config: pytest.Config) -> None:
    """Read contract and settings, before anything is collected."""
    config.addinivalue_line("markers", "clause(*ids, phase): the clauses that a test checks, and when in the run")
    try:
        config.stash[_KEY] = Conformance(config)
    except SuiteError as problem:
        pytest.exit(str(problem), problem.exit_status)
    config.pluginmanager.register(config.stash[_KEY], "refund-conformance")
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(Distribution())


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
        self.shard = parse_shard(options.shard)
        self.cases = all_cases(self.contract)
        self.worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        self.seed = self._seed(options.seed)
        self.run: Run | None = None
        self.pending: list[dict[str, Any]] = []
        self.session: ReportSession | None = None
        self.cut_short = False
        self.run_id = str(self.worker["refund_run"]) if self.worker else uuid.uuid4().hex
        self.target_toml = ""
        self._stack = ExitStack()

    def _seed(self, asked: int | None) -> int:
        if self.worker is not None:
            return int(self.worker["refund_seed"])
        if asked is not None:
            return asked
        return random.SystemRandom().randrange(2**32) if self.profile.random else 0

    # -- collection --------------------------------------------------------------------------------

    @pytest.hookimpl
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give a test the cases of the clauses, or areas, that it is marked with."""
        mark = metafunc.definition.get_closest_marker("clause")
        if mark is not None and "explored" in metafunc.fixturenames:
            drawn = [clause for clause in explorations(self.contract) if _named(mark, clause, self.contract)]
            metafunc.parametrize("explored", drawn, ids=[clause.replace(".", "-") for clause in drawn])
        if mark is None or "case" not in metafunc.fixturenames:
            return
        cases = [case for case in self.cases.values() if _named(mark, case.clause, self.contract)]
        many = len({case.clause for case in cases}) > 1
        ids = [case.id.replace("/", "-") if many else case.slug for case in cases]
        metafunc.parametrize("case", cases, ids=ids)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Check that clauses and tests cover each other, keep what was chosen, and put it into the run's order."""
        ours = [item for item in items if item.get_closest_marker("clause")]
        if not ours:
            return
        self._check_coverage(ours)
        others = [item for item in items if item not in set(ours)]
        index, count = self.shard
        files = sorted({item.path for item in ours})
        mine = set(files[index::count])
        kept = [item for item in ours if item.path in mine and self.chosen & set(self._clauses(item))]
        dropped = [item for item in ours if item not in set(kept)]
        kept.sort(key=lambda item: PHASES.index(_phase(item)))
        items[:] = others + kept
        if dropped:
            self.config.hook.pytest_deselected(items=dropped)

    def _clauses(self, item: pytest.Item) -> list[str]:
        case = _case(item)
        if case is not None:
            return [case.clause]
        explored = _parameter(item, "explored")
        if isinstance(explored, str):
            return [explored]
        mark = item.get_closest_marker("clause")
        assert mark is not None  # noqa: S101
        return [clause for clause in self.contract.clauses if _named(mark, clause, self.contract)]

    def _check_coverage(self, items: list[pytest.Item]) -> None:
        for item in items:
            if not self._clauses(item):
                raise pytest.UsageError(f"{item.nodeid} checks no clause of the contract")
        for case in self.cases.values():
            if case.clause not in self.contract.clauses:
                raise pytest.UsageError(f"case {case.id} has no clause in the contract")
        files = {item.path.resolve() for item in items}
        if not {path.resolve() for path in folder("suites").glob("test_*.py")} <= files:
            return
        covered = {clause for item in items for clause in self._clauses(item)}
        for clause in self.contract.clauses:
            if clause not in covered:
                raise pytest.UsageError(f"clause {clause} has no case in suites/")

    # -- the run -----------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        """Begin the run before the first test, in each process that sends."""
        try:
            if self.worker is None and (self._sends(session) or self._distributes()):
                self._open()
            if self.run is None and self._sends(session):
                self._begin(session)
        except SuiteError as problem:
            command = next((p for p in self.config.pluginmanager.get_plugins() if hasattr(p, COMMAND)), None)
            if command is None:
                pytest.exit(str(problem), problem.exit_status)
            setattr(command, COMMAND, problem)
            session.items.clear()
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
        return bool(getattr(self.config.option, "numprocesses", None))

    def _open(self) -> None:
        """Start the embedded mock if there is no target, and the record."""
        if self.session is not None:
            return
        if self.settings is None:
            self.settings = self._embedded()
        self.session = ReportSession(
            self.config.option.report,
            profile=self.profile.name,
            seed=self.seed,
            target=self.settings.base_url if self.config.option.target else "embedded mock",
            strict=self.config.option.strict_clauses,
            pins=dict(self.settings.pins),
            waivers=[waiver.as_event() for waiver in self.waivers],
            chosen=sorted(self.chosen) if self.config.option.clause or self.shard[1] > 1 else None,
        )

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
        share = (0, 1)
        if self.settings is None and self.worker is not None:
            embedded = tomllib.loads(str(self.worker["refund_target"]))
            self.settings = target_settings.parse(embedded, "embedded mock", self.contract)
        assert self.settings is not None  # noqa: S101
        if self.worker is not None:
            index = int(str(self.worker["workerid"]).removeprefix("gw"))
            share = (index, int(self.worker["workercount"]))
        sink = self.session.write if self.session else self.pending.append
        try:
            settings = self.settings
            settings = safety.read_only(settings) if self.config.option.read_only else self._with_orders(settings)
            ledger = Ledger(self._ledger_url(), settings.base_url, self.run_id)
            self.run = Run(self.contract, settings, self.profile, self.seed, sink, ledger, share)
            self.run.begin()
        except TargetError as problem:
            if self.session:
                self.session.reason = str(problem)
            session.shouldstop = str(problem)

    def _with_orders(self, settings: Settings) -> Settings:
        """Add the orders that the source gives; a controller has asked for those of its workers."""
        if self.worker is None:
            return sources.with_orders(settings, self.contract, self.profile)
        found = json.loads(self.worker["refund_orders"])
        if "problem" in found:
            raise TargetError(*found["problem"])
        return replace(settings, orders={group: tuple(ids) for group, ids in found["orders"].items()})

    @cached_property
    def shared_orders(self) -> str:
        """The orders of the run for all workers, as JSON, or what kept them from being found."""
        assert self.settings is not None  # noqa: S101
        assert self.session is not None  # noqa: S101
        try:
            return json.dumps({"orders": dict(self._with_orders(self.settings).orders)})
        except SuiteError as problem:
            self.session.reason = str(problem)
            return json.dumps({"problem": problem.args})

    def _ledger_url(self) -> str:
        """Return where leases are kept: as set, else in memory, or beside the report where workers share it."""
        assert self.settings is not None  # noqa: S101
        if self.settings.ledger:
            return self.settings.ledger
        if self.worker is None:
            return MEMORY
        return f"sqlite:///{Path(self.config.option.report).absolute() / f'ledger-{self.run_id}.sqlite'}"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Any:
        """Attach a worker's events to the report that goes to the controller."""
        report = yield
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

    @pytest.hookimpl
    def pytest_unconfigure(self) -> None:
        """Make the pages, unless whoever started pytest makes them."""
        if self.session is not None and not self.config.option.no_pages:
            self.session.render()


class Distribution:
    """What a controller tells its pytest-xdist workers."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Start what the workers share, and tell them of it."""
        conformance = node.config.stash[_KEY]
        conformance._open()
        node.workerinput["refund_seed"] = conformance.seed
        node.workerinput["refund_run"] = conformance.run_id
        node.workerinput["refund_target"] = conformance.target_toml
        node.workerinput["refund_orders"] = "" if node.config.option.read_only else conformance.shared_orders


_KEY = pytest.StashKey[Conformance]()


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The server under test."""
    run = request.config.stash[_KEY].run
    assert run is not None  # noqa: S101
    return Target(run)


def parse_shard(text: str) -> tuple[int, int]:
    """Return (index from 0, count) of INDEX/COUNT; raise UsageError if that is not what the text is."""
    first, _, second = text.partition("/")
    if first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second):
        return int(first) - 1, int(second)
    raise UsageError(f"--shard {text}", "is not INDEX/COUNT", "Write it like 2/5.")


def _named(mark: pytest.Mark, clause: str, contract: Contract) -> bool:
    """Whether a mark names a clause: by its id, its area, or as a clause of any field."""
    area = contract.clauses[clause].area if clause in contract.clauses else clause.partition(".")[0]
    return any(name in (clause, area) or (name == "<field>" and area in contract.fields) for name in mark.args)


def _case(item: pytest.Item) -> Case | None:
    case = _parameter(item, "case")
    return case if isinstance(case, Case) else None


def _parameter(item: pytest.Item, name: str) -> object:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get(name) if callspec else None


def _phase(item: pytest.Item) -> str:
    case = _case(item)
    if case is not None:
        if case.situation.questions and not case.situation.wrong:
            return "asked"
        return "refused" if case.situation.wrong else "accepted"
    mark = item.get_closest_marker("clause")
    return str(mark.kwargs.get("phase", "refused")) if mark else "refused"
