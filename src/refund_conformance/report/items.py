"""The cases of a run as test items, for reports in the forms that other tools read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from refund_conformance.contract.model import Contract
from refund_conformance.report import events
from refund_conformance.report.escaping import plain
from refund_conformance.report.headings import happened
from refund_conformance.report.run_log import Traffic
from refund_conformance.report.summary import INCOMPLETE, Summary

LISTED = 500
"""Rows of cases on the page at most; failing ones first. The machine-readable reports hold all the others too."""

Event = Mapping[str, Any]
Outcome = Literal["passed", "failed", "skipped", "error", "xfailed"]

_OUTCOMES: Mapping[str, Outcome] = {
    "held": "passed",
    "skipped": "skipped",
    "untested": "skipped",
    "warned": "xfailed",
    "undecided": "error",
    "violated": "failed",
}


@dataclass(frozen=True)
class Item:
    """A case as a test tool is told of it.

    ``outcome`` "error" means that nothing was learnt, "xfailed" that what it speaks against is advice or waived.
    ``clauses`` are those that it speaks against. ``started`` is a Unix time. ``listed`` items have a row on the
    page; ``evidence`` is the anchor of what shows their failure there.
    """

    clause: str
    slug: str
    level: str
    title: str
    outcome: Outcome
    message: str
    clauses: tuple[str, ...]
    started: float
    seconds: float
    listed: bool = True
    waived: bool = False
    evidence: str = ""

    @property
    def id(self) -> str:
        """The node id: plain characters only, whatever the case is called."""
        return f"{slug(self.clause)}::{slug(self.slug)}"


def slug(text: str) -> str:
    """Return a text with plain characters only."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:150] or "case"


def items(contract: Contract, traffic: Traffic, summary: Summary) -> list[Item]:
    """Return the cases of a run as items, each once, and a failing one for a run that is incomplete.

    Drawn cases that held, of which there are thousands in a night, are one item for each clause.
    """
    strict = bool(summary.data["strict"])
    counted = {id(v.case) for row in summary.account.clauses if row.result != "waived" for v in row.violations}
    waived = {id(v.case) for row in summary.account.with_result("waived") for v in row.violations} - counted
    shown = {
        id(v.case): f"failure-{row.clause.id}"
        for row in summary.account.clauses
        if row.result in ("violated", "warned", "waived")
        for v in row.violations
    }
    found: dict[str, Item] = {}
    drawn: dict[str, list[Event]] = {}
    for case in traffic.cases:
        if case.get("drawn"):
            drawn.setdefault(events.exploration(case["case"]), []).append(case)
            continue
        item = replace(_item(contract, traffic, case, strict), evidence=shown.get(id(case), ""))
        if id(case) in waived:
            item = replace(item, outcome="xfailed", waived=True)
        if item.id not in found or item.outcome in ("failed", "error"):
            found[item.id] = item
    together = [_together(contract, traffic, name, cases) for name, cases in drawn.items()]
    everything = [*_incomplete(summary), *found.values(), *together]
    order: tuple[Outcome, ...] = ("failed", "error", "xfailed", "skipped", "passed")
    ranked = sorted(everything, key=lambda item: order.index(item.outcome))
    hidden = {item.id for item in ranked[LISTED:]}
    return [replace(item, listed=item.id not in hidden) for item in everything]


def _item(contract: Contract, traffic: Traffic, case: Event, strict: bool) -> Item:
    clause, _, name = case["case"].partition("/")
    beats = [traffic.beats[place] for place in traffic.beats.places(case["exchanges"])]
    known = contract.clauses.get(case["clause"])
    outcome = _OUTCOMES[case["outcome"]]
    return Item(
        clause=plain(case["clause"], 100),
        slug=name or clause,
        level=str(known.level) if known else "",
        title=plain(happened(case), 500),
        outcome="failed" if strict and outcome == "xfailed" else outcome,
        message="\n".join(_messages(case)) or plain(case["reason"], 1000),
        clauses=tuple(dict.fromkeys(finding["clause"] for finding in case["findings"])),
        started=beats[0].started if beats else 0.0,
        seconds=sum(beat.seconds for beat in beats),
    )


def _together(contract: Contract, traffic: Traffic, name: str, cases: Sequence[Event]) -> Item:
    """Return the one item of drawn or recorded cases that held."""
    numbers = [number for case in cases for number in case["exchanges"]]
    item = _item(contract, traffic, {**cases[0], "case": name, "exchanges": numbers}, strict=False)
    made = events.RECORDED if name.endswith(events.RECORDED) else "drawn"
    return replace(item, title=f"{sum(case['drawn'] for case in cases)} {made} cases, such as: {item.title}")


def _messages(case: Event) -> Iterator[str]:
    for finding in case["findings"]:
        yield plain(f"{finding['clause']}: expected {finding['expected']}; got {finding['actual']}", 2000)
    if case["findings"] and 0 < case["failed"] < case["tries"]:
        yield f"in {case['failed']} of {case['tries']} tries"


def _incomplete(summary: Summary) -> Iterator[Item]:
    data = summary.data
    if data["verdict"] == INCOMPLETE or data["reason"]:
        started = datetime.fromisoformat(data["started"]).timestamp() if data["started"] else 0.0
        title = "The run comes to its end, and tests something."
        yield Item("run", "complete", "must", title, "error", data["reason"], (), started, 0.0)
