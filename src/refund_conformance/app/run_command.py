"""Carry out the run command: hand the choice to pytest, make the pages, and tell the outcome."""

import gc
import os
import sys
import threading
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from refund_conformance.app import interruption
from refund_conformance.app.pytest_plugin.collection import parse_shard
from refund_conformance.app.pytest_plugin.report_plugin import NAME
from refund_conformance.app.pytest_plugin.scope import required
from refund_conformance.contract import model as contracts
from refund_conformance.contract.data_files import folder
from refund_conformance.contract.errors import RunError, SuiteError, UsageError
from refund_conformance.contract.model import Contract
from refund_conformance.report import artifacts, waivers
from refund_conformance.report.lock import locked
from refund_conformance.report.pytest_environment import undisturbed
from refund_conformance.report.session import ReportSession
from refund_conformance.report.summary import INCOMPLETE, INTERRUPTED, STATUS, TERMINATED
from refund_conformance.sut import profile, safety, settings

PAGES = "refund_conformance.report.secret_scan"
"""The module that makes the pages; it takes a while to load, with all that it needs."""


@dataclass(frozen=True)
class Choice:
    """What a person chose for a run. ``faults``, ``variants`` and ``answers`` are for the embedded mock."""

    target: Path | None = None
    profile: str = "ci"
    report: Path = Path("reports/latest")
    strict: bool = False
    in_flight: int = 1
    seed: int | None = None
    faults: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()
    allow_writes: bool = False
    read_only: bool = False
    waivers: Path | None = None
    shard: str = "1/1"
    require: tuple[str, ...] = ()
    quiet: bool = False
    pytest_args: tuple[str, ...] = ()


class Catcher:
    """A pytest plugin that takes what there is to know of a run: a problem that ends it before its first test."""

    problem_of_refund_conformance: SuiteError | None = None
    secrets: frozenset[str] = frozenset()
    record: ReportSession | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """Load what makes the pages while the first answers are waited for."""
        gc.freeze()  # what is loaded by now stays, and need not be looked through for garbage
        threading.Thread(target=import_module, args=(PAGES,), name="pages").start()

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Keep the record, and the secrets that the run knew, for the last look over its report."""
        ending = config.pluginmanager.get_plugin(NAME)
        if ending is not None:
            self.secrets, self.record = frozenset(ending.secrets), ending.record


def execute(choice: Choice) -> int:
    """Run the suite and return the exit status. Raises SuiteError for a choice that cannot be carried out."""
    contract = contracts.load()
    contract.select(choice.clauses)
    profile.profile(choice.profile)
    _check_mock(choice)
    parse_shard(choice.shard)
    required(contract, choice.require)
    if choice.waivers is not None:
        waivers.load(choice.waivers, contract)
    if choice.target is not None:
        loaded = settings.load(choice.target, contract)
        safety.check(loaded, contract.operation, allow_writes=choice.allow_writes, read_only=choice.read_only)
        if choice.faults or choice.variants or choice.answers:
            raise UsageError("--fault, --variant, --answer", "are for the embedded mock", "Leave out --target.")
    with locked(choice.report), interruption.interruptible() as signals:
        before, catcher = _stamp(choice.report), Catcher()
        with TemporaryDirectory(prefix="refund-conformance-", ignore_cleanup_errors=True) as folder, undisturbed():
            os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", folder)
            status = pytest.main(arguments(choice), plugins=[catcher])
        signals.is_settled = True
        if catcher.problem_of_refund_conformance is not None:
            raise catcher.problem_of_refund_conformance
        if catcher.record is None and _stamp(choice.report) == before:
            # pytest ended before the run began; it has said why.
            interrupted = TERMINATED if signals.is_termination else INTERRUPTED if signals.caught else 0
            return interrupted or (2 if status else 3)
        told = _tell(choice, catcher, contract)
    return told if status != pytest.ExitCode.INTERNAL_ERROR else 3


def _tell(choice: Choice, catcher: Catcher, contract: Contract) -> int:
    """Make the pages, tell the outcome, and return the exit status.

    That is the verdict's, where the record is whole and the pages cannot be written.
    """
    from refund_conformance.report.github import publish
    from refund_conformance.report.secret_scan import finish
    from refund_conformance.report.terminal import tell

    record = catcher.record
    problem, status = (record.problem, record.exit_status) if record else (None, STATUS[INCOMPLETE])
    try:
        made = finish(choice.report, catcher.secrets)
    except RunError as unwritten:
        print(f"refund-conformance: {problem or unwritten}", file=sys.stderr)
        return status
    tell(made, contract, choice.report, sys.stdout, brief=choice.quiet)
    publish(made, choice.report, os.environ, sys.stdout)
    for note in made.data["waiver_notes"]:
        print(note)
    if problem is not None:
        print(f"refund-conformance: {problem}", file=sys.stderr)
        return status
    return made.exit_status


def _check_mock(choice: Choice) -> None:
    if not (choice.faults or choice.variants or choice.answers):
        return
    from refund_conformance.mock import answers, faults, variants

    faults.chosen(choice.faults)
    variants.chosen(choice.variants)
    answers.answers_of(answers.answers_from(choice.answers), contracts.load())


def _stamp(directory: Path) -> int:
    path = directory / artifacts.EVENTS
    return path.stat().st_mtime_ns if path.exists() else 0


def arguments(choice: Choice) -> list[str]:
    """Return the arguments for pytest that carry out a choice, without the pages."""
    suites = folder("suites")
    words = [str(suites), "--rootdir", str(suites), "-c", os.devnull, "--no-pages"]
    words += ["-p", "refund_conformance.app.pytest_plugin.plugin", "-p", "no:cacheprovider", "--no-header"]
    words.append("--disable-plugin-autoload")  # another plugin might reorder or repeat tests
    words += [*("-p", "no:unraisableexception"), *("-p", "no:threadexception")]  # they collect garbage at the end
    words += [
        "--strict-markers",
        "-qq",
        "-o",
        "console_output_style=classic",
        "--tb=no",
        "--no-summary",
        "-W",
        "ignore",
        "--import-mode=importlib",
    ]
    words += ["--profile", choice.profile, "--report", str(choice.report)]
    if choice.target is not None:
        words += ["--target", str(choice.target)]
    if choice.strict:
        words.append("--strict-clauses")
    if choice.waivers is not None:
        words += ["--waivers", str(choice.waivers)]
    words += ["--shard", choice.shard]
    if choice.allow_writes:
        words.append("--allow-writes")
    if choice.read_only:
        words.append("--read-only")
    if choice.seed is not None:
        words += ["--seed", str(choice.seed)]
    words += ["--in-flight", str(choice.in_flight)]
    several = {
        "--fault": choice.faults,
        "--variant": choice.variants,
        "--answer": choice.answers,
        "--clause": choice.clauses,
        "--require": choice.require,
    }
    for name, values in several.items():
        for value in values:
            words += [name, value]
    return [*words, *choice.pytest_args]
