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
from refund_conformance.report.attribution import Account, ClauseAccount, absent_shards, draw
from refund_conformance.report.waivers import fingerprint

FILE = "conformance.json"
FORMAT = 1

CONFORMANT, PARTIAL, VIOLATED, INCOMPLETE = "conformant", "partial", "violated", "incomplete"
STATUS = {CONFORMANT: 0, PARTIAL: 0, VIOLATED: 1, INCOMPLETE: 3}
"""Exit status by verdict."""

INTERRUPTED, TERMINATED = 130, 143

REASONS = 3
"""Different reasons that are named at most."""

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
    reason, partial = _incomplete(account, start, end), _partial(account, start)
    broken = [*account.with_result("violated"), *(account.with_result("warned") if start.get("strict") else ())]
    verdict = INCOMPLETE if reason else PARTIAL if partial else CONFORMANT
    if broken and end is not None and (account.with_result("violated") or not reason):
        verdict = VIOLATED
    data = {
        "format": FORMAT,
        "verdict": verdict,
        "reason": bounded(reason),
        "partial": bounded(partial),
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
                **_fingerprints(item),
            }
            for item in account.clauses
        ],
        "questions": _questions(contract, start, events),
        "causes": causes.find(contract, events, account),
        "unused_waivers": [waiver.as_event() for waiver in account.unused_waivers],
        "waiver_notes": account.waiver_notes,
    }
    return Summary(data, account, _cut_short(end) or STATUS[verdict])


def _cut_short(end: Event | None) -> int:
    """Return the exit status of a run that a signal ended; 0 for any other."""
    if end is None or not end.get("interrupted"):
        return 0
    return TERMINATED if end.get("terminated") else INTERRUPTED


def _fingerprints(item: ClauseAccount) -> dict[str, list[str]]:
    """Return what a waiver of the clause can be bound to: one for each failure that is not like another."""
    found = sorted({fingerprint(violation.clause, violation.finding) for violation in item.violations})
    return {"fingerprints": found} if found else {}


def bounded(text: str) -> str:
    """Return the beginning of a text, which may quote what the target said."""
    return text if len(text) <= REASON_LENGTH else text[:REASON_LENGTH] + "…"


def write(directory: Path, summary: Summary) -> None:
    """Write DIR/conformance.json, whole or not at all. Raises RunError if it breaks its own schema."""
    path = directory / FILE
    documents.check(summary.data, "conformance-report", str(path), RunError)
    text = json.dumps(summary.data, indent=2, ensure_ascii=True) + "\n"
    replace_file(path, text)


def _incomplete(account: Account, start: Event, end: Event | None) -> str:
    """Return why a run is incomplete, "" if it is not."""
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
    return _not_tested(account, start)


def _not_tested(account: Account, start: Event) -> str:
    """Return what was demanded, or provided for, and not tested; "" if there is nothing."""
    untested = account.with_result("untested")
    required = frozenset(start.get("required") or ())
    demanded = [row for row in untested if row.clause.id in required]
    left = [row for row in untested if not row.partial and row not in demanded]
    told = [_named("required clause", demanded)] if demanded else []
    if left:
        told.append(_named("clause", left))
    elif account.missing:
        case = account.missing[0]
        told.append(f"{len(account.missing)} cases were not tested, {case['case']} first: {case['reason']}")
    return "; ".join(told)


def _named(what: str, rows: Sequence[ClauseAccount]) -> str:
    first = f"{rows[0].clause.id}{' first' if len(rows) > 1 else ''}: {rows[0].reason}"
    return f"{len(rows)} {what}{'s are' if len(rows) > 1 else ' is'} untested, {first}"


def _partial(account: Account, start: Event) -> str:
    """Return what the settings do not provide, or was left out on purpose; "" if there is nothing."""
    absent = ", ".join(map(str, absent_shards(start)))
    told = [f"of {start['shards']['count']} shards, it is without {absent}"] if absent else []
    reasons = Counter(row.reason for row in account.with_result("untested") if row.partial)
    if reasons:
        named = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(REASONS))
        told.append(f"{reasons.total()} of {len(account.clauses)} clauses are untested: {named}")
    return "; ".join(told)


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
