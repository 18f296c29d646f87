"""Latency: whole runs against a target that takes its time, with several requests in flight, and in processes.

`python bench/latency.py [ROUNDS]` runs the command against a mock that waits 0.1 s before each answer, one way
after another in each round, and writes medians into docs/performance.md. The whole command counts, its start and
its report included. The ideal is all the waiting, divided evenly: requests times 0.1 s / N.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from section import setting, table, write
from served import mock, run

DELAY = 0.1
WAYS = {
    "one after another": ([], 1, ""),
    "`--in-flight 8`": (["--in-flight", "8"], 8, 1.5),
    "`--in-flight 16`": (["--in-flight", "16"], 16, 1.7),
}
"""The options of a way, how many requests are under way at once, and at most how often the ideal it shall take."""


def measured(rounds: int) -> dict[str, list[tuple[float, int]]]:
    """Return wall seconds and requests of each run, by the way."""
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in WAYS}
    with mock("--delay", str(DELAY)) as served, tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, (options, _, _) in WAYS.items():
                served.control("POST", "reset")
                seconds, data = run(Path(folder), "--target", str(served.target), *options)
                assert data["verdict"] == "conformant", f"{name}: {data['verdict']}"
                found[name].append((seconds, int(data["requests"])))
    return found


def row(name: str, runs: list[tuple[float, int]]) -> tuple[object, ...]:
    """Return the row of a way."""
    _, at_once, goal = WAYS[name]
    seconds = statistics.median(wall for wall, _ in runs)
    requests = statistics.median(sent for _, sent in runs)
    ideal = requests * DELAY / at_once
    return name, f"{requests:.0f}", f"{ideal:.2f}", f"{seconds:.2f}", f"{seconds / ideal:.2f}", goal


def main() -> None:
    """Measure, and write the section."""
    rounds, before = int(sys.argv[1]) if len(sys.argv) > 1 else 5, setting("pytest", "requests")
    rows = [row(name, runs) for name, runs in measured(rounds).items()]
    told = (
        f"The mock waits {DELAY} s before each answer. Wall seconds of the whole command, start and report "
        f"included; medians of {rounds} rounds. The ideal is requests times {DELAY} s / N. {before}"
    )
    head = ("way", "requests", "ideal, s", "whole command, s", "times the ideal", "goal")
    lines = ["## Latency", "", told, "", *table(head, rows)]
    write("latency", [*lines, "", "`python bench/latency.py` measures this again."])


if __name__ == "__main__":
    main()
