"""One run at a time writes a report directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from refund_conformance.contract.errors import RunError, UsageError

FILE = ".lock"
"""The file that a run locks. It stays there, for another run may be about to lock it."""


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep a report directory for oneself; make it if it is not there.

    Raises UsageError if another run has it, and RunError if nothing can be written there.
    """
    lock = FileLock(directory / FILE, timeout=0, thread_local=False)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as problem:
        raise UsageError(
            f"report directory {directory}",
            "another run is writing there",
            "Wait until it has ended, or name another with --report.",
        ) from problem
    except (OSError, NotImplementedError) as problem:
        why = getattr(problem, "strerror", None) or "cannot be locked"
        raise RunError(f"report directory {directory}", why, "Name another with --report.") from problem
    try:
        yield
    finally:
        lock.release()
