"""Judge an answer to a request whose situation is not known for sure: what some possibility permits is right."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from refund_conformance.contract.model import Contract
from refund_conformance.oracle.error_body import Reading
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.judge import Question, judge
from refund_conformance.oracle.permitted import FIELD_ERROR, Permitted


@dataclass(frozen=True)
class Unsure:
    """The findings on one answer, and every permitted answer that it may be."""

    findings: tuple[Finding, ...]
    matched: frozenset[Permitted]


def judge_unsure(contract: Contract, question: Question, reading: Reading) -> Unsure:
    """Return what is wrong with an answer, whichever of the permitted ones was due.

    Where it may be several of them, only advice counts that each of them gives. A finding names the clause that is
    broken for sure, and none that only may be.
    """
    verdicts = [
        (answer, judge(contract, replace(question, permitted=frozenset({answer})), reading))
        for answer in question.permitted
        if reading.status in answer.statuses
    ]
    matching = [(answer, verdict.findings) for answer, verdict in verdicts if verdict.matched]
    if matching:
        return Unsure(_least([findings for _, findings in matching]), frozenset(answer for answer, _ in matching))
    findings = judge(contract, question, reading).findings
    clause = _general(contract, question, reading)
    by_clause = {sure.clause: sure for sure in (_sure(finding, question, clause) for finding in findings)}
    return Unsure(tuple(by_clause.values()), frozenset())


def _least(verdicts: Sequence[tuple[Finding, ...]]) -> tuple[Finding, ...]:
    """Return the findings that all verdicts have in common, by the clauses that they name."""
    common = frozenset.intersection(*(frozenset(finding.clause for finding in one) for one in verdicts))
    return tuple(finding for finding in min(verdicts, key=len) if finding.clause in common)


def _sure(finding: Finding, question: Question, clause: str) -> Finding:
    if finding.clause == question.clause and not question.blame:
        kind = Kind.SHAPE if clause == "errors.shape" else finding.kind
        finding = replace(finding, clause=clause, kind=kind)
    return replace(finding, also=())


def _general(contract: Contract, question: Question, reading: Reading) -> str:
    """Return the clause of an answer that is about no part of the request that there is."""
    if not reading.codes:
        return "errors.shape"
    told = contract.outcomes[FIELD_ERROR].errors
    return "fields.all-reported" if told in reading.codes else question.clause
