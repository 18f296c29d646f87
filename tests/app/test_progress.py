"""The progress line: what it counts, where it is shown, and that it leaves nothing behind."""

import io
import os
import pty
import re
import subprocess
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from command_runs import BOUND, PROGRAM, environment
from refund_conformance.app.pytest_plugin.progress_plugin import is_wanted
from refund_conformance.app.pytest_plugin.progress_state import Standing

LINE = re.compile(r"(\d+)/(\d+) clauses · (\d+) requests, \d+/s · (\d+) orders left")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])m")


# ---- what is counted


def test_a_clause_is_done_when_its_last_test_is() -> None:
    standing = Standing()
    standing.plan({"a": 2, "b": 1}, 4)
    told = []
    for clauses in (["a"], [], ["a", "b"]):
        standing.end(clauses)
        told.append((standing.clauses_done, standing.done))
    assert told == [(0, 1), (0, 2), (2, 3)]


def test_what_each_worker_tells_is_taken_once() -> None:
    standing = Standing()
    standing.plan({"a": 1}, 1)
    standing.end(["a"])
    standing.plan({"a": 1}, 1)
    assert (standing.clauses_done, standing.clauses) == (1, 1)


def test_requests_and_refundable_orders_are_counted() -> None:
    standing = Standing(orders=2)
    left = []
    for group in ("refundable", "foreign", "refundable", "refundable"):
        standing.take({"event": "leased", "group": group})
        standing.take({"event": "exchange"})
        left.append(standing.orders_left)
    assert (left, standing.requests) == ([1, 1, 0, 0], 4)


# ---- where it is shown


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _config(**more: Any) -> Any:
    option = Namespace(**{"collectonly": False, "verbose": -1, **more})
    return Namespace(option=option)


@pytest.mark.parametrize(
    ("options", "terminal", "wanted"),
    [
        ({}, "xterm", True),
        ({"verbose": -2}, "xterm", False),
        ({"verbose": 0}, "xterm", False),
        ({"collectonly": True}, "xterm", False),
        ({}, "dumb", False),
    ],
)
def test_it_steps_back_for_who_asks_for_more_or_less(
    monkeypatch: pytest.MonkeyPatch, options: Mapping[str, Any], terminal: str, wanted: bool
) -> None:
    monkeypatch.setattr(sys, "stdout", _Terminal())
    monkeypatch.setenv("TERM", terminal)
    assert is_wanted(_config(**options), usual=-1) is wanted


def test_it_steps_back_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not is_wanted(_config(), usual=-1)


# ---- on a terminal


def _on_terminal(folder: Path, *words: str, **more: str) -> tuple[str, int]:
    """Run the command on a terminal of its own; return what was written there, and the exit status."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "run", *words],
        cwd=folder,
        env={**environment(), "TERM": "xterm-256color", "COLUMNS": "100", **more},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    written = b""
    while True:
        try:
            part = os.read(controller, 65536)
        except OSError:  # how Linux tells that nobody writes there any more
            part = b""
        if not part:
            break
        written += part
    os.close(controller)
    return written.decode(), process.wait(timeout=BOUND)


def _screen(written: str) -> list[str]:
    """Return the lines that are left on the screen: what was emptied or overwritten is gone."""
    lines = [""]
    for part in re.split(r"(\r\n|\n|\r|\x1b\[2K|\x1b\[1A)", written):
        if part in ("\r\n", "\n"):
            lines.append("")
        elif part in ("\r", "\x1b[2K"):
            lines[-1] = ""
        elif part == "\x1b[1A":
            lines.pop()
        else:
            lines[-1] += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", part)
    return lines


@pytest.mark.whole
@pytest.mark.parametrize("in_flight", ["1", "2"])
def test_the_line_is_drawn_and_gone_at_the_end(tmp_path: Path, in_flight: str) -> None:
    written, status = _on_terminal(tmp_path, "email", "-n", in_flight)
    drawn = [tuple(map(int, found)) for found in LINE.findall(re.sub(r"\x1b\[[0-9;]*m", "", written))]
    assert status == 0, written
    assert {clauses for _, clauses, _, _ in drawn} == {7}
    assert drawn[-1][0] == 7
    assert drawn[-1][2] > drawn[-1][0]
    assert 0 < drawn[-1][3] < 30
    screen = _screen(written)
    assert [line for line in screen if "orders left" in line or re.fullmatch(r"\.+.*%\]", line)] == []
    assert any(line.startswith("PARTIAL") for line in screen)


@pytest.mark.whole
@pytest.mark.parametrize("words", [("--", "-q"), ("--", "-v")], ids=["less", "more"])
def test_the_line_is_not_drawn_for_who_asks_for_more_or_less(tmp_path: Path, words: tuple[str, ...]) -> None:
    written, status = _on_terminal(tmp_path, "email.null", *words)
    assert status == 0, written
    assert "orders left" not in written
    assert "PARTIAL" in written


@pytest.mark.whole
@pytest.mark.parametrize("no_color", ["", "1"])
def test_no_color_is_honoured(tmp_path: Path, no_color: str) -> None:
    written, status = _on_terminal(tmp_path, "email.null", "--fault", "email-null-110", NO_COLOR=no_color)
    assert status == 1, written
    assert "orders left" in written
    assert bool(COLOUR.search(written)) is not bool(no_color)
