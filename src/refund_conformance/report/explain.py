"""Explain a clause: its promise and source, what checks it, what breaks it, and how it fared last."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from refund_conformance.cases import all_cases
from refund_conformance.cases.case import Case
from refund_conformance.contract import documents
from refund_conformance.contract.data_files import folder
from refund_conformance.contract.errors import RunError, UsageError
from refund_conformance.contract.model import Clause, Contract, Question
from refund_conformance.oracle.judge import describe
from refund_conformance.oracle.permitted import permitted
from refund_conformance.report import history, summary
from refund_conformance.report.escaping import plain
from refund_conformance.report.events import RECORDED

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
        yield from _list([(f"{clause.id}/{slug}", title) for slug, title in cases])
    if flows := list(_flows(clause)):
        yield f"  Checked by the tests {', '.join(flows)}"
    yield f"  Broken by {_count(faults, 'fault')} of the mock (`refund-conformance run --fault NAME` shows it):"
    yield from _list(faults)
    yield from (f"  {line}" for line in _last(clause, directory))


def explain_case(contract: Contract, case: Case, directory: Path) -> Iterator[str]:
    """Yield the lines that explain a case: what it checks, what is permitted, how it fared, what to do."""
    yield f"{case.id}"
    yield f"  {case.title}"
    promise = contract.clauses[case.clause].promise if case.clause in contract.clauses else ""
    yield f"  Checks {case.clause}: {promise}"
    yield f"  Permitted: {describe(permitted(contract, case.situation, {}))}"
    if case.rests:
        yield f"  It shows something only if these hold: {', '.join(case.rests)}"
    data = _latest(directory)
    named = [n for n, cause in enumerate((data or {}).get("causes", []), 1) if case.id in cause["cases"]]
    if data is not None:
        failed = f"it failed; cause {named[0]}: {data['causes'][named[0] - 1]['title']}" if named else "no failure"
        yield f"  Last run ({plain(data['started'], 40)}): {plain(failed, 400)}"
    yield f"  Send it again: refund-conformance replay {case.id}"


def explain_question(question: Question, directory: Path) -> Iterator[str]:
    """Yield the lines that explain an open question: what it asks, its answers, and this target's."""
    yield question.id
    yield f"  {question.asks}"
    yield f"  Lawful answers: {', '.join(question.permitted or question.order)}"
    data = _latest(directory)
    row = next((row for row in (data or {}).get("questions", ()) if row["id"] == question.id), None)
    if row is not None:
        yield f"  Last answer: {plain(row['observed'] or 'not observed', 200)}"
        if row["pinned"]:
            yield f"  Pinned to: {plain(row['pinned'], 200)}"
    yield f'  Pin it in the settings: [questions] {question.id} = "…"'


def explain_cause(number: int, directory: Path) -> Iterator[str]:
    """Yield the lines that explain a cause of the last report. Raises UsageError if it has no such cause."""
    data = _latest(directory) or {}
    causes = data.get("causes", [])
    if not 1 <= number <= len(causes):
        raise UsageError(f"cause {number}", f"is not in {directory}", f"Its report has {len(causes)} causes.")
    cause = causes[number - 1]
    yield f"cause {number}: {plain(cause['title'], 300)} (confidence {cause['confidence']:.0%})"
    yield f"  {plain(cause['explanation'], 1000)}"
    yield f"  Clauses: {', '.join(cause['clauses'])}"
    yield f"  Cases ({len(cause['cases'])}):"
    yield from (f"  - {plain(case, 200)}" for case in cause["cases"])
    if data["profile"] != RECORDED:
        yield f"  Send them again: refund-conformance replay --cause {number}"


def find(contract: Contract, name: str) -> Clause | Case | Question | None:
    """Return the case or question of a name, or None if it is to be looked for among the clauses.

    Raises UsageError for a name that begins nothing, with those that are near.
    """
    cases = all_cases(contract)
    if name in cases:
        return cases[name]
    if name in contract.questions:
        return contract.questions[name]
    if any(clause.startswith(name) for clause in contract.clauses):
        return None
    known = [*contract.clauses, *cases, *contract.questions]
    near = [one for one in known if one.startswith(name)][:5] or get_close_matches(name, known, 3, 0.5)
    hint = f"Do you mean {' or '.join(near)}?" if near else "`refund-conformance clauses` lists the clauses."
    raise UsageError(f"CLAUSE {name!r}", "is no clause, case or question", hint)


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
