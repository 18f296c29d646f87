"""A process that draws cases beside the one that sends them."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Lock
from typing import Any, BinaryIO

from refund_conformance.cases import explorations
from refund_conformance.cases.generation import Drawn, draw
from refund_conformance.contract.model import Contract

BATCH = 128
"""Cases that are handed over at once."""


class Generation:
    """Draws the cases of a contract's explorations in another process, the next ones while some are sent.

    Several threads may draw at once. Where that process cannot be, or ends, this one goes on with the drawing.
    """

    def __init__(self, contract: Contract, examples: int, seed: int) -> None:
        self._strategies = explorations(contract)
        self._drawing = (examples, seed)
        self._asking = ThreadPoolExecutor(1, "generation")
        self._started = self._asking.submit(_started, contract, examples, seed)
        self._lock = Lock()
        self._begun: dict[str, Future[list[Drawn]]] = {}
        self._begin(min(self._strategies))

    def draw(self, clause: str) -> Iterator[Drawn]:
        """Yield the cases of a clause, once, as ``drawing.draw`` does of its strategy."""
        count, coming = 0, self._begin(clause)
        following = min((other for other in self._strategies if other > clause), default=clause)
        try:
            while batch := coming.result():
                coming = self._asking.submit(self._next, clause)
                self._begin(following)  # a run goes on so, nearly
                for drawn in batch:
                    yield drawn
                    count += 1
        except (OSError, EOFError, pickle.UnpicklingError):
            yield from islice(draw(self._strategies[clause], *self._drawing), count, None)

    def _begin(self, clause: str) -> "Future[list[Drawn]]":
        """Ask for the first cases of a clause, unless that was done; return them."""
        with self._lock:
            if clause not in self._begun:
                self._begun[clause] = self._asking.submit(self._next, clause)
            return self._begun[clause]

    def close(self) -> None:
        """End the process."""
        process = None if self._started.exception() else self._started.result()
        if process is not None:
            process.kill()
        self._asking.shutdown(cancel_futures=True)
        if process is not None:
            process.communicate()

    def _next(self, clause: str) -> list[Drawn]:
        process = self._started.result()
        _tell(clause, process.stdin)
        told: Any = process.stdout
        batch: list[Drawn] = pickle.load(told)  # noqa: S301  (our own process wrote it)
        return batch


def _started(contract: Contract, examples: int, seed: int) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(  # noqa: S603  (our own interpreter and package)
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    _tell((contract, examples, seed), process.stdin)
    return process


def _tell(what: object, to: Any) -> None:
    pickle.dump(what, to)
    to.flush()


def serve(asked: BinaryIO, told: BinaryIO) -> None:
    """Read contract, examples and seed, then answer each clause with its next cases, as long as clauses come."""
    contract, examples, seed = pickle.load(asked)  # noqa: S301  (who started this process wrote it)
    drawn = {clause: draw(strategy, examples, seed) for clause, strategy in explorations(contract).items()}
    while True:
        try:
            clause = pickle.load(asked)  # noqa: S301
        except EOFError:
            return
        _tell(list(islice(drawn[clause], BATCH)), told)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this process ends it
    if hasattr(os, "nice"):
        os.nice(5)
    serve(sys.stdin.buffer, sys.stdout.buffer)
