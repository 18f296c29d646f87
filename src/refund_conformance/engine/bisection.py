"""Find the refused request that had an effect on its order, by trying groups of them on fresh orders."""

import time
from collections.abc import Sequence

from refund_conformance.cases.case import Case, plain_case
from refund_conformance.engine.executor import Executor
from refund_conformance.engine.partitions import AUTH, COMBINED, FIELDS, JSON, SHARED_ORDERS
from refund_conformance.engine.sending import UndecidedError
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.judge import describe_reading
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut.order_pool import NoOrderError, SharedOrder

NO_EFFECT = {
    "auth.no-effect": AUTH,
    "json.no-effect": JSON,
    "fields.no-effect": FIELDS,
    "json.incomplete": COMBINED,
}
"""The shared order on which a refused request may have had an effect, by the clause that this would break."""

_BROKEN = {shared_order: clause for clause, shared_order in NO_EFFECT.items() if shared_order != COMBINED}

SETTLING = 0.5
"""Seconds after which a refused request has had its effect, if it is to have one later than its answer."""

Evidence = tuple[tuple[int, ...], str]


def find_side_effect(executor: Executor, shared_order: SharedOrder) -> Result | None:
    """Return the result that names the request, among those refused on a shared order, that had an effect.

    None if none can be found: the order may have been in another state from the start.
    """
    try:
        # Orders that are refused anyway, or by turns, would make anyone look found.
        sound = not any(_try(executor, []) for _ in range(2))
        found = _search(executor, _by_clause(shared_order.sent)) if sound else None
        if found is not None and not executor.orders.fresh and not _is_confirmed(executor, found[0]):
            found = None
    except (NoOrderError, UndecidedError) as reason:
        executor.record.keep(
            {"event": "note", "text": f"An effect of a refused request on order {shared_order.order}: {reason}."}
        )
        return None
    if found is None:
        text = f"Order {shared_order.order} was not refundable, though no request of ours made it so."
        executor.record.keep({"event": "note", "text": text})
        return None
    cases, (numbers, actual) = found
    case = cases[0]
    clauses = [_clause(case) for case in cases]
    clause = next((known for known in clauses if known in executor.violated), clauses[0])
    after = case.id if len(cases) == 1 else f"one of {len(cases)} requests, {case.id} to {cases[-1].id}"
    finding = Finding(clause, Kind.EFFECT, "a valid request afterwards is accepted", f"{actual} after {after}")
    return Result(
        f"{clause}/after-{case.slug}"[:120],
        clause,
        f"Refused, yet it had an effect on the order: {case.title}",
        Outcome.VIOLATED,
        findings=(finding,),
        exchanges=numbers,
        answer="error",
        failed=1,
        tries=1,
    )


def _is_confirmed(executor: Executor, cases: Sequence[Case]) -> bool:
    """Whether orders that may have been used show the effect as often as counts, and only after these requests."""
    # So irregular that no pattern of used orders is likely to fit.
    groups: tuple[Sequence[Case], ...] = (cases, [], [], cases, [], cases)
    return [_try(executor, group) is not None for group in groups] == [bool(group) for group in groups]


def _clause(case: Case) -> str:
    """Return the clause that an effect of a case breaks."""
    shared_orders = (SHARED_ORDERS[part] for part in case.situation.wrong if not case.draft.framing.is_cut)
    return next((_BROKEN[shared_order] for shared_order in shared_orders if shared_order in _BROKEN), case.clause)


def _by_clause(cases: Sequence[Case]) -> list[Case]:
    """Put one case of each clause first: an effect is most often shared by a whole clause."""
    firsts = list({case.clause: case for case in reversed(cases)}.values())
    return firsts + [case for case in cases if case not in firsts]


Guilty = tuple[Sequence[Case], Evidence]


def _search(executor: Executor, cases: Sequence[Case]) -> Guilty | None:
    """Return a found case, or as few as the run's bounds let it come down to, with what shows the effect.

    Raises NoOrderError if the bounds end the search before an effect is shown.
    """
    clauses = len({case.clause for case in cases})
    evidence = _try(executor, cases[:clauses])
    if evidence is None and len(cases) == clauses:
        return None
    return _narrowed(executor, cases[:clauses] if evidence else cases[clauses:], evidence)


def _narrowed(executor: Executor, cases: Sequence[Case], evidence: Evidence | None) -> Guilty | None:
    """Halve a group down to one case, and see that one again.

    If it has no effect alone, it is the smallest group with one, seen again. None if there is no such group.
    """
    shown = (cases, evidence) if evidence else None
    try:
        while len(cases) > 1:
            half = cases[: len(cases) // 2]
            found = _try(executor, half)
            shown = (half, found) if found else shown
            cases, evidence = (half, found) if found else (cases[len(half) :], evidence)
        again = _try(executor, cases)
        if again is None and shown is not None and len(shown[0]) > 1:
            cases, again = shown[0], _try(executor, shown[0])
        return (cases, again) if again else None
    except NoOrderError:
        if evidence is None:
            raise
        return cases, evidence


def _try(executor: Executor, cases: Sequence[Case]) -> Evidence | None:
    """Send cases for a fresh order, then the plain valid request; return what shows an effect, if there is one.

    It shows nothing if one of them is accepted now.
    """
    order = executor.orders.lease()
    sent = [executor.send(case, order) for case in cases]
    if any(each.accepted for each in sent):
        executor.orders.mark_accepted(order)
        return None
    time.sleep(SETTLING)
    last = executor.send(plain_case(executor.contract), order)
    if last.accepted:
        executor.orders.mark_accepted(order)
    if not last.decided:
        raise NoOrderError("a request in the search for it got no answer")
    if not last.wrong or last.reading is None:
        return None
    return (*(each.number for each in sent[-1:]), last.number), describe_reading(last.reading)
