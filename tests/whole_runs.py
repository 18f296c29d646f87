"""Whole runs of the ci profile against mocks, in processes beside the tests, and what each left behind."""

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from refund_conformance.app.run_command import Choice, arguments
from refund_conformance.contract import model as contracts
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.report import events, merge, summary

SIDE_BY_SIDE = 2
"""Runs at once."""

LOADED = tuple(f"refund_conformance.{name}" for name in ("app.run_command", "mock.server", "report.merge"))
"""What the process has imported that those of the runs are forked from."""

Event = dict[str, Any]


def everything(target: Event) -> None:
    """Leave target settings as they are."""


@dataclass(frozen=True)
class Plan:
    """A mock and the runs on it.

    ``used`` are places in the list of refundable orders that are used up before. ``change`` changes the mock's
    target settings in place; it is a function of a module, for it goes to another process. ``shards`` are the
    parts that each run is made of, "1/1" for a whole one; several have a ledger in common.
    """

    mock: MockSettings = field(default_factory=lambda: MockSettings(refundable=60))
    change: Callable[[Event], None] = everything
    used: Sequence[int] = ()
    runs: int = 1
    in_flight: int = 1
    shards: Sequence[str] = ("1/1",)
    clauses: tuple[str, ...] = ()
    strict: bool = False
    pytest_args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Whole:
    """A run that has ended. ``journal`` is what the mock saw, ``accepted`` how many requests it accepted."""

    status: int
    conformance: Event
    events: Sequence[Event]
    output: str
    journal: Sequence[Event]
    accepted: int
    settings: Event
    conformance_bytes: bytes = b""

    def result(self, clause: str) -> Event:
        """Return a clause's row of the report."""
        row: Event
        (row,) = (row for row in self.conformance["clauses"] if row["id"] == clause)
        return row

    def with_result(self, result: str) -> set[str]:
        """Return the ids of the clauses with a result."""
        return {row["id"] for row in self.conformance["clauses"] if row["result"] == result}

    @property
    def results(self) -> dict[str, str]:
        """Result by clause."""
        return {row["id"]: row["result"] for row in self.conformance["clauses"]}

    @property
    def reasons(self) -> set[str]:
        """Why clauses are untested."""
        return {row["reason"] for row in self.conformance["clauses"] if row["result"] == "untested"}

    @property
    def accused(self) -> set[str]:
        """Every clause that any case of the run speaks against, counted in the end or not."""
        return {finding["clause"] for event in self.kept("case") for finding in event["findings"]}

    def kept(self, kind: str) -> list[Event]:
        """Return the events of a kind."""
        return [event for event in self.events if event["event"] == kind]


def carry_out(plan: Plan) -> list[Whole]:
    """Carry out a plan's runs, in this process, one after the other."""
    with running(plan.mock) as mock, TemporaryDirectory() as folder:
        listed = mock.mock.samples.groups["refundable"]
        for place in plan.used:
            assert mock.mock.store.create_refund_request(listed[place], "else@example.com", None)
        return [_run(plan, mock, Path(folder) / str(number)) for number in range(plan.runs)]


def _run(plan: Plan, mock: RunningMock, folder: Path) -> Whole:
    folder.mkdir()
    settings = tomllib.loads(mock.target_toml())
    plan.change(settings)
    if len(plan.shards) > 1:
        settings["orders"]["ledger"] = f"sqlite:///{folder / 'ledger.sqlite'}"
    target, report = folder / "target.toml", folder / "report"
    target.write_text(toml(settings), encoding="utf-8")
    mock.mock.journal.clear()
    choice = Choice(
        target=target,
        report=report,
        clauses=plan.clauses,
        strict=plan.strict,
        in_flight=plan.in_flight,
        pytest_args=plan.pytest_args,
    )
    told = StringIO()
    with redirect_stdout(told), redirect_stderr(told):
        status = _main(choice, plan.shards)
    journal = mock.mock.journal.entries()
    return Whole(
        status,
        json.loads((report / summary.FILE).read_text(encoding="utf-8")),
        list(events.read(report)),
        told.getvalue(),
        journal,
        sum(entry["status"] == 200 for entry in journal),
        settings,
        (report / summary.FILE).read_bytes(),
    )


def _main(choice: Choice, shards: Sequence[str]) -> int:
    """Run pytest as the command does; where there are several shards, one after the other, and merge them."""
    if len(shards) == 1:
        return int(pytest.main(arguments(replace(choice, shard=shards[0]))))
    parts = [choice.report.with_name(f"shard-{number}") for number in range(len(shards))]
    for part, shard in zip(parts, shards, strict=True):
        pytest.main(arguments(replace(choice, report=part, shard=shard)))
    merge.merge(parts, choice.report)
    made = summary.summarize(contracts.load(), list(events.read(choice.report)))
    summary.write(choice.report, made)
    return made.exit_status


def toml(settings: Mapping[str, Mapping[str, object]]) -> str:
    """Return settings as TOML; JSON writes their values alike."""
    lines: list[str] = []
    for section, values in settings.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


@contextmanager
def under_way(plans: Mapping[str, Plan]) -> Iterator[Mapping[str, Future[list[Whole]]]]:
    """Start the runs of all plans, a few at a time."""
    context = get_context("forkserver")
    context.set_forkserver_preload([*LOADED])
    pool = ProcessPoolExecutor(SIDE_BY_SIDE, mp_context=context)
    try:
        yield {name: pool.submit(carry_out, plan) for name, plan in plans.items()}
    finally:
        pool.shutdown(cancel_futures=True)
