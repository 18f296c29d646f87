"""Runs of the command, each in a process and an empty folder of its own, a few at a time."""

import atexit
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from warm_start import WarmStart

PROGRAM = str(Path(sys.executable).with_name("refund-conformance"))
SIDE_BY_SIDE = 3
BOUND = 120
"""Seconds that a run may take, on a busy machine."""

_STARTING = threading.Lock()


@dataclass(frozen=True)
class Call:
    """Words of a command line, files that lie in the folder where it is called, and environment variables."""

    words: Sequence[str]
    files: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    status: int
    out: str
    err: str
    folder: Path

    @property
    def report(self) -> Path:
        """Where reports are left by default."""
        return self.folder / "reports" / "latest"


def environment(**more: str) -> dict[str, str]:
    """Return an environment without anything of the tests' own."""
    kept = {
        name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME")
    }
    return {**kept, **more}


def call(folder: Path, asked: Call) -> Ended:
    """Call the command in a new folder."""
    folder.mkdir()
    for name, text in asked.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return asked_of_warm_start(folder, asked.words, environment(**asked.variables))


def asked_of_warm_start(folder: Path, words: Sequence[str], variables: Mapping[str, str]) -> Ended:
    """Call the command in a folder. What it prints is kept beside the folder."""
    out, err = folder.with_name(f"{folder.name}.out"), folder.with_name(f"{folder.name}.err")
    with _STARTING:
        started = _warm_start()
    status = started.call(words, folder, variables, out, err, BOUND)
    printed, complaints = (path.read_text(encoding="utf-8", errors="replace") for path in (out, err))
    return Ended(status, printed, complaints, folder)


@cache
def _warm_start() -> WarmStart:
    """Return the one that all tests of this process share."""
    made = WarmStart()
    atexit.register(made.close)
    return made


@contextmanager
def under_way(calls: Mapping[str, Call], folder: Path) -> Iterator[Mapping[str, Future[Ended]]]:
    """Call all commands, a few at a time."""
    pool = ThreadPoolExecutor(SIDE_BY_SIDE)
    try:
        yield {name: pool.submit(call, folder / name, asked) for name, asked in calls.items()}
    finally:
        pool.shutdown(cancel_futures=True)
