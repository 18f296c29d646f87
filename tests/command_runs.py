"""Runs of the command, each in a process and an empty folder of its own, a few at a time."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("refund-conformance"))
SIDE_BY_SIDE = 3
BOUND = 120
"""Seconds that a run may take, on a busy machine."""


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
    ended = subprocess.run(
        [PROGRAM, *asked.words],
        cwd=folder,
        env=environment(**asked.variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr, folder)


@contextmanager
def under_way(calls: Mapping[str, Call], folder: Path) -> Iterator[Mapping[str, Future[Ended]]]:
    """Call all commands, a few at a time."""
    pool = ThreadPoolExecutor(SIDE_BY_SIDE)
    try:
        yield {name: pool.submit(call, folder / name, asked) for name, asked in calls.items()}
    finally:
        pool.shutdown(cancel_futures=True)
