"""Simultaneous requests: of those for one order exactly one is accepted, and other orders are not disturbed."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType

from refund_conformance.cases import incomplete_case
from refund_conformance.cases.case import Case, plain_case
from refund_conformance.cases.orders import other_draft
from refund_conformance.contract.untested import Because
from refund_conformance.engine.bisection import SETTLING
from refund_conformance.engine.executor import Dispatch, Sent
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.result import Outcome, Result, outcome_of

SIMULTANEOUS = 8

GATEWAY_ROUNDS = 2
"""How often a round is run again in which a gateway answered for the target."""


_OF_THE_RACE = frozenset({Kind.ACCEPTED, Kind.OTHER_ERROR, Kind.CRASH})
"""What a refused request beside may suffer from others. The form of its error is that error's own matter."""


def race(dispatch: Dispatch, rounds: int) -> list[Result]:
    """Run rounds on one order each, then one on two orders at once with refused requests beside."""
    results = [_settled(_one_order, dispatch, number) for number in range(1, rounds + 1)]
    return [*results, _settled(_two_orders, dispatch, 0)]


def _settled(once: Callable[[Dispatch, int, bool], Result], dispatch: Dispatch, number: int) -> Result:
    """Run a round; again if a gateway answered, if an odd answer may be a passing one, or on unfit orders."""
    result = once(dispatch, number, False)
    for attempt in range(GATEWAY_ROUNDS):
        if result.outcome is Outcome.UNDECIDED:
            result = once(dispatch, number, attempt == GATEWAY_ROUNDS - 1)
    if _is_odd(result):
        again = once(dispatch, number, False)
        lost = any(finding.kind is Kind.SILENCE for finding in result.findings)  # as in a network
        return again if lost or again.outcome is Outcome.VIOLATED else _unsteady(result, again)
    if result.outcome is Outcome.UNTESTED:
        result = once(dispatch, number, False)
    return _refused_together(dispatch, result) if result.outcome is Outcome.UNTESTED else result


def _refused_together(dispatch: Dispatch, result: Result) -> Result:
    """Return the result of two rounds with an order each for which nothing was accepted, at once or afterwards.

    If a single request for another order is accepted, it was the requests at once that made those unfit, unless
    the run has met orders that somebody had used before.
    """
    if dispatch.orders.used_before:
        return result
    order = dispatch.orders.lease()
    if not _is_accepted(dispatch, order):
        return result
    clause, _, _ = result.case.partition("/")
    actual = "none was accepted for an order, in two rounds on orders of their own; one alone on another order was"
    finding = Finding(clause, Kind.REFUSED, "exactly one is accepted", actual)
    return replace(result, outcome=Outcome.VIOLATED, reason="", because=None, findings=(finding,), failed=1)


def _is_odd(result: Result) -> bool:
    """Whether a round failed, though one request was accepted for each order."""
    accounts = (Kind.ACCEPTED, Kind.REFUSED)
    return result.outcome is Outcome.VIOLATED and not any(f.kind in accounts for f in result.findings)


def _unsteady(result: Result, again: Result) -> Result:
    """Return the result of a round with an odd answer that did not come again."""
    odd = result.findings[0]
    actual = f"{odd.actual} in one of two rounds"
    finding = Finding("server.steady", Kind.UNSTEADY, "the same answer each time", actual)
    crashes = tuple(replace(found, also=()) for found in result.findings if found.kind is Kind.CRASH)
    numbers = result.exchanges + again.exchanges
    return replace(result, findings=(finding, *crashes), exchanges=numbers, failed=1, tries=2)


def _is_accepted(dispatch: Dispatch, order: str) -> bool:
    """Whether the plain request, all alone, is accepted for an order: at once, or when all has come to rest."""
    for pause in (0.0, SETTLING):
        time.sleep(pause)
        if dispatch.send(plain_case(dispatch.contract), order).accepted:
            dispatch.orders.spent.append(order)
            return True
    return False


def _one_order(dispatch: Dispatch, number: int, last: bool) -> Result:
    order = dispatch.orders.lease()
    case = _case(
        dispatch, f"order.race/one-order-{number}", f"Of {SIMULTANEOUS} requests at once one is accepted."
    )
    other = replace(case, draft=other_draft(dispatch.contract))
    sent = _together(dispatch, [(case, order), (other, order)] * (SIMULTANEOUS // 2))
    return _judged(dispatch, case, {order: sent}, last=last)


def _two_orders(dispatch: Dispatch, number: int, last: bool) -> Result:
    first, second = dispatch.orders.lease(), dispatch.orders.lease()
    case = _case(dispatch, "order.race/two-orders", "Requests at once on two orders: one is accepted on each.")
    beside = replace(incomplete_case(dispatch.contract), id=case.id)
    half = SIMULTANEOUS // 2 - 1
    asked = [(case, first), (case, second)] * (half - 1) + [(beside, first), (beside, second)]
    sent = _together(dispatch, asked)
    by_order = {
        order: [s for s, (c, o) in zip(sent, asked, strict=True) if o == order and c is case]
        for order in (first, second)
    }
    others = {
        order: _beside(dispatch, beside, s) for s, (c, order) in zip(sent, asked, strict=True) if c is beside
    }
    return _judged(dispatch, case, by_order, others, last=last)


def _beside(dispatch: Dispatch, case: Case, sent: Sent) -> Sent:
    """Judge a request that must be refused anyway: as one before the accepted one, or else as one after it.

    Refused for its own fault it may have come first, so that tells nothing of what the target looks at first.
    Accepted, its own fault was overlooked.
    """
    if not sent.wrong or sent.accepted:
        return sent
    situation = case.situation.with_part("order", "refund-open")
    blame = (("order", case.clause), *case.blame)
    return dispatch.judged(replace(case, situation=situation, blame=blame), sent.exchange)


def _case(dispatch: Dispatch, id_: str, title: str) -> Case:
    return replace(plain_case(dispatch.contract), id=id_, title=title)


def _together(dispatch: Dispatch, asked: Sequence[tuple[Case, str]]) -> list[Sent]:
    """Send each case from a connection of its own, released together."""
    barrier = threading.Barrier(len(asked))

    def send(case: Case, order: str) -> Sent:
        with dispatch.client.fresh_wire() as wire:
            barrier.wait(timeout=30)
            return dispatch.send(case, order, wire)

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(lambda pair: send(*pair), asked))


def _judged(
    dispatch: Dispatch,
    case: Case,
    by_order: Mapping[str, Sequence[Sent]],
    beside: Mapping[str, Sent] = MappingProxyType({}),
    *,
    last: bool,
) -> Result:
    """Judge a round; in the ``last`` one, a request without an answer is no longer put down to the network."""
    everything = [*beside.values(), *(sent for sendings in by_order.values() for sent in sendings)]
    numbers = tuple(sorted(sent.number for sent in everything))
    if not all(sent.decided and sent.reading for sent in everything):
        silences = tuple(dict.fromkeys(f for sent in everything if sent.reading is None for f in sent.findings))
        result = Result(case.id, case.clause, case.title, Outcome.UNDECIDED, exchanges=numbers, tries=1)
        if last and silences:
            return replace(result, outcome=Outcome.VIOLATED, findings=silences, failed=1)
        return replace(result, reason="some of the requests got no answer that says anything")
    findings: list[Finding] = []
    unfit: list[str] = []
    for order, sendings in by_order.items():
        accepted = sum(sent.accepted for sent in sendings) + (order in beside and beside[order].accepted)
        if accepted:
            dispatch.orders.spent.append(order)
        elif not _is_accepted(dispatch, order):
            unfit.append(order)
            losers = [finding for sent in sendings for finding in _loser(dispatch, case, sent)]
            findings += [finding for finding in losers if finding.kind is Kind.CRASH]
            continue
        if order in beside:
            findings += [f for f in beside[order].findings if f.kind in _OF_THE_RACE]
        if accepted != 1:
            kind = Kind.ACCEPTED if accepted else Kind.REFUSED
            actual = f"{accepted} of {len(sendings) + (order in beside)} were accepted"
            findings.append(Finding(case.clause, kind, "exactly one is accepted", actual))
        findings += [f for sent in sendings if not sent.accepted for f in _loser(dispatch, case, sent)]
        findings += _afterwards(dispatch, case, order) if accepted == 1 else []
    if unfit and not findings:
        reason = f"order {unfit[0]} was not refundable from the start"
        result = Result(case.id, case.clause, case.title, Outcome.UNTESTED, reason, exchanges=numbers, tries=1)
        return replace(result, because=Because.SUPPLY)
    unique = tuple(dict.fromkeys(findings))
    return Result(
        case.id,
        case.clause,
        case.title,
        outcome_of(unique),
        findings=unique,
        exchanges=numbers,
        answer="error",
        failed=len(unique),
        tries=1,
    )


def _afterwards(dispatch: Dispatch, case: Case, order: str) -> list[Finding]:
    """Send one more request, alone: whichever was accepted before must stand in its way."""
    late = replace(
        case, situation=case.situation.with_part("order", "refund-open"), blame=(("order", case.clause),)
    )
    return [finding for finding in dispatch.send(late, order).findings if finding.kind is not Kind.ADVICE]


def _loser(dispatch: Dispatch, case: Case, sent: Sent) -> list[Finding]:
    """Judge a request that came second: the state's code is what it must get."""
    late = replace(
        case, situation=case.situation.with_part("order", "refund-open"), blame=(("order", case.clause),)
    )
    return [
        finding for finding in dispatch.judged(late, sent.exchange).findings if finding.kind is not Kind.ADVICE
    ]
