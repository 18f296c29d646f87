"""Detection against budget: what the ci profile sees of the catalogue when it may send only so many requests.

`python bench/budget.py [EVERY]` runs it on every EVERY-th fault (8 unless told otherwise) with 25, 50, 100, 200
and 300 requests, as `target.max_requests` bounds them, and with the profile's own bounds, from which follows which
cases ever fail. The tables go into docs/performance.md.
"""

import os
import sys
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from section import setting, table, write

from refund_conformance.app.run_command import Choice, arguments
from refund_conformance.cases import all_cases
from refund_conformance.contract import model as contracts
from refund_conformance.mock.faults import catalogue
from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.report import events, summary

BUDGETS = (25, 50, 100, 200, 300)
OWN_BOUNDS = 400


@dataclass(frozen=True)
class Look:
    """What a run with so many requests named, and the cases that failed in it."""

    fault: str
    requests: int
    named: frozenset[str]
    failed: frozenset[str]


def look(fault: str, requests: int) -> Look:
    """Run the ci profile on the mock with a fault, in this process."""
    with running(MockSettings(faults=(fault,))) as served, TemporaryDirectory() as name:
        folder = Path(name)
        target = folder / "target.toml"
        bounded = served.target_toml().replace("[target]", f"[target]\nmax_requests = {requests}", 1)
        target.write_text(bounded, encoding="utf-8")
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            pytest.main(arguments(Choice(target=target, report=folder / "report")))
        kept = list(events.read(folder / "report"))
        made = summary.summarize(contracts.load(), kept)
    rows: list[Mapping[str, Any]] = made.data["clauses"]
    named = frozenset(row["id"] for row in rows if row["result"] in ("violated", "warned"))
    failed = (event["case"] for event in kept if event["event"] == "case" and event["findings"])
    return Look(fault, requests, named, frozenset(failed))


def telling(looks: list[Look]) -> list[tuple[str, int]]:
    """Return cases with the faults that each adds to those before it, the most telling first."""
    left = {each.fault: each.failed for each in looks if each.failed}
    found: list[tuple[str, int]] = []
    while left:
        counts = Counter(case for failed in left.values() for case in failed)
        case, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
        found.append((case, count))
        left = {fault: failed for fault, failed in left.items() if case not in failed}
    return found


def main() -> None:
    """Measure, and write the section."""
    every, before = int(sys.argv[1]) if len(sys.argv) > 1 else 8, setting("pytest", "hypothesis")
    faults = list(catalogue().values())[::every]
    asked = [(fault.name, budget) for fault in faults for budget in (*BUDGETS, OWN_BOUNDS)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        looks = list(pool.map(look, *zip(*asked, strict=True)))
    clauses = {fault.name: fault.clause for fault in faults}
    rows = []
    for budget in (*BUDGETS, OWN_BOUNDS):
        mine = [each for each in looks if each.requests == budget]
        named = sum(clauses[each.fault] in each.named for each in mine)
        rows.append(
            (budget, f"{sum(bool(each.named) for each in mine)} of {len(mine)}", f"{named} of {len(mine)}")
        )
    whole = [each for each in looks if each.requests == OWN_BOUNDS]
    ordered = telling(whole)
    listed = all_cases(contracts.load())
    idle = len(listed.keys() - {case for each in whole for case in each.failed})
    told = (
        f"The ci profile on every {every}th fault of the catalogue ({len(faults)}), with `target.max_requests` as "
        f"given; the last row has the profile's own bounds. {before}"
    )
    also = (
        f"{len(ordered)} cases are enough to see every one of these faults; the first are below, each with the "
        f"faults that it adds to those above it. {idle} of the {len(listed)} listed cases fail for none of them: "
        f"they are there for faults that this sample, or the catalogue, does not have."
    )
    lines = ["## Detection against budget", "", told, ""]
    lines += table(("requests", "faults seen", "broken clause named"), rows)
    lines += ["", also, "", *table(("case", "faults added"), ordered[:20])]
    write("budget", [*lines, "", "`python bench/budget.py` measures this again."])


if __name__ == "__main__":
    main()
