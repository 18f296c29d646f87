"""Questions to a database that share a journey and a commit: what came in the meantime is asked at once."""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")

LARGEST = 256
"""Questions that are asked together."""


class WouldWaitError(Exception):
    """A wait for the database was asked for in the thread of an event loop, which must not wait."""


@dataclass(frozen=True)
class _Outcome(Generic[Answer]):
    """An answer, or what went wrong."""

    answer: Answer | None = None
    problem: Exception | None = None


@dataclass(frozen=True)
class _Job(Generic[Question, Answer]):
    """A question, who waits for its answer, and in which event loop, if in one."""

    question: Question
    waiting: Future[Answer] | asyncio.Future[Answer]
    loop: asyncio.AbstractEventLoop | None = None


class Batches(Generic[Question, Answer]):
    """Asks in a thread of its own, with a function that answers many questions, in their order.

    Each caller learns its answer after the function has returned, so that what it is told can have reached the
    disk. The function must not fail for one question and thereby for the others.
    """

    def __init__(self, asked: Callable[[Sequence[Question]], Sequence[Answer]]) -> None:
        self._asked = asked
        self._jobs: queue.SimpleQueue[_Job[Question, Answer] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="mock-database", daemon=True)
        self._thread.start()

    def run(self, question: Question) -> Answer:
        """Return the answer; raise WouldWaitError, and do nothing, in the thread of an event loop."""
        if in_event_loop():
            raise WouldWaitError
        waiting: Future[Answer] = Future()
        self._jobs.put(_Job(question, waiting))
        return waiting.result()

    async def ask(self, question: Question) -> Answer:
        """Return the answer, while the event loop goes on."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Answer] = loop.create_future()
        self._jobs.put(_Job(question, waiting, loop))
        return await waiting

    def close(self) -> None:
        """Finish what has been asked, and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._jobs.get()) is not None:
            jobs, last = self._waiting(first)
            self._settle(jobs)
            if last:
                return

    def _waiting(self, first: _Job[Question, Answer]) -> tuple[list[_Job[Question, Answer]], bool]:
        jobs = [first]
        while len(jobs) < LARGEST:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _settle(self, jobs: Sequence[_Job[Question, Answer]]) -> None:
        try:
            outcomes = [_Outcome(answer) for answer in self._asked([job.question for job in jobs])]
        except Exception as problem:
            outcomes = [_Outcome[Answer](problem=problem)] * len(jobs)
        told: dict[asyncio.AbstractEventLoop | None, list[tuple[Any, _Outcome[Answer]]]] = {}
        for job, outcome in zip(jobs, outcomes, strict=True):
            told.setdefault(job.loop, []).append((job.waiting, outcome))
        for loop, pairs in told.items():
            if loop is None:
                _tell(pairs)
                continue
            # An event loop is woken once for all that it waits for; one that has ended waits for nothing.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell, pairs)


def _tell(pairs: Sequence[tuple[Any, _Outcome[Any]]]) -> None:
    for waiting, outcome in pairs:
        if waiting.done():  # its caller has gone away
            continue
        if outcome.problem is None:
            waiting.set_result(outcome.answer)
        else:
            waiting.set_exception(outcome.problem)


def in_event_loop() -> bool:
    """Tell whether an event loop runs in this thread, and must not be kept waiting."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
