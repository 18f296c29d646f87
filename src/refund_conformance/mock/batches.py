"""Writes that share a commit: a disk is waited for once for all that came in the meantime."""

import asyncio
import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, Executable
from sqlalchemy.exc import SQLAlchemyError

_LARGEST = 256


class WouldWaitError(Exception):
    """A wait for the disk was asked for in the thread of an event loop, which must not wait."""


@dataclass(frozen=True)
class _Job:
    values: Mapping[str, Any]
    rows: Future[int] = field(default_factory=Future)


class Batches:
    """Runs one statement for many callers, in a thread of its own.

    Each caller learns the number of rows after the commit that its own is part of, so that what it was told has
    reached the disk. The statement must not fail for one caller's values and thereby for the others.
    """

    def __init__(self, engine: Engine, statement: Executable) -> None:
        self._engine = engine
        self._statement = statement
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="mock-writer", daemon=True)
        self._thread.start()

    def run(self, values: Mapping[str, Any]) -> int:
        """Run the statement with the values; return the number of rows once they are durable.

        Raises WouldWaitError, and does nothing, in the thread of an event loop.
        """
        if _in_event_loop():
            raise WouldWaitError
        job = _Job(values)
        self._jobs.put(job)
        return job.rows.result()

    def close(self) -> None:
        """Finish what has been asked for, and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._jobs.get()) is not None:
            jobs, last = self._waiting(first)
            self._commit(jobs)
            if last:
                return

    def _waiting(self, first: _Job) -> tuple[list[_Job], bool]:
        jobs = [first]
        while len(jobs) < _LARGEST:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _commit(self, jobs: Sequence[_Job]) -> None:
        try:
            with self._engine.begin() as connection:
                counts = [connection.execute(self._statement, job.values).rowcount for job in jobs]
        except SQLAlchemyError as problem:
            for job in jobs:
                job.rows.set_exception(problem)
            return
        for job, count in zip(jobs, counts, strict=True):
            job.rows.set_result(count)


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
