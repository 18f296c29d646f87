"""Simultaneous requests: of those for one order exactly one is accepted, and other orders are not disturbed."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType

from refund_conformance.cases import all_cases, incomplete_case
from refund_conformance.cases.case import Case, plain_case
from refund_conformance.cases.orders import AGAIN_REFUNDABLE, other_draft
from refund_conformance.cases.valid import joined_cases
from refund_conformance.contract.model import Contract
from refund_conformance.contract.untested import Because
from refund_conformance.engine.bisection import SETTLING
from refund_conformance.engine.executor import Executor
from refund_conformance.engine.sending import Sent
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.result import Outcome, Result, outcome_of
from refund_conformance.sut.order_pool import NoOrderError
from refund_conformance.transport.retry import was_not_taken

CLAUSE = "order.race"

ONE = "exactly one is accepted"

SIMULTANEOUS = 3
"""Requests of a round on one order. Whatever comes after the first two or three finds what these have written, so
many rounds of few requests are won twice more often than few rounds of many."""

TWO_ORDERS = f"{CLAUSE}/two-orders"
"""The last round. An order that it leaves refused for good is rather a matter of the other's acceptance."""

ORDERS_AT_ONCE = 2
"""Orders of the last round, for which requests are sent at once."""

ON_EACH_OF_TWO = 2
"""Valid requests for each order of the round on two; one that must be refused anyway goes beside them."""

GATEWAY_ROUNDS = 2
"""How often a round is run again in which a gateway answered for the target."""


_OF_THE_RACE = frozenset({Kind.ACCEPTED, Kind.OTHER_ERROR, Kind.CRASH})
"""What a refused request beside may suffer from others. The form of its error is that error's own matter."""


def race(executor: Executor, rounds: int) -> list[Result]:
    """Run rounds on one order each, then one on two orders at once; a round that is lost is the last."""
    results: list[Result] = []
    for number in range(1, rounds + 1):
        results.append(_settled(_one_order, executor, number))
        if results[-1].outcome is Outcome.VIOLATED:
            return results
    return [*results, _settled(_two_orders, executor, 0)]


def raced_cases(contract: Contract, chosen: Collection[str]) -> frozenset[str]:
    """Return the ids of cases that are sent several times at once, where they are to be accepted anyway.

    So each is a round of the race that takes no order of its own; the requests that came second replace the one
    that would follow. ``chosen`` are the clauses of the run.
    """
    if CLAUSE not in chosen:
        return frozenset()
    joined = (joined.case.id for joined in joined_cases(contract, chosen))
    ended = (case for case in all_cases(contract).values() if case.group == AGAIN_REFUNDABLE)
    return frozenset((*joined, *(case.id for case in ended if case.clause in chosen)))


def own_rounds(rounds: int, raced: Collection[str]) -> int:
    """Return how many of a race's rounds have an order of their own, where so many cases are raced anyway."""
    return max(0, rounds - len(raced))


def price(rounds: int) -> tuple[int, int]:
    """Return the requests and orders that a race takes with so many rounds on an order of their own."""
    return rounds * (SIMULTANEOUS + 1) + 2 * (ON_EACH_OF_TWO + 2), rounds + 2


@dataclass(frozen=True)
class Acceptance:
    """What came of a request that was sent several times at once, to be accepted.

    ``sent`` is the sending that counts for the case, ``second`` one that came after the acceptance, ``result``
    that of the race; the latter two are None if there is none that says anything.
    """

    sent: Sent
    second: Sent | None = None
    result: Result | None = None


def accept_one(executor: Executor, case: Case, order: str) -> Acceptance:
    """Send several times at once a request that is to be accepted. Raises NoOrderError as ``Executor.send``."""
    sendings = executor.send_together([(case, order)] * SIMULTANEOUS)
    about = replace(case, id=f"{CLAUSE}/{case.clause.replace('.', '-')}-{case.slug}", blame=())
    about = replace(about, title=f"Sent {SIMULTANEOUS} times at once, one is accepted. {case.title}")
    winners = [sent for sent in sendings if sent.decided and sent.accepted]
    if not winners:
        return _none_accepted(executor, about, case, order, sendings)
    if len(winners) > 1:
        late = executor.send(_late(about), order)
        stands = late.decided and late.reading is not None and not late.accepted
        return Acceptance(winners[0], late, _counted(about, len(winners), sendings) if stands else None)
    losers = [sent for sent in sendings if sent not in winners]
    if not all(sent.decided and sent.reading for sent in losers):
        return Acceptance(winners[0])
    findings = tuple(dict.fromkeys(finding for sent in losers for finding in _loser(executor, about, sent)))
    if not findings:
        return Acceptance(winners[0], losers[0], _result(about, sendings))
    result = _result(about, sendings, findings)
    with suppress(NoOrderError):
        result = _compared(result, _one_order(executor, 0, False))
    return Acceptance(winners[0], None, result)


def _none_accepted(
    executor: Executor, about: Case, case: Case, order: str, sendings: Sequence[Sent]
) -> Acceptance:
    """Send the request alone, unless one of those at once may have been accepted without an answer."""
    silent = [sent for sent in sendings if not sent.decided or sent.reading is None]
    lost = [sent for sent in silent if not was_not_taken(sent.exchange)]
    if lost:
        return Acceptance(lost[0])
    alone = executor.send(case, order)
    answered = alone.decided and all(sent.decided for sent in sendings)
    return Acceptance(alone, None, _counted(about, 0, sendings) if answered and alone.accepted else None)


def _counted(case: Case, accepted: int, sendings: Sequence[Sent]) -> Result:
    """Return the result of a round in which none, or more than one, was accepted."""
    kind = Kind.ACCEPTED if accepted else Kind.REFUSED
    actual = f"{accepted} of {len(sendings)} were accepted"
    return _result(case, sendings, (Finding(case.clause, kind, ONE, actual),))


def _result(case: Case, sendings: Sequence[Sent], findings: tuple[Finding, ...] = ()) -> Result:
    numbers = tuple(sorted(sent.number for sent in sendings))
    result = Result(case.id, case.clause, case.title, outcome_of(findings), findings=findings, exchanges=numbers)
    return replace(result, answer="error", failed=len(findings), tries=1)


def _settled(once: Callable[[Executor, int, bool], Result], executor: Executor, number: int) -> Result:
    """Run a round; again if a gateway answered, if an odd answer may be a passing one, or on unfit orders."""
    result = once(executor, number, False)
    for attempt in range(GATEWAY_ROUNDS):
        if result.outcome is Outcome.UNDECIDED:
            result = once(executor, number, attempt == GATEWAY_ROUNDS - 1)
    if _is_odd(result):
        return _compared(result, once(executor, number, False))
    if result.outcome is Outcome.UNTESTED:
        result = once(executor, number, False)
    return _refused_together(executor, result) if result.outcome is Outcome.UNTESTED else result


def _refused_together(executor: Executor, result: Result) -> Result:
    """Return the result of two rounds with an order each for which nothing was accepted, at once or afterwards.

    If a single request for another order is accepted, it was the requests at once that made those unfit, unless
    the run has met orders that somebody had used before.
    """
    if not executor.orders.fresh:
        return result
    order = executor.orders.lease()
    if not _is_accepted(executor, order):
        return result
    actual = "none was accepted for an order, in two rounds on orders of their own; one alone on another order was"
    finding = Finding("order.lifecycle" if result.case == TWO_ORDERS else CLAUSE, Kind.REFUSED, ONE, actual)
    return replace(result, outcome=Outcome.VIOLATED, reason="", because=None, findings=(finding,), failed=1)


def _compared(result: Result, again: Result) -> Result:
    """Return the result of a round with an odd answer, and of another one."""
    lost = any(finding.kind is Kind.SILENCE for finding in result.findings)  # as in a network
    return again if lost or again.outcome is Outcome.VIOLATED else _unsteady(result, again)


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


def _is_accepted(executor: Executor, order: str) -> bool:
    """Whether the plain request, all alone, is accepted for an order: at once, or when all has come to rest."""
    for pause in (0.0, SETTLING):
        time.sleep(pause)
        sent = executor.send(plain_case(executor.contract), order)
        if sent.decided and sent.accepted:
            executor.orders.mark_accepted(order)
            return True
    return False


def _one_order(executor: Executor, number: int, last: bool) -> Result:
    """Run a round on one order: with two bodies in turn if its number is odd, else with one."""
    order = executor.orders.lease()
    title = f"Of {SIMULTANEOUS} requests at once one is accepted."
    case = _case(executor, f"{CLAUSE}/one-order-{number}", title)
    other = replace(case, draft=other_draft(executor.contract)) if number % 2 else case
    asked = [((case, other)[place % 2], order) for place in range(SIMULTANEOUS)]
    return _judged(executor, case, {order: executor.send_together(asked)}, last=last)


def _two_orders(executor: Executor, number: int, last: bool) -> Result:
    first, second = executor.orders.lease(), executor.orders.lease()
    case = _case(executor, TWO_ORDERS, "Requests at once on two orders: one is accepted on each.")
    other = replace(case, draft=other_draft(executor.contract))
    beside = replace(incomplete_case(executor.contract), id=case.id)
    asked = [(each, order) for each in (case, other, beside) for order in (first, second)]
    sent = executor.send_together(asked)
    by_order = {
        order: [s for s, (c, o) in zip(sent, asked, strict=True) if o == order and c is not beside]
        for order in (first, second)
    }
    others = {
        order: _beside(executor, beside, s) for s, (c, order) in zip(sent, asked, strict=True) if c is beside
    }
    return _judged(executor, case, by_order, others, last=last)


def _beside(executor: Executor, case: Case, sent: Sent) -> Sent:
    """Judge a request that must be refused anyway: as one before the accepted one, or else as one after it.

    Refused for its own fault it may have come first, so that tells nothing of what the target looks at first.
    Accepted, its own fault was overlooked.
    """
    if not sent.decided or not sent.wrong or sent.accepted:
        return sent
    situation = case.situation.with_part("order", "refund-open")
    blame = (("order", case.clause), *case.blame)
    return executor.judged(replace(case, situation=situation, blame=blame), sent.exchange)


def _case(executor: Executor, id_: str, title: str) -> Case:
    return replace(plain_case(executor.contract), id=id_, title=title)


def _judged(
    executor: Executor,
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
        silent = [sent for sent in everything if sent.decided and sent.reading is None]
        silences = tuple(dict.fromkeys(finding for sent in silent for finding in sent.findings))
        result = Result(case.id, case.clause, case.title, Outcome.UNDECIDED, exchanges=numbers, tries=1)
        if last and silences:
            return replace(result, outcome=Outcome.VIOLATED, findings=silences, failed=1)
        return replace(result, reason="some of the requests got no answer that says anything")
    findings: list[Finding] = []
    unfit: list[str] = []
    for order, sendings in by_order.items():
        accepted = sum(sent.accepted for sent in sendings) + (order in beside and beside[order].accepted)
        if accepted:
            executor.orders.mark_accepted(order)
        elif not _is_accepted(executor, order):
            unfit.append(order)
            losers = [finding for sent in sendings for finding in _loser(executor, case, sent)]
            findings += [finding for finding in losers if finding.kind is Kind.CRASH]
            continue
        if order in beside:
            findings += [f for f in beside[order].findings if f.kind in _OF_THE_RACE]
        if accepted != 1:
            kind = Kind.ACCEPTED if accepted else Kind.REFUSED
            actual = f"{accepted} of {len(sendings) + (order in beside)} were accepted"
            findings.append(Finding(case.clause, kind, ONE, actual))
        findings += [f for sent in sendings if not sent.accepted for f in _loser(executor, case, sent)]
        findings += _afterwards(executor, case, order) if accepted == 1 else []
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


def _afterwards(executor: Executor, case: Case, order: str) -> list[Finding]:
    """Send one more request, alone: whichever was accepted before must stand in its way."""
    return [f for f in executor.send(_late(case), order).findings if f.kind is not Kind.ADVICE]


def _loser(executor: Executor, case: Case, sent: Sent) -> list[Finding]:
    """Judge a request that came second: the state's code is what it must get."""
    return [f for f in executor.judged(_late(case), sent.exchange).findings if f.kind is not Kind.ADVICE]


def _late(case: Case) -> Case:
    """Return a case as it is after another was accepted for its order."""
    situation = case.situation.with_part("order", "refund-open")
    return replace(case, situation=situation, blame=(("order", case.clause),))
