"""Measure the ci profile against the embedded mock: requests, orders, wall time, and a bare loop beside it.

`python bench/ci_profile.py [ROUNDS]` alternates, in each round, a whole run of the command with a loop that sends
the same number of plain requests through the same client library, and prints medians and their ratio.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import requests

from refund_conformance.mock.server import running


def suite(folder: Path) -> tuple[float, dict[str, object]]:
    """Run the command once; return its wall seconds and conformance.json."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "refund_conformance.app.cli", "run", "--report", str(folder)]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    seconds = time.perf_counter() - begun
    return seconds, json.loads((folder / "conformance.json").read_text())


def bare(count: int) -> float:
    """Send a refused request so many times with requests on one connection; return the wall seconds."""
    with running() as mock, requests.Session() as session:
        settings = tomllib.loads(mock.target_toml())
        headers = {"AuthorizationJWT": f"Bearer {settings['auth']['token']}", "Content-Type": "application/json"}
        url = f"{mock.base_url}/v1/order/{settings['orders']['unknown'][0]}/refund"
        begun = time.perf_counter()
        for _ in range(count):
            session.post(url, data=b'{"email":"refunds@example.com"}', headers=headers)
        return time.perf_counter() - begun


def main() -> None:
    """Print a table of medians."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    walls, inside, loops, data = [], [], [], {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            seconds, data = suite(Path(folder))
        walls.append(seconds)
        inside.append(float(str(data["seconds"])))
        loops.append(bare(int(str(data["requests"]))))
    print("| figure | median |\n| --- | --- |")
    print(f"| requests | {data['requests']} |\n| orders leased | {data['orders']} |")
    print(f"| whole command, s | {statistics.median(walls):.2f} |")
    print(f"| sending and judging, s | {statistics.median(inside):.2f} |")
    print(f"| bare loop of as many requests, s | {statistics.median(loops):.2f} |")
    print(f"| sending and judging / bare loop | {statistics.median(inside) / statistics.median(loops):.1f} |")


if __name__ == "__main__":
    main()
