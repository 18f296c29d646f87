"""Carry out the run command: hand the choice to pytest, make the pages, and tell the outcome."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from refund_conformance import contract as contracts
from refund_conformance import profile
from refund_conformance.report import events
from refund_conformance.resources import folder
from refund_conformance.target import settings


@dataclass(frozen=True)
class Choice:
    """What a person chose on the command line of ``run``."""

    target: Path | None
    profile: str
    report: Path
    strict: bool
    workers: int
    seed: int | None
    faults: tuple[str, ...]
    clauses: tuple[str, ...]
    pytest_args: tuple[str, ...]


def execute(choice: Choice) -> int:
    """Run the suite and return the exit status. Raises SuiteError for a choice that cannot be carried out."""
    contract = contracts.load()
    contract.select(choice.clauses)
    profile.profile(choice.profile)
    if choice.target is not None:
        settings.load(choice.target, contract)
    before = _stamp(choice.report)
    status = pytest.main(_arguments(choice))
    if _stamp(choice.report) == before:
        # pytest ended before the run began; it has said why.
        return 130 if status == pytest.ExitCode.INTERRUPTED else 2 if status else 3
    from refund_conformance.report.pages import render
    from refund_conformance.report.terminal import tell

    made = render(choice.report)
    tell(made, contract, choice.report, sys.stdout)
    return made.exit_status if status != pytest.ExitCode.INTERNAL_ERROR else 3


def _stamp(directory: Path) -> int:
    path = directory / events.FILE
    return path.stat().st_mtime_ns if path.exists() else 0


def _arguments(choice: Choice) -> list[str]:
    suites = folder("suites")
    arguments = [str(suites), "--rootdir", str(suites), "-c", os.devnull, "--no-pages"]
    arguments += ["-p", "refund_conformance.plugin", "-p", "no:cacheprovider", "-p", "no:html", "--no-header"]
    arguments += ["--strict-markers", "-q", "--tb=no", "--no-summary", "-W", "ignore", "--import-mode=importlib"]
    arguments += ["--profile", choice.profile, "--report", str(choice.report)]
    if choice.target is not None:
        arguments += ["--target", str(choice.target)]
    if choice.strict:
        arguments.append("--strict-clauses")
    if choice.seed is not None:
        arguments += ["--seed", str(choice.seed)]
    if choice.workers:
        arguments += ["-n", str(choice.workers), "--dist", "loadfile"]
    for name, values in (("--fault", choice.faults), ("--clause", choice.clauses)):
        for value in values:
            arguments += [name, value]
    return [*arguments, *choice.pytest_args]
