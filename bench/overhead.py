"""Overhead: a nightly run of many exchanges beside a bare loop that sends the same requests, and its memory.

`python bench/overhead.py [EXCHANGES] [ROUNDS]` (20,000 and 3 unless told otherwise) runs the nightly profile, with
as many drawn cases as it takes, against a mock in a process of its own, then sends what it sent once more with the
same client library and nothing else. `python bench/overhead.py memory` measures peaks at 10,000 and 100,000
exchanges. Each writes a section of docs/performance.md.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import deque
from dataclasses import replace
from pathlib import Path

import requests
from section import setting, table, write
from served import Served, mock

ORDERS = 2000
GOAL, MEMORY_GOAL = 2, 1.3
TOKEN = "AuthorizationJWT"


def nightly(target: Path, report: Path, exchanges: int) -> None:
    """Run the nightly profile with about so many exchanges, in this process."""
    from refund_conformance.app.run_command import Choice, execute
    from refund_conformance.sut import profile

    wide = replace(profile.PROFILES["nightly"], requests=4 * exchanges, examples=exchanges // DRAWN, orders=ORDERS)
    profile.PROFILES["nightly"] = wide
    execute(Choice(target=target, report=report, profile="nightly", seed=1))
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    (report / "peaks.json").write_text(json.dumps(peaks), encoding="utf-8")


DRAWN = 9
"""About as many explorations share the exchanges of a run."""


def draw(report: Path, exchanges: int) -> None:
    """Let Hypothesis draw the cases that a run sends, and send nothing."""
    from refund_conformance.cases import explorations
    from refund_conformance.cases import generation as drawing
    from refund_conformance.contract import model as contracts

    begun = time.perf_counter()
    for strategy in explorations(contracts.load()).values():
        deque(drawing.draw(strategy, exchanges // DRAWN, seed=1), maxlen=0)
    (report / "draw.json").write_text(json.dumps(time.perf_counter() - begun), encoding="utf-8")


def bare(target: Path, report: Path) -> None:
    """Send the requests of a run again, on one connection, and read the answers."""
    settings = tomllib.loads(target.read_text(encoding="utf-8"))
    asked = [prepared(settings, event["request"]) for event in events(report) if event["event"] == "exchange"]
    begun = time.perf_counter()
    with requests.Session() as session:
        session.trust_env = False
        for one in asked:
            session.send(one, allow_redirects=False, timeout=10).content  # noqa: B018  (it reads the body)
    (report / "bare.json").write_text(json.dumps(time.perf_counter() - begun), encoding="utf-8")


def prepared(settings: dict[str, dict[str, str]], sent: dict[str, object]) -> requests.PreparedRequest:
    """Return a recorded request, with our token where the record has it blackened."""
    one = requests.PreparedRequest()
    one.method, one.url = str(sent["method"]), settings["target"]["base_url"] + str(sent["target"])
    fields: list[tuple[str, str]] = sent["headers"]  # type: ignore[assignment]
    one.headers = requests.structures.CaseInsensitiveDict(fields)
    if TOKEN in one.headers:
        one.headers[TOKEN] = f"Bearer {settings['auth']['token']}"
    one.body = str(sent["body"]).encode("utf-8", "surrogatepass")
    one.headers["Content-Length"] = str(len(one.body))
    return one


def events(report: Path) -> list[dict[str, object]]:
    """Return the events of a run."""
    with (report / "events.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def child(kind: str, served: Served, report: Path, exchanges: int) -> float:
    """Run this file for one measurement in a process of its own; return its wall seconds."""
    words = [sys.executable, __file__, kind, str(served.target), str(report), str(exchanges)]
    begun = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    return time.perf_counter() - begun


def run(exchanges: int, report: Path) -> tuple[float, float, float, dict[str, object]]:
    """Return a run's whole seconds, the bare loop's, those of drawing, and its conformance.json."""
    with mock("--refundable", str(ORDERS)) as served:
        whole = child("nightly", served, report, exchanges)
        child("bare", served, report, exchanges)
        child("draw", served, report, exchanges)
    data = json.loads((report / "conformance.json").read_text(encoding="utf-8"))
    assert data["verdict"] == "conformant", data["verdict"]
    loop, drawing = (json.loads((report / f"{kind}.json").read_text()) for kind in ("bare", "draw"))
    return whole, loop, drawing, data


def overhead(exchanges: int, rounds: int) -> None:
    """Measure against the bare loop, and write the section."""
    before, found = setting("requests", "hypothesis", "pytest"), []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            whole, loop, drawing, data = run(exchanges, Path(folder))
        found.append((whole, float(str(data["seconds"])), drawing, loop, int(str(data["requests"]))))
    wholes, insides, draws, loops, counts = (statistics.median(each) for each in zip(*found, strict=True))
    whole, inside, drawing = (statistics.median(one[at] / one[3] for one in found) for at in range(3))
    rows = [
        ("bare loop", f"{loops:.1f}", "1", ""),
        (
            "Hypothesis drawing the cases, nothing sent; in a run, in a process beside it",
            f"{draws:.1f}",
            f"{drawing:.2f}",
            "",
        ),
        ("from the first request to the last event", f"{insides:.1f}", f"{inside:.2f}", GOAL),
        ("the whole command, start and pages included", f"{wholes:.1f}", f"{whole:.2f}", ""),
    ]
    told = (
        f"The nightly profile with {counts:.0f} exchanges against the mock in another process, and a loop that "
        f"sends the same requests with requests.Session on one connection; medians of {rounds} rounds. {before}"
    )
    lines = ["## Overhead", "", told, "", *table(("what", "seconds", "times the bare loop", "goal"), rows)]
    write("overhead", [*lines, "", "`python bench/overhead.py` measures this again."])


def memory() -> None:
    """Measure peaks of memory and sizes, and write the section."""
    before, rows, peaks = setting("hypothesis", "pytest"), [], []
    for exchanges in (10_000, 100_000):
        with tempfile.TemporaryDirectory() as name, mock("--refundable", str(ORDERS)) as served:
            folder = Path(name)
            child("nightly", served, folder, exchanges)
            data = json.loads((folder / "conformance.json").read_text(encoding="utf-8"))
            run, drawing = json.loads((folder / "peaks.json").read_text(encoding="utf-8"))
            peaks.append(run + drawing)
            sizes = [(folder / file).stat().st_size / 2**20 for file in ("events.jsonl", "report.html")]
            rows.append((data["requests"], f"{run:.0f}", f"{drawing:.0f}", *(f"{size:.2f}" for size in sizes)))
    told = (
        f"Nightly runs against the mock in another process. Both peaks together are, in the larger one, "
        f"{peaks[1] / peaks[0]:.2f} times those in the smaller (goal: {MEMORY_GOAL}, and below 300 MB). {before}"
    )
    lines = ["## Memory", "", told, ""]
    columns = ("exchanges", "peak of the run, MB", "of the process that draws, MB", "events.jsonl, MB")
    lines += table((*columns, "report.html, MB"), rows)
    write("memory", [*lines, "", "`python bench/overhead.py memory` measures this again."])


def main() -> None:
    """Measure what was asked for; called for itself, take one measurement."""
    words = sys.argv[1:]
    if words[:1] == ["nightly"]:
        nightly(Path(words[1]), Path(words[2]), int(words[3]))
    elif words[:1] == ["bare"]:
        bare(Path(words[1]), Path(words[2]))
    elif words[:1] == ["draw"]:
        draw(Path(words[2]), int(words[3]))
    elif words[:1] == ["memory"]:
        memory()
    else:
        overhead(int(words[0]) if words else 20_000, int(words[1]) if len(words) > 1 else 3)


if __name__ == "__main__":
    main()
