"""What became of a case: its outcome, the findings, and the exchanges that show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from refund_conformance.contract.untested import Because
from refund_conformance.oracle.finding import Finding, Kind


class Outcome(StrEnum):
    """What a case tells, from best to worst."""

    HELD = "held"
    SKIPPED = "skipped"  # not sent: its clause is violated already, and an acceptance would use up an order
    UNTESTED = "untested"  # not sent: something that it needs is not there
    WARNED = "warned"  # a should-clause does not hold
    UNDECIDED = "undecided"  # sent, but what came back says nothing about the contract
    VIOLATED = "violated"


@dataclass(frozen=True)
class Result:
    """The outcome of one case.

    ``because`` tells why it is untested. ``exchanges`` are the numbers of its exchanges in the record, ``failing``
    those of them that broke the contract, as far as that is known of each. ``answer`` tells what was answered:
    "success", "error", "bare" (an error status without an error body) or "". ``failed`` of ``tries`` sendings
    broke the contract.
    """

    case: str
    clause: str
    title: str
    outcome: Outcome
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    exchanges: tuple[int, ...] = ()
    answer: str = ""
    failed: int = 0
    tries: int = 0
    because: Because | None = None
    failing: tuple[int, ...] = ()

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "Result":
        """Return the result that ``as_event`` had written."""
        findings = tuple(
            Finding(row["clause"], Kind(row["kind"]), row["expected"], row["actual"], tuple(row["also"]))
            for row in event["findings"]
        )
        texts = {name: event[name] for name in ("case", "clause", "title", "reason", "answer", "failed", "tries")}
        outcome, numbers = Outcome(event["outcome"]), tuple(event["exchanges"])
        because = Because(event["because"]) if event.get("because") else None
        failing = tuple(event.get("failing", ()))
        return cls(
            outcome=outcome, findings=findings, exchanges=numbers, because=because, failing=failing, **texts
        )

    def as_event(self) -> dict[str, Any]:
        """Return the result as the event that the record keeps."""
        return {
            "event": "case",
            "case": self.case,
            "clause": self.clause,
            "title": self.title,
            "outcome": str(self.outcome),
            "reason": self.reason,
            "findings": [
                {
                    "clause": finding.clause,
                    "kind": str(finding.kind),
                    "expected": finding.expected,
                    "actual": finding.actual,
                    "also": list(finding.also),
                }
                for finding in self.findings
            ],
            "exchanges": list(self.exchanges),
            "answer": self.answer,
            "failed": self.failed,
            "tries": self.tries,
            **({"because": str(self.because)} if self.because else {}),
            **({"failing": list(self.failing)} if self.failing else {}),
        }


def outcome_of(findings: tuple[Finding, ...]) -> Outcome:
    """Return the outcome that findings make: advice warns, anything else violates."""
    if any(finding.kind is not Kind.ADVICE for finding in findings):
        return Outcome.VIOLATED
    return Outcome.WARNED if findings else Outcome.HELD
