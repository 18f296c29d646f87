"""conformance.json: the verdict of a run for machines, made from its events."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refund_conformance.contract import documents
from refund_conformance.contract.errors import RunError
from refund_conformance.contract.model import PRECEDENCE, Contract
from refund_conformance.report import causes
from refund_conformance.report.atomic_write import replace_file
from refund_conformance.report.attribution import Account, draw

FILE = "conformance.json"
FORMAT = 1

CONFORMANT, VIOLATED, INCOMPLETE = "conformant", "violated", "incomplete"
STATUS = {CONFORMANT: 0, VIOLATED: 1, INCOMPLETE: 3}
"""Exit status by verdict."""

INTERRUPTED = 130

REASON_LENGTH = 1000
"""Characters of a reason at most."""

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Summary:
    """A run's verdict with the account that it rests on; ``data`` is the content of conformance.json."""

    data: dict[str, Any]
    account: Account
    exit_status: int


def summarize(contract: Contract, events: Sequence[Event]) -> Summary:
    """Return the summary of a run's events. A run without its last event is incomplete, whatever it held."""
    start = next((event for event in events if event["event"] == "start"), {})
    end = next((event for event in events if event["event"] == "end"), None)
    account = draw(contract, events)
    reason = _incomplete(account, end)
    violated = end is not None and bool(account.with_result("violated"))
    verdict = VIOLATED if violated else INCOMPLETE if reason else CONFORMANT
    strict = bool(start.get("strict")) and bool(account.with_result("warned"))
    if verdict == CONFORMANT and strict:
        verdict = VIOLATED
    data = {
        "format": FORMAT,
        "verdict": verdict,
        "reason": bounded(reason),
        "profile": start.get("profile", ""),
        "seed": start.get("seed", 0),
        "strict": bool(start.get("strict")),
        "target": start.get("target", ""),
        "started": start.get("time", ""),
        "version": start.get("version", ""),
        "requests": sum(event["event"] == "exchange" for event in events),
        "orders": dict(Counter(event["group"] for event in events if event["event"] == "leased")),
        "seconds": round(end["seconds"], 3) if end else 0.0,
        "clauses": [
            {
                "id": item.clause.id,
                "level": str(item.clause.level),
                "result": item.result,
                "cases": item.cases,
                "violations": len(item.violations),
                "reason": bounded(item.reason),
            }
            for item in account.clauses
        ],
        "questions": _questions(contract, start, events),
        "causes": causes.find(contract, events, account),
        "unused_waivers": [waiver.as_event() for waiver in account.unused_waivers],
    }
    interrupted = end is not None and end.get("interrupted")
    return Summary(data, account, INTERRUPTED if interrupted else STATUS[verdict])


def bounded(text: str) -> str:
    """Return the beginning of a text, which may quote what the target said."""
    return text if len(text) <= REASON_LENGTH else text[:REASON_LENGTH] + "…"


def write(directory: Path, summary: Summary) -> None:
    """Write DIR/conformance.json, whole or not at all. Raises RunError if it breaks its own schema."""
    path = directory / FILE
    documents.check(summary.data, "conformance-report", str(path), RunError)
    text = json.dumps(summary.data, indent=2, ensure_ascii=True) + "\n"
    replace_file(path, text)


def _incomplete(account: Account, end: Event | None) -> str:
    if end is None:
        return "the run did not come to its end"
    if end.get("reason"):
        return str(end["reason"])
    if account.undecided:
        case = account.undecided[0]
        count = len(account.undecided)
        return f"{count} cases got no answer that says anything, {case['case']} first: {case['reason']}"
    if not any(item.result != "untested" for item in account.clauses):
        return "nothing was tested"
    return ""


def _questions(contract: Contract, start: Event, events: Sequence[Event]) -> list[dict[str, str | None]]:
    pins = start.get("pins", {})
    seen: dict[str, dict[str, None]] = defaultdict(dict)
    for event in events:
        if event["event"] == "observation":
            seen[event["question"]][event["answer"]] = None
    observed = {question: " or ".join(answers) for question, answers in seen.items()}
    observed[PRECEDENCE] = _precedence(contract, events)
    return [
        {"id": question, "pinned": pins.get(question), "observed": observed.get(question) or None}
        for question in contract.questions
    ]


def _precedence(contract: Contract, events: Sequence[Event]) -> str:
    """Return the parts in the order in which they answer, "varies" if there is none, "" if nothing is known."""
    before = {(e["first"], other) for e in events if e["event"] == "precedence" for other in e["before"]}
    if not before:
        return ""
    left = [part for part in contract.questions[PRECEDENCE].order if any(part in pair for pair in before)]
    ordered: list[str] = []
    while left:
        first = next((part for part in left if not any((other, part) in before for other in left)), None)
        if first is None:
            return "varies"
        ordered.append(first)
        left.remove(first)
    return ", ".join(ordered)
