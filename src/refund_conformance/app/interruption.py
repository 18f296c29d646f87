"""Signals that end a run: the first one ends it, and its record and pages are still written."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

INTERRUPT = signal.SIGINT
TERMINATE = tuple(signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__)


@dataclass
class Interruption:
    """The signal that ended a run, if one did. Once ``is_settled``, further ones are ignored."""

    caught: int = 0
    is_settled: bool = False

    @property
    def is_termination(self) -> bool:
        """Whether the run was ended by a signal other than Ctrl-C."""
        return self.caught in TERMINATE

    def take(self, number: int, frame: FrameType | None) -> None:
        """Take a signal. Raises KeyboardInterrupt for the first one."""
        if not self.is_settled:
            self.caught, self.is_settled = number, True
            raise KeyboardInterrupt


_current: list[Interruption] = []


def current() -> Interruption:
    """Return the interruption of the run that this process carries out."""
    return _current[-1] if _current else Interruption()


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Let the first signal end what is done. Termination is ignored where whoever started the process ignores it.

    Within another such context, and in a thread that cannot take signals, it is that of the other.
    """
    if _current or threading.current_thread() is not threading.main_thread():
        yield current()
        return
    state = Interruption()
    _current.append(state)
    wanted = [number for number in TERMINATE if signal.getsignal(number) is not signal.SIG_IGN]  # as by nohup
    before = {number: signal.signal(number, state.take) for number in (INTERRUPT, *wanted)}
    try:
        yield state
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _current.pop()
