"""Try the suite on the mock with each fault and each lawful difference: it must see the one, not the other."""

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from multiprocessing import get_context, parent_process
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import pytest

from refund_conformance.app.run_command import Choice, arguments
from refund_conformance.contract.model import PRECEDENCE, Contract
from refund_conformance.report import events, summary
from refund_conformance.report.likeness import Failing, failing_of
from refund_conformance.report.pytest_environment import undisturbed

TRIALS = 20
"""Trials that one process makes, more or less: what pytest keeps of each would slow the others down."""

OTHER_AREAS = 2
"""More areas than these, besides its own, must not be named for a fault."""


@dataclass(frozen=True)
class Subject:
    """A mock to run the suite on: with a fault, a lawful variant, or a lawful answer to a question.

    ``clause`` is the one that a fault breaks, "" for what is lawful. ``answer`` is (question, answer).
    """

    name: str
    clause: str = ""
    fault: str = ""
    variant: str = ""
    answer: tuple[str, str] | None = None


@dataclass(frozen=True)
class Trial:
    """What the suite made of a subject: clauses named, requests, those until the first sign, failures."""

    subject: Subject
    exit_status: int
    named: tuple[str, ...]
    requests: int
    orders: int
    first_sign: int
    observed: str
    failing: Failing = frozenset()

    @property
    def complaint(self) -> str:
        """What is wrong with the suite's judgement, "" if nothing is."""
        subject = self.subject
        if not subject.clause:
            if self.exit_status != 0 or self.named:
                return f"accused: {', '.join(self.named) or f'exit status {self.exit_status}'}"
            if subject.answer and self.observed != subject.answer[1]:
                return f"observed {self.observed or 'nothing'}"
            return ""
        if not self.named:
            return "unseen"
        if subject.clause not in self.named:
            return "named otherwise"
        areas = {clause.partition(".")[0] for clause in self.named} - {subject.clause.partition(".")[0]}
        return f"too wide: {', '.join(sorted(areas))}" if len(areas) > OTHER_AREAS else ""


def subjects(contract: Contract) -> list[Subject]:
    """Return every fault, every lawful variant, and every lawful answer to an open question."""
    from refund_conformance.mock import faults, variants

    found = [Subject(fault.name, fault.clause, fault=fault.name) for fault in faults.catalogue().values()]
    found += [Subject(name, variant=name) for name in variants.catalogue()]
    for question in contract.questions.values():
        if question.id != PRECEDENCE:
            found += [
                Subject(f"{question.id}={answer}", answer=(question.id, answer)) for answer in question.permitted
            ]
    return found


def trials(chosen: Sequence[Subject], workers: int | None = None) -> Iterator[Trial]:
    """Run the ci profile on each subject, several at a time, and yield the trials as they end."""
    at_once = workers or os.cpu_count() or 1
    # A pool's own max_tasks_per_child comes to a standstill in Python 3.11 where tasks wait.
    for begun in range(0, len(chosen), at_once * TRIALS):
        with ProcessPoolExecutor(at_once, get_context("spawn"), _end_with_parent) as pool:
            coming = chosen[begun : begun + at_once * TRIALS]
            for future in as_completed([pool.submit(try_out, subject) for subject in coming]):
                yield future.result()


def _end_with_parent() -> None:
    """End this process as soon as the one that started it has: a pool's idle processes would wait for ever."""
    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    Thread(target=wait, name="parent", daemon=True).start()


def try_out(subject: Subject) -> Trial:
    """Run the suite's ci profile on one subject, in this process."""
    with TemporaryDirectory(prefix="refund-conformance-") as folder:
        choice = Choice(
            report=Path(folder),
            faults=(subject.fault,) if subject.fault else (),
            variants=(subject.variant,) if subject.variant else (),
            answers=("=".join(subject.answer),) if subject.answer else (),
        )
        with undisturbed(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            pytest.main(arguments(choice))
        data = json.loads((Path(folder) / summary.FILE).read_text(encoding="utf-8"))
        return _trial(subject, data, list(events.read(Path(folder))))


def _trial(subject: Subject, data: dict[str, Any], kept: list[dict[str, Any]]) -> Trial:
    named = tuple(
        clause["id"]
        for clause in data["clauses"]
        if clause["result"] == "violated" or (clause["result"] == "warned" and clause["id"] == subject.clause)
    )
    question = subject.answer[0] if subject.answer else ""
    observed = next((row["observed"] for row in data["questions"] if row["id"] == question), "") or ""
    orders = int(data["orders"].get("refundable", 0))
    status = summary.STATUS[data["verdict"]]
    failing = failing_of(event for event in kept if event["event"] == "case")
    return Trial(subject, status, named, data["requests"], orders, _first_sign(kept, named), observed, failing)


def _first_sign(kept: Sequence[dict[str, Any]], named: Sequence[str]) -> int:
    """Return how many requests were sent until a clause that is named in the end was found broken, else 0."""
    sent: int = 0
    for event in kept:
        sent += int(event["event"] == "exchange")
        if event["event"] == "case" and any(finding["clause"] in named for finding in event["findings"]):
            return sent
    return 0
