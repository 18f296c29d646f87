"""Find the refused request that created a refund request, by trying groups of them on fresh orders."""

from collections.abc import Sequence
from dataclasses import replace

from refund_conformance.cases.case import Case, plain_case
from refund_conformance.examination import Examination
from refund_conformance.finding import Finding, Kind
from refund_conformance.judge import describe_reading
from refund_conformance.result import Outcome, Result
from refund_conformance.target.orders import Bench, NoOrderError

NO_EFFECT = {"auth": "auth.no-effect", "json": "json.no-effect", "fields": "fields.no-effect"}
"""The clause that an effect breaks, by shared order; elsewhere it is the guilty case's own."""


def find_guilty(examination: Examination, key: str, bench: Bench) -> None:
    """Record the request among those refused on a shared order that had an effect, if one can be found.

    Without one nothing is recorded: the order may have been in another state from the start.
    """
    try:
        guilty = _search(examination, _by_clause(bench.sent))
    except NoOrderError as reason:
        examination.record.keep({"event": "note", "text": f"An effect on the shared order {key}: {reason}."})
        return
    if guilty is None:
        text = f"Order {bench.order} was not refundable, though no request of ours made it so."
        examination.record.keep({"event": "note", "text": text})
        return
    examination.tainted[key] += 1
    case, sent_number, actual = guilty
    clause = NO_EFFECT.get(key, case.clause)
    finding = Finding(clause, Kind.EFFECT, "a valid request afterwards is accepted", f"{actual} after {case.id}")
    examination.keep(
        Result(
            f"{clause}/after-{case.slug}"[:120],
            clause,
            f"Refused, yet it created a refund request: {case.title}",
            Outcome.VIOLATED,
            findings=(finding,),
            exchanges=sent_number,
            answer="error",
            failed=1,
            tries=1,
        )
    )


def _by_clause(cases: Sequence[Case]) -> list[Case]:
    """Put one case of each clause first: an effect is most often shared by a whole clause."""
    firsts = list({case.clause: case for case in reversed(cases)}.values())
    return firsts + [case for case in cases if case not in firsts]


Guilty = tuple[Case, tuple[int, ...], str]


def _search(examination: Examination, cases: Sequence[Case]) -> Guilty | None:
    clauses = len({case.clause for case in cases})
    for group in (cases[:clauses], cases[clauses:]):
        found = _halve(examination, group) if group else None
        if found:
            return found
    return None


def _halve(examination: Examination, cases: Sequence[Case]) -> Guilty | None:
    """Return the first guilty case of a group, None if the group as a whole has no effect."""
    trial = _try(examination, cases)
    if trial is None:
        return None
    while len(cases) > 1:
        half = cases[: len(cases) // 2]
        found = _try(examination, half)
        cases, trial = (half, found) if found else (cases[len(half) :], trial)
    return cases[0], trial[0], trial[1]


def _try(examination: Examination, cases: Sequence[Case]) -> tuple[tuple[int, ...], str] | None:
    """Send cases for a fresh order, then the plain valid request; return what shows an effect, if there is one."""
    order = examination.orders.lease()
    numbers = [examination.send(case, order).number for case in cases]
    last = examination.send(replace(plain_case(examination.contract)), order)
    if last.accepted:
        examination.orders.spent.append(order)
    if not last.wrong or last.reading is None:
        return None
    return (*numbers[-1:], last.number), describe_reading(last.reading)
