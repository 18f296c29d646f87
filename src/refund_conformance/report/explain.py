"""Explain a clause: its promise and source, what checks it, what breaks it, and how it fared last."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from refund_conformance.cases import all_cases
from refund_conformance.contract import documents
from refund_conformance.contract.data_files import folder
from refund_conformance.contract.errors import RunError
from refund_conformance.contract.model import Clause, Contract
from refund_conformance.report import history, summary
from refund_conformance.report.escaping import plain

Data = Mapping[str, Any]


def explain(
    contract: Contract, clause: Clause, faults: Sequence[tuple[str, str]], directory: Path
) -> Iterator[str]:
    """Yield the lines of an explanation.

    ``faults`` are name and story of each fault of the mock that breaks the clause; ``directory`` is where the last
    report is. Raises RunError for a report that is none.
    """
    yield f"{clause.id} ({clause.level})"
    yield f"  {clause.promise}"
    yield f"  Source: {clause.source}"
    cases = [(case.slug, case.title) for case in all_cases(contract).values() if case.clause == clause.id]
    if clause.every_answer:
        yield "  Judged on every answer of the run."
    if cases:
        yield f"  Checked by {_count(cases, 'case')}:"
        yield from _list(cases)
    if flows := list(_flows(clause)):
        yield f"  Checked by the tests {', '.join(flows)}"
    yield f"  Broken by {_count(faults, 'fault')} of the mock (`refund-conformance run --fault NAME` shows it):"
    yield from _list(faults)
    yield from (f"  {line}" for line in _last(clause, directory))


def _flows(clause: Clause) -> Iterator[str]:
    """Yield the tests of the suites that name a clause and take no listed case."""
    for path in sorted(folder("suites").glob("test_*.py")):
        for test in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(test, ast.FunctionDef) and not any(word.arg == "case" for word in test.args.args):
                marks = [mark for mark in test.decorator_list if isinstance(mark, ast.Call)]
                if any(isinstance(n, ast.Constant) and n.value == clause.id for m in marks for n in m.args):
                    yield f"suites/{path.name}::{test.name}"


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def _list(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield from (f"  - {name}: {text}" for name, text in rows)


def _last(clause: Clause, directory: Path) -> Iterator[str]:
    data = _latest(directory)
    if data is None:
        yield f"Last result: there is no report in {directory}"
        return
    row = next((row for row in data["clauses"] if row["id"] == clause.id), None)
    run = ", ".join(plain(data[key], 200) for key in ("started", "target", "profile"))
    if row is None:
        yield f"Last result: the run of {run} did not know this clause"
        return
    yield f"Last result: {row['result']} ({run})"
    if row["reason"]:
        yield f"  {plain(row['reason'], 500)}"
    strip = history.strips(history.before(directory, data), data)[clause.id]
    if len(strip) > 1:
        counts = Counter(strip)
        yield f"In {len(strip)} runs: {', '.join(f'{count} {name}' for name, count in counts.most_common())}"


def _latest(directory: Path) -> Data | None:
    """Return the conformance.json of a report, else the last one that its history keeps, or None."""
    kept = sorted(history.place(directory).glob("*.json"))
    path = next((path for path in (directory / summary.FILE, *kept[-1:]) if path.exists()), None)
    if path is None:
        return None
    data: Data = documents.read_json(path, RunError)
    documents.check(data, "conformance-report", str(path), RunError)
    return data
