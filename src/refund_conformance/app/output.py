"""The terminal's streams, such that nothing about them changes how a command ends."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

STREAMS = (0, 1, 2)
"""The descriptors of standard input, output and error."""


class Lenient:
    """A text stream that goes on in silence once nobody reads it any more."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, as far as somebody reads it."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            self._silence()
            return len(text)

    def flush(self) -> None:
        """Write what is held back, as far as somebody reads it."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._silence()

    def _silence(self) -> None:
        """Lead the descriptor to nowhere: what is still held back is written when the interpreter ends."""
        try:
            descriptor = self._stream.fileno()
        except (OSError, ValueError):
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


@contextmanager
def lenient() -> Iterator[None]:
    """Make standard output and error lenient: closed, broken, full, or unable to write some letter."""
    _open_closed()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_lenient(stream, number) for number, stream in zip(STREAMS[1:], before, strict=True))
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def _open_closed() -> None:
    """Open descriptors that the process was started without, or the next file that is opened would be one."""
    for number in STREAMS:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _lenient(stream: IO[str] | None, number: int) -> Any:
    if stream is None:
        stream = os.fdopen(os.dup(number), "w", encoding="utf-8")
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    return Lenient(stream)
