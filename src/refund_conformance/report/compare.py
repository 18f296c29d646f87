"""Compare two runs by their conformance.json: what became worse, what better, and whether that is a failure."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from refund_conformance.contract import documents
from refund_conformance.contract.errors import RunError
from refund_conformance.report import history, summary
from refund_conformance.report.escaping import plain
from refund_conformance.report.history import Changes

Data = Mapping[str, Any]


def compare(old: Path, new: Path) -> tuple[str, int]:
    """Return what changed from run OLD to run NEW, and the exit status.

    Each is a report directory or a conformance.json. The status is 1 if a clause became violated (or warned, where
    NEW is strict), else 3 if NEW is incomplete, else 0. Raises RunError for a file that is no conformance.json.
    """
    before, after = _read(old), _read(new)
    changes = history.changes(before["started"], history.results(before), history.results(after))
    lines = [_told("OLD", before), _told("NEW", after)]
    if (before["target"], before["profile"]) != (after["target"], after["profile"]):
        lines.append("     Mind: the two are not of the same target and profile.")
    lines += ["", *_sections(changes, before, after)]
    regressions = [clause for clause in changes.new if _counts(clause, after)]
    count = len(regressions)
    lines.append(f"{count or 'No'} regression{'' if count == 1 else 's'}.")
    if after["verdict"] == summary.INCOMPLETE:
        lines.append(f"NEW is incomplete: {plain(after['reason'])}")
    status = summary.STATUS[summary.VIOLATED] if regressions else 0
    if not regressions and after["verdict"] == summary.INCOMPLETE:
        status = summary.STATUS[summary.INCOMPLETE]
    return "\n".join(lines) + "\n", status


def _sections(changes: Changes, before: Data, after: Data) -> Iterator[str]:
    old, new = history.results(before), history.results(after)
    reasons = {row["id"]: row["reason"] for row in after["clauses"]}
    titles = {"new": "New", "fixed": "Fixed", "still": "Still failing", "lost": "No longer tested"}
    for key, title in titles.items():
        clauses: tuple[str, ...] = getattr(changes, key)
        if not clauses:
            continue
        yield f"{title}:"
        for clause in clauses:
            change = f"was {old.get(clause, 'unknown')}, is {new.get(clause, 'unknown')}"
            reason = plain(reasons.get(clause, ""), 300)
            yield f"  {clause:<28} {change}{'; ' + reason if reason else ''}"
        yield ""


def _counts(clause: str, after: Data) -> bool:
    return bool(after["strict"]) or history.results(after)[clause] == "violated"


def _told(name: str, data: Data) -> str:
    facts = [data["verdict"], data["started"], data["target"], data["profile"], f"seed {data['seed']}"]
    return f"{name}  {', '.join(plain(fact, 200) for fact in facts)}"


def _read(path: Path) -> Data:
    file = path / summary.FILE if path.is_dir() else path
    data = documents.read_json(file, RunError)
    documents.check(data, "conformance-report", str(file), RunError)
    known: Data = data
    return known
