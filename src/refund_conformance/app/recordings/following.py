"""Follow a file of JSON Lines that grows, also where it is replaced by a new one."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from refund_conformance.app.recordings.reading import LONGEST_LINE
from refund_conformance.contract.errors import UsageError

PAUSE = 0.3
"""Seconds between two looks for more."""


def follow(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, those that are there and those that come, for ever; b"" where it waits for more.

    Raises UsageError if it cannot be read at the beginning.
    """
    pending, file = b"", opened(path)
    try:
        while True:
            line = file.readline(LONGEST_LINE)
            pending += line
            if pending.endswith(b"\n") or len(pending) >= LONGEST_LINE:
                yield pending
                pending = b""
            elif not line:
                yield b""
                time.sleep(PAUSE)
                if _is_replaced(path, file):
                    file.close()
                    pending, file = b"", opened(path)
    finally:
        file.close()


def opened(path: Path) -> IO[bytes]:
    """Open a file. Raises UsageError if it cannot be read."""
    try:
        return path.open("rb")
    except OSError as problem:
        remedy = "Name a file that can be read; create it empty before it is followed."
        raise UsageError(str(path), problem.strerror or "cannot be read", remedy) from problem


def _is_replaced(path: Path, file: IO[bytes]) -> bool:
    """Whether a file was rotated away or cut: another one has its name, or it is shorter than what was read."""
    try:
        there, ours = path.stat(), os.fstat(file.fileno())
    except OSError:
        return False
    if not os.path.samestat(there, ours):
        return True
    return file.seekable() and there.st_size < file.tell()
