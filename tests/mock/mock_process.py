"""Runs a mock in a process of its own, as the command does."""

import json
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from refund_conformance.mock.settings import MockSettings

_PROGRAM = """\
import json, sys
from refund_conformance.mock.server import serve
from refund_conformance.mock.settings import MockSettings
sys.exit(serve(MockSettings(**json.loads(sys.argv[1])), lambda text: print(text, "<END>", sep="", flush=True)))
"""


class ProcessMock:
    """A mock in another process; it has what a Wire needs of a mock."""

    def __init__(self, process: subprocess.Popen[str], announcement: str) -> None:
        self.process = process
        self.announcement = announcement
        self.target: dict[str, Any] = tomllib.loads(announcement)
        self.base_url: str = self.target["target"]["base_url"]

    def target_toml(self) -> str:
        return self.announcement

    def kill(self) -> None:
        """Kill it as kill -9 does."""
        self.process.kill()
        self.process.wait(10)


@contextmanager
def process_mock(settings: MockSettings) -> Iterator[ProcessMock]:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, json.dumps(asdict(settings))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    deadline = time.monotonic() + 120
    while "<END>" not in "".join(lines[-1:]):
        line = process.stdout.readline()
        assert line or process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < deadline
        lines.append(line)
    try:
        yield ProcessMock(process, "".join(lines).replace("<END>", ""))
    finally:
        process.terminate()
        process.communicate(timeout=60)
