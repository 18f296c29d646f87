"""The mock in a process of its own, and the suite's command beside it."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "refund_conformance.app.cli"]
START_SECONDS = 60


@dataclass(frozen=True)
class Served:
    """A mock that is up: its URL, and a file with target settings for it."""

    url: str
    target: Path

    def control(self, method: str, path: str) -> Any:
        """Ask the mock's control API; return the JSON that it answers, None for none."""
        request = urllib.request.Request(f"{self.url}/_mock/{path}", method=method)  # noqa: S310  (loopback)
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")


@contextmanager
def mock(*words: str) -> Iterator[Served]:
    """Run the mock on a free port with these further options."""
    with tempfile.TemporaryDirectory(prefix="refund-bench-") as folder:
        target = Path(folder) / "target.toml"
        with target.open("w") as told:
            process = subprocess.Popen([*COMMAND, "mock", "--port", "0", *words], stdout=told)
        try:
            yield Served(_url(target, process), target)
        finally:
            process.terminate()
            process.wait(30)


def _url(target: Path, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        told = target.read_text(encoding="utf-8")
        if told.rstrip().endswith("}'"):
            url = next(line for line in told.splitlines() if line.startswith("base_url")).split('"')[1]
            urllib.request.urlopen(f"{url}/healthz", timeout=START_SECONDS).close()  # noqa: S310  (loopback)
            return url
        time.sleep(0.02)
    sys.exit("the mock did not start")


def run(report: Path, *words: str) -> tuple[float, dict[str, Any]]:
    """Run the suite's command; return its wall seconds and conformance.json. It must judge the target at all."""
    begun = time.perf_counter()
    done = subprocess.run([*COMMAND, "run", "--report", str(report), *words], capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(words)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return seconds, json.loads((report / "conformance.json").read_text(encoding="utf-8"))
