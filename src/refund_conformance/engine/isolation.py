"""Requests that are under way at once, of two callers, with valid and invalid bodies: none gets another's answer.

Each is one that is refused when it is alone, so that no order is used up; only a mixture is accepted.
"""

from dataclasses import dataclass, replace

from refund_conformance.cases import all_cases
from refund_conformance.cases.case import Case, missing_case
from refund_conformance.cases.orders import second_case
from refund_conformance.contract.model import Contract
from refund_conformance.engine.partitions import SHARED_ORDERS
from refund_conformance.engine.runner import Runner
from refund_conformance.engine.sending import Sent
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.result import Outcome, Result, outcome_of
from refund_conformance.sut.order_pool import SharedOrder

CLAUSE = "server.isolation"

ROUNDS = 2
"""How often requests are sent at once: which of them is the first, or the last, changes from round to round."""

ALONE = 2
"""How often a request with a wrong answer is sent alone: some are answered otherwise when they are repeated."""

AT_LEAST = 2
"""Requests that are mixed up with each other."""

OTHER_CALLER = "order.foreign/other-merchant-token"
WRONG_ASPECT = "type"
"""The aspect of each field for which an invalid body is sent."""

SHARED = SHARED_ORDERS["field"]
"""The shared order of those that have nothing wrong with their order."""


@dataclass(frozen=True)
class _Member:
    """One request of a round."""

    case: Case
    order: str
    sent: Sent


def requests(contract: Contract) -> int:
    """Return how many requests the check takes."""
    return ROUNDS * (len(contract.fields) + 2)


def about(runner: Runner) -> Case:
    """Return what the check is about: the case that its result stands for."""
    title = "Requests under way at once, of several callers and with several bodies, get their own answers."
    return replace(missing_case(runner.executor.contract), id=f"{CLAUSE}/at-once", title=title)


def isolation(runner: Runner) -> Result:
    """Send rounds of requests at once until one gets an answer that it does not get when it is alone.

    Raises NoOrderError if there is no order for them.
    """
    case = about(runner)
    numbers: list[int] = []
    told = 0
    findings: tuple[Finding, ...] = ()
    for number in range(ROUNDS):
        shared_order = runner.orders.share(SHARED)
        asked = _asked(runner, shared_order)
        if len(asked) < AT_LEAST:
            reason = "requests of these kinds are answered wrongly even when they are alone"
            return Result(case.id, case.clause, case.title, Outcome.SKIPPED, reason)
        asked = asked[number % len(asked) :] + asked[: number % len(asked)]
        sendings = runner.executor.send_together(asked)
        members = [_Member(*pair, sent) for pair, sent in zip(asked, sendings, strict=True)]
        numbers += [sent.number for sent in sendings]
        for member in members:
            if member.order == shared_order.order:
                runner.note(member.case, SHARED, shared_order, member.sent)
        told += all(sent.decided and sent.reading for sent in sendings)
        findings = _of_round(runner, members)
        if findings:
            break
    result = Result(case.id, case.clause, case.title, outcome_of(findings), findings=findings, answer="error")
    result = replace(result, exchanges=tuple(numbers), failed=len(findings), tries=1)
    if findings or told:
        return result
    return replace(result, outcome=Outcome.UNDECIDED, reason="no round got answers to all of its requests")


def _asked(runner: Runner, shared_order: SharedOrder) -> list[tuple[Case, str]]:
    """Return the requests of a round, each with its order; where there is no other merchant, a stranger calls."""
    executor, cases = runner.executor, all_cases(runner.executor.contract)
    invalid = [
        next(case for case in cases.values() if _is_plainly_invalid(case, name))
        for name in executor.contract.fields
    ]
    other = cases[OTHER_CALLER]
    if not executor.has_credential(other) or executor.is_over(other):
        other = missing_case(executor.contract)
    asked = [(case, shared_order.order) for case in (invalid[0], other, *invalid[1:])]
    if runner.orders.accepted:
        valid = second_case(executor.contract)
        asked.insert(1, (valid, runner.orders.accepted_order(valid.id)))
    return [(case, order) for case, order in asked if case.clause not in executor.violated]


def _is_plainly_invalid(case: Case, name: str) -> bool:
    """Whether nothing about a case is wrong or in question but the type of one field."""
    situation = case.situation
    alone = situation.invalid == frozenset({name}) and not situation.questions
    return alone and case.clause == f"{name}.{WRONG_ASPECT}"


def _of_round(runner: Runner, members: list[_Member]) -> tuple[Finding, ...]:
    """Return what a round shows: an answer that is not the request's own, though the request gets that alone."""
    wrong = [member for member in members if member.sent.decided and member.sent.wrong]
    findings = [finding for member in wrong for finding in _of_member(runner, member, members)]
    return tuple(dict.fromkeys(findings))


def _of_member(runner: Runner, member: _Member, members: list[_Member]) -> list[Finding]:
    """Send a request that got a wrong answer again, alone: if that is wrong too, its own clause is broken."""
    main = next(finding for finding in member.sent.findings if finding.kind is not Kind.ADVICE)
    if main.kind is Kind.SILENCE:
        return []
    shared = member.case.group == "refundable"
    shared_order = runner.orders.share(SHARED) if shared else None
    order = shared_order.order if shared_order else member.order
    for _ in range(ALONE):
        alone = runner.executor.send(member.case, order)
        if shared_order:
            runner.note(member.case, SHARED, shared_order, alone)
        if not alone.decided or alone.wrong:
            break
    if not alone.decided or alone.wrong:
        companion = replace(member.case, id=f"{member.case.id}-after-others")
        runner.executor.keep(runner.confirmation.conclude(companion, order, alone))
        return []
    if main.kind is Kind.CRASH:
        return [replace(main, also=())]
    if not _is_of_others(runner, member, members):
        actual = f"{main.actual} beside others, {main.expected} alone"
        return [Finding("server.steady", Kind.UNSTEADY, "the same answer each time", actual)]
    expected = f"{main.expected}, as when it is alone ({member.case.id})"
    others = ", ".join(other.case.id for other in members if other is not member)
    return [Finding(CLAUSE, Kind.OTHER_ERROR, expected, f"{main.actual}, while {others} were under way")]


def _is_of_others(runner: Runner, member: _Member, members: list[_Member]) -> bool:
    """Whether an answer is made of what requests of the round may be told, or tells of an acceptance."""
    permitted = [a for each in members for a in runner.executor.permitted(each.case.situation)]
    codes = {code for answer in permitted for code in (answer.errors, *answer.should)}
    return member.sent.accepted or (bool(member.sent.codes) and codes.issuperset(member.sent.codes))
