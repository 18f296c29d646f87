"""Detection for the money: the suite's ci profile beside Schemathesis, on the same faulty mocks.

`python bench/detection.py [EVERY]` takes every EVERY-th fault of the catalogue (16 unless told otherwise). For
each it runs the suite, then Schemathesis with our OpenAPI document, order ids that nobody has used, and every
check that a conformant mock passes, with few and with more examples, each against a mock of its own. The table
goes into docs/performance.md.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from section import setting, table, write
from served import Served, mock, run

from refund_conformance.mock.faults import catalogue
from refund_conformance.mock.faults.fault import Fault

TESTS = Path(__file__).parents[1] / "tests" / "mock"
"""Where the hook is that gives each request of Schemathesis a fresh order."""

LEFT_OUT = ("use_after_free", "ensure_resource_availability", "object_level_authorization")
STRICT = """\
[checks]
positive_data_acceptance.expected-statuses = [200]
negative_data_rejection.expected-statuses = [400, 401, 404, 405]
"""
PEERS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "Schemathesis, 60 examples": (60, ()),
    "Schemathesis, 300 examples, without a check": (300, ("negative_data_rejection",)),
}
"""Schemathesis with so many examples, and without these checks: with many it accuses the mock without a fault."""
SUITE = "this suite, `--profile ci`"


@dataclass(frozen=True)
class Hunt:
    """What a tool made of one faulty mock."""

    caught: bool
    requests: int
    orders: int
    seconds: float


def by_suite(served: Served, fault: Fault, folder: Path) -> Hunt:
    """Run the suite: a fault is caught if the clause that it breaks is named."""
    seconds, data = run(folder / "report", "--target", str(served.target))
    named = {row["id"] for row in data["clauses"] if row["result"] in ("violated", "warned")}
    return Hunt(fault.clause in named, int(data["requests"]), sum(data["orders"].values()), seconds)


def by_schemathesis(served: Served, folder: Path, examples: int, left_out: Sequence[str]) -> Hunt:
    """Run Schemathesis with so many examples, without some checks: a fault is caught if any other fails."""
    (folder / "strict.toml").write_text(STRICT, encoding="utf-8")
    token = tomllib.loads(served.target.read_text(encoding="utf-8"))["auth"]["token"]
    begun = time.perf_counter()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", "strict.toml"),
            *(
                "run",
                f"{served.url}/openapi.json",
                "--checks",
                "all",
                "--exclude-checks",
                ",".join((*LEFT_OUT, *left_out)),
            ),
            *("--header", f"AuthorizationJWT: Bearer {token}"),
            *("--generation-deterministic", "--max-examples", str(examples)),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(TESTS), "SCHEMATHESIS_HOOKS": "mock_schemathesis"},
        capture_output=True,
        check=False,
    )
    seconds = time.perf_counter() - begun
    told = served.control("GET", "requests")["requests"]
    return Hunt(done.returncode == 1, len(told), sum(not entry["check"] for entry in told), seconds)


def hunted(fault: Fault | None) -> tuple[Hunt, ...]:
    """Let the suite, and Schemathesis in each way, loose on the mock with a fault, or without."""
    words = ["--refundable", "5000", *(("--fault", fault.name) if fault else ())]
    peers = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for examples, left_out in PEERS.values():
            with mock(*words) as served:
                peers.append(by_schemathesis(served, folder, examples, left_out))
        with mock(*words) as served:
            ours = by_suite(served, fault or next(iter(catalogue().values())), folder)
    return ours, *peers


def row(name: str, hunts: Sequence[Hunt]) -> tuple[object, ...]:
    """Return the row of a tool."""
    caught = sum(hunt.caught for hunt in hunts)
    medians = [
        statistics.median(hunt.requests for hunt in hunts),
        statistics.median(hunt.orders for hunt in hunts),
    ]
    seconds = statistics.median(hunt.seconds for hunt in hunts)
    return name, f"{caught} of {len(hunts)}", *(f"{median:.0f}" for median in medians), f"{seconds:.1f}"


def main() -> None:
    """Measure, and write the section."""
    every, before = int(sys.argv[1]) if len(sys.argv) > 1 else 16, setting("schemathesis", "pytest", "hypothesis")
    faults = list(catalogue().values())[::every]
    clean = hunted(None)
    assert not any(hunt.caught for hunt in clean), "a mock without a fault is accused"
    hunts = [hunted(fault) for fault in faults]
    names = [SUITE, *PEERS]
    rows = [row(name, of_tool) for name, of_tool in zip(names, zip(*hunts, strict=True), strict=True)]
    missed = [fault.name for fault, (ours, *_) in zip(faults, hunts, strict=True) if not ours.caught]
    told = (
        f"Every {every}th fault of the catalogue ({len(faults)}), each in mocks of its own; medians of a run. The "
        f"suite must name the clause that the fault breaks, Schemathesis need only report anything. Its "
        f"examples are drawn from our OpenAPI document, for orders that nobody has used, and all "
        f"checks are made that a conformant mock passes: with 300 examples, all but negative_data_rejection. "
        f"That mock each saw first, and accused of nothing. The suite missed: "
        f"{', '.join(missed) or 'none'}. {before}"
    )
    head = ("tool", "faults caught", "requests", "orders used", "whole command, s")
    lines = ["## Detection beside Schemathesis", "", told, "", *table(head, rows)]
    write("detection", [*lines, "", "`python bench/detection.py` measures this again."])


if __name__ == "__main__":
    main()
