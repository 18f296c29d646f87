"""The line on a terminal that tells how far a run is. It is redrawn in place, and gone at the end."""

import os
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

from refund_conformance.app.pytest_plugin.progress_state import ProgressState

EACH_SECOND = 4
"""How often the line is drawn."""

BEGINNING_OF_LINE = "\r\x1b[2K"
"""Goes to the beginning of the terminal's line, and empties it: others may have left something there."""


class Line:
    """The line. It writes past pytest, which captures what is written to the standard output during a test."""

    def __init__(self, standing: ProgressState) -> None:
        # Our own, for pytest lays another file under the descriptor while a test runs.
        self._file = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding=sys.stdout.encoding, errors="replace")
        self._file.write(BEGINNING_OF_LINE)
        console = Console(file=self._file, highlight=False)
        self._progress = Progress(
            BarColumn(10),
            _Told(standing),
            _Left(compact=True),
            console=console,
            transient=True,
            refresh_per_second=EACH_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._standing = standing
        self._task = self._progress.add_task("run", total=None)
        self._progress.start()

    def update(self) -> None:
        """Take in that a test has ended, from which the time left is reckoned."""
        self._progress.update(self._task, total=self._standing.tests, completed=self._standing.done)

    def close(self) -> None:
        """Take the line away."""
        self._progress.stop()
        self._file.close()


class _Told(ProgressColumn):
    """The figures of a standing, as they are at each drawing."""

    def __init__(self, standing: ProgressState) -> None:
        super().__init__()
        self._standing = standing
        self._begun, self._before = time.monotonic(), standing.requests

    def render(self, task: Task) -> Text:
        """Return the figures."""
        standing = self._standing
        rate = (standing.requests - self._before) / max(time.monotonic() - self._begun, 1.0)
        told = (
            f"{standing.clauses_done}/{standing.clauses} clauses",
            f"{standing.requests} requests, {rate:.0f}/s",
            f"{standing.orders_left} orders left",
        )
        return Text(" · ".join(told), no_wrap=True, overflow="ellipsis")


class _Left(TimeRemainingColumn):
    """The time left, once there is something to reckon it from."""

    def render(self, task: Task) -> Text:
        """Return the time in minutes and seconds."""
        return Text.assemble(super().render(task), " left") if task.total else Text()
