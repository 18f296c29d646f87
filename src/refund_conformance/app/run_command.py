"""Carry out the run command: hand the choice to pytest, make the pages, and tell the outcome."""

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import pytest

from refund_conformance.app.pytest_plugin.collection import parse_shard
from refund_conformance.app.pytest_plugin.report_plugin import NAME
from refund_conformance.contract import model as contracts
from refund_conformance.contract.data_files import folder
from refund_conformance.contract.errors import SuiteError, UsageError
from refund_conformance.report import events, waivers
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
    workers: int = 0
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
    pytest_args: tuple[str, ...] = ()


class Catcher:
    """A pytest plugin that takes what there is to know of a run: a problem that ends it before its first test."""

    problem_of_refund_conformance: SuiteError | None = None
    secrets: frozenset[str] = frozenset()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """Load what makes the pages while the first answers are waited for."""
        gc.freeze()  # what is loaded by now stays, and need not be looked through for garbage
        threading.Thread(target=import_module, args=(PAGES,), name="pages").start()

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Keep the secrets that the run knew, for the last look over its report."""
        ending = config.pluginmanager.get_plugin(NAME)
        if ending is not None:
            self.secrets = frozenset(ending.secrets)


def execute(choice: Choice) -> int:
    """Run the suite and return the exit status. Raises SuiteError for a choice that cannot be carried out."""
    contract = contracts.load()
    contract.select(choice.clauses)
    profile.profile(choice.profile)
    _check_mock(choice)
    parse_shard(choice.shard)
    if choice.waivers is not None:
        waivers.load(choice.waivers, contract)
    if choice.target is not None:
        loaded = settings.load(choice.target, contract)
        safety.check(loaded, contract.operation, allow_writes=choice.allow_writes, read_only=choice.read_only)
        if choice.faults or choice.variants or choice.answers:
            raise UsageError("--fault, --variant, --answer", "are for the embedded mock", "Leave out --target.")
    before = _stamp(choice.report)
    with (
        TemporaryDirectory(prefix="refund-conformance-", ignore_cleanup_errors=True) as folder,
        _interruptible_once(),
    ):
        os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", folder)
        catcher = Catcher()
        status = pytest.main(arguments(choice), plugins=[catcher])
    if catcher.problem_of_refund_conformance is not None:
        raise catcher.problem_of_refund_conformance
    if _stamp(choice.report) == before:
        # pytest ended before the run began; it has said why.
        return 130 if status == pytest.ExitCode.INTERRUPTED else 2 if status else 3
    from refund_conformance.report.github import publish
    from refund_conformance.report.secret_scan import finish
    from refund_conformance.report.terminal import tell

    made = finish(choice.report, catcher.secrets)
    tell(made, contract, choice.report, sys.stdout)
    publish(made, choice.report, os.environ, sys.stdout)
    for note in made.data["waiver_notes"]:
        print(note)
    return made.exit_status if status != pytest.ExitCode.INTERNAL_ERROR else 3


@contextmanager
def _interruptible_once() -> Iterator[None]:
    """Let a first Ctrl-C end the run, and no further one the writing of its record."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _check_mock(choice: Choice) -> None:
    if not (choice.faults or choice.variants or choice.answers):
        return
    from refund_conformance.mock import answers, faults, variants

    faults.chosen(choice.faults)
    variants.chosen(choice.variants)
    answers.answers_of(answers.answers_from(choice.answers), contracts.load())


def _stamp(directory: Path) -> int:
    path = directory / events.FILE
    return path.stat().st_mtime_ns if path.exists() else 0


def arguments(choice: Choice) -> list[str]:
    """Return the arguments for pytest that carry out a choice, without the pages."""
    suites = folder("suites")
    words = [str(suites), "--rootdir", str(suites), "-c", os.devnull, "--no-pages"]
    words += ["-p", "refund_conformance.app.pytest_plugin.plugin", "-p", "no:cacheprovider", "--no-header"]
    words += ["--disable-plugin-autoload", "-p", "xdist"]  # another plugin might reorder or repeat tests
    words += [*("-p", "no:unraisableexception"), *("-p", "no:threadexception")]  # they collect garbage at the end
    words += ["--strict-markers", "-q", "--tb=no", "--no-summary", "-W", "ignore", "--import-mode=importlib"]
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
    if choice.workers:
        words += ["-n", str(choice.workers)]
    several = {
        "--fault": choice.faults,
        "--variant": choice.variants,
        "--answer": choice.answers,
        "--clause": choice.clauses,
    }
    for name, values in several.items():
        for value in values:
            words += [name, value]
    return [*words, *choice.pytest_args]
