"""Start-up: commands that send nothing, and how long after its start a run's first request is at the target.

`python bench/startup.py [ROUNDS]` takes every command in turn in each round, after one that is not counted, and
writes medians into docs/performance.md. Beside them stands the bare interpreter.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from section import setting, table, write
from served import COMMAND, Served, mock

BARE = "`python -c pass`"
QUIET = {"`--help`": ["--help"], "`run --help`": ["run", "--help"], "`clauses`": ["clauses"]}
AT_TARGET, EMBEDDED = (
    "`run --target`, first request at the target",
    "`run`, first request sent to the embedded mock",
)
LIMITS = {"`--help`": 0.3, "`clauses`": 0.3, AT_TARGET: 1.2, EMBEDDED: 1.2}


def spent(words: list[str]) -> float:
    """Return the wall seconds of a process."""
    begun = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    return time.perf_counter() - begun


def until_first(served: Served, report: Path) -> float:
    """Return the seconds from the start of a run until the mock had answered its first request."""
    served.control("POST", "reset")
    begun = time.time()
    words = ["run", "--target", str(served.target), "--report", str(report), "auth.missing"]
    subprocess.run([*COMMAND, *words], check=True, capture_output=True)
    return float(served.control("GET", "requests")["requests"][0]["at"]) - begun


def until_first_embedded(report: Path) -> float:
    """Return the seconds from the start of a run with its own mock until it sent its first request."""
    begun = time.time()
    subprocess.run([*COMMAND, "run", "--report", str(report), "auth.missing"], check=True, capture_output=True)
    first = next(line for line in (report / "events.jsonl").open(encoding="utf-8") if '"exchange"' in line)
    return float(first.partition('"started":')[2].partition(",")[0]) - begun


def measured(rounds: int) -> dict[str, list[float]]:
    """Return the seconds by what was started."""
    found: dict[str, list[float]] = {}
    with mock() as served, tempfile.TemporaryDirectory() as folder:
        for turn in range(-1, rounds):
            seconds = {BARE: spent([sys.executable, "-c", "pass"])}
            seconds |= {name: spent([*COMMAND, *words]) for name, words in QUIET.items()}
            seconds[AT_TARGET] = until_first(served, Path(folder) / "target")
            seconds[EMBEDDED] = until_first_embedded(Path(folder) / "embedded")
            for name, value in seconds.items() if turn >= 0 else ():
                found.setdefault(name, []).append(value)
    return found


def main() -> None:
    """Measure, and write the section."""
    rounds, before = int(sys.argv[1]) if len(sys.argv) > 1 else 10, setting("pytest", "hypothesis")
    rows = [
        (name, f"{statistics.median(every):.2f}", f"{min(every):.2f} to {max(every):.2f}", LIMITS.get(name, ""))
        for name, every in measured(rounds).items()
    ]
    told = f"Seconds from the start of the process; medians of {rounds} rounds. {before}"
    lines = ["## Start-up", "", told, "", *table(("what", "median", "range", "goal"), rows)]
    write("startup", [*lines, "", "`python bench/startup.py` measures this again."])


if __name__ == "__main__":
    main()
