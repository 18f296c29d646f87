"""Measure how well causes are found: run each fault of the catalogue, leave its own signature out, count causes.

Takes about 15 minutes: ``python bench/causes.py [NAME]...``; a NAME chooses the faults that begin with it.
"""

import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from refund_conformance.app.run_command import Choice, arguments
from refund_conformance.contract import model
from refund_conformance.mock.faults import catalogue
from refund_conformance.report import attribution, causes, run_log

TRIALS = 40
"""Runs that one process makes: what pytest keeps of each would slow the others down."""


def _causes(name: str) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a fault's name, and its causes without its own signature and with it."""
    contract = model.load()
    with TemporaryDirectory() as folder:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            pytest.main(arguments(Choice(report=Path(folder), faults=(name,))))
        events = run_log.read(Path(folder)).events
    account = attribution.draw(contract, events)
    return name, causes.find(contract, events, account, name), causes.find(contract, events, account)


def _all(names: list[str]) -> Iterable[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]]:
    for begin in range(0, len(names), TRIALS):
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:
            yield from pool.map(_causes, names[begin : begin + TRIALS])


def main() -> None:
    """Print each fault's causes, and the shares."""
    faults: Mapping[str, Any] = catalogue()
    begins = tuple(sys.argv[1:]) or ("",)
    counts: dict[str, int] = {"faults": 0, "one cause": 0, "right clause first": 0, "one cause, known": 0}
    for name, unknown, known in _all([name for name in faults if name.startswith(begins)]):
        if not known:
            continue  # it breaks advice alone
        counts["faults"] += 1
        counts["one cause"] += len(unknown) == 1
        counts["one cause, known"] += len(known) == 1
        counts["right clause first"] += faults[name].clause in unknown[0]["clauses"]
        titles = "; ".join(cause["title"] for cause in unknown)
        print(f"{name}: {len(unknown)}: {titles}", flush=True)
    print(", ".join(f"{key}: {count}" for key, count in counts.items()))


if __name__ == "__main__":
    main()
