"""Checks that compare answers: nothing may tell one situation from another, or one try from the next."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from refund_conformance.cases import all_cases
from refund_conformance.cases.case import Case, missing_case, plain_case
from refund_conformance.cases.combinations import combination
from refund_conformance.engine.confirmation import answer_of
from refund_conformance.engine.partitions import COMBINED, shared_order_of
from refund_conformance.engine.recorded import recorded
from refund_conformance.engine.runner import COMPARED, Runner
from refund_conformance.engine.sending import Sent
from refund_conformance.oracle.error_body import Reading
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.judge import describe_reading
from refund_conformance.oracle.result import Outcome, Result, outcome_of
from refund_conformance.oracle.situation import Situation

STEADY_TRIES = 2

OTHERWISE_WRONG = "its answers break another clause, so that nothing follows from them for this one"


def unauthenticated_answers_match(runner: Runner) -> Result:
    """Without authorization, ask for an order that exists and for one that does not: the answers are the same."""
    case = replace(missing_case(runner.executor.contract), id="auth.first/same-for-unknown-order")
    case = replace(case, title="Without authorization, an order that exists is answered as one that does not.")
    return recorded(runner, case, lambda: _strangers_told_alike(runner, case))


def _strangers_told_alike(runner: Runner, case: Case) -> Result:
    unknown = runner.orders.pick("unknown", "first") or ""
    shared_order = runner.orders.share(COMBINED)
    numbers: list[int] = []
    differs = False
    for _ in range(PAIRS):  # one difference may be chance
        sent = [runner.executor.send(case, order) for order in (shared_order.order, unknown)]
        runner.note(case, COMBINED, shared_order, sent[0])
        numbers += [each.number for each in sent]
        shown = {
            _told(order, each.reading)
            for order, each in zip((shared_order.order, unknown), sent, strict=True)
            if each.reading
        }
        differs = not any(each.wrong for each in sent) and len(shown) > 1
        if not differs:
            break
    findings: tuple[Finding, ...] = ()
    if differs:
        actual = "another status, code or message for an order that does not exist"
        findings = (Finding(case.clause, Kind.ADVICE, "the same answer for any order", actual),)
    result = Result(case.id, case.clause, case.title, outcome_of(findings), findings=findings)
    if any(each.wrong for each in sent):
        result = replace(result, outcome=Outcome.SKIPPED, reason=OTHERWISE_WRONG)
    return replace(result, exchanges=tuple(numbers), answer=answer_of(sent[0]), tries=1)


def foreign_as_unknown(runner: Runner) -> Result:
    """Compare the answers for foreign orders with those for unknown ones: nothing may tell them apart."""
    case = Case(
        "order.foreign/same-as-unknown",
        "The answer for another merchant's order is that for an unknown one, word for word.",
        Situation(order="foreign"),
        plain_case(runner.executor.contract).draft,
        "foreign",
    )
    return recorded(runner, case, lambda: _foreign_as_unknown(runner, case))


def _foreign_as_unknown(runner: Runner, case: Case) -> Result:
    kept = [runner.order_answers.get(clause, []) for clause in COMPARED]
    foreign, unknown = ([(order, sent.reading) for order, sent in some if sent.reading] for some in kept)
    if not foreign or not unknown:
        reason = "there is no answer for both a foreign and an unknown order to compare"
        return Result(case.id, case.clause, case.title, Outcome.SKIPPED, reason)
    numbers = [sent.number for some in kept for _, sent in some]
    clean = runner.executor.record.clean
    differences = _differences(foreign, unknown, clean)
    for _ in range(PAIRS):  # what differs by chance, as from one backend to the next, does not differ again
        if not differences:
            break
        again = _asked_again(runner, [foreign[0][0], unknown[0][0]])
        numbers += [sent.number for _, sent in again]
        more = [[(order, sent.reading)] for order, sent in again if sent.reading]
        differences &= _differences(more[0], [*more[1], *unknown], clean) if len(more) == len(again) else set()
    if not differences:
        more_differences, compared = _told_beside_faults(runner)
        differences = set(more_differences)
        numbers += compared
    result = Result(
        case.id, case.clause, case.title, Outcome.HELD, exchanges=tuple(numbers), answer="error", tries=1
    )
    if not differences:
        return result
    finding = Finding(case.clause, Kind.OTHER_ERROR, "the answer for an unknown order", min(differences)[:200])
    return replace(result, outcome=Outcome.VIOLATED, findings=(finding,), failed=1)


def _asked_again(runner: Runner, orders: Sequence[str]) -> list[tuple[str, Sent]]:
    """Send the plain request once more for a foreign and an unknown order."""
    cases = all_cases(runner.executor.contract).values()
    asked = [next(case for case in cases if case.clause == clause) for clause in COMPARED]
    return [(order, runner.executor.send(case, order)) for case, order in zip(asked, orders, strict=True)]


Answers = Sequence[tuple[str, Reading]]


def _differences(foreign: Answers, unknown: Answers, clean: Callable[[str], str]) -> set[str]:
    """Return what tells the answers for foreign orders from those for unknown ones, in ``clean`` words."""
    known = {_told(order, reading) for order, reading in unknown}
    found = {f"{describe_reading(r)}, in words of its own" for o, r in foreign if _told(o, r) not in known}
    names = [[_header_names(reading) for _, reading in readings] for readings in (foreign, unknown)]
    for some, others in (names, names[::-1]):
        only = frozenset.intersection(*some) - frozenset.union(*others)
        found |= {f"a header field {clean(name)} that tells them apart" for name in only}
    return found


PAIRED = ("foreign", "unknown")

PAIRS = 2
"""Pairs of a foreign and an unknown order that must be distinguished in the same way before that counts."""

FAULTS_BESIDE = (("json", "malformed"), ("json", "one-field"))
"""What else may be wrong with a request for a foreign order, as media type and body of a combination."""


def _told_beside_faults(runner: Runner) -> tuple[list[str], tuple[int, ...]]:
    """Send requests with something else wrong for a foreign and an unknown order: it must not tell them apart."""
    executor, informative, numbers = runner.executor, [], []
    pairs = list(zip(*(executor.settings.orders.get(group, ()) for group in PAIRED), strict=False))[:PAIRS]
    for media, body in FAULTS_BESIDE:
        cases = [combination(executor.contract, "merchant", media, body, group) for group in PAIRED]
        seen: set[tuple[object, ...]] = set()
        for pair in pairs:
            sent = [executor.send(case, order) for case, order in zip(cases, pair, strict=True)]
            numbers += [each.number for each in sent]
            readings = [each.reading for each in sent if each.decided]
            told = [_told(order, reading) for order, reading in zip(pair, readings, strict=False) if reading]
            seen.add(tuple(told))
            if len(told) < len(pair) or told[0] == told[1] or len(seen) > 1:
                break
        else:
            if pairs:
                informative.append(f"another answer than for an unknown one where the body is wrong too ({body})")
    return informative, tuple(numbers)


_PASSING_HEADERS = frozenset(
    {"date", "connection", "keep-alive", "content-length", "transfer-encoding", "set-cookie"}
)
"""Header fields that come and go for reasons of the connection."""


def _header_names(reading: Reading) -> frozenset[str]:
    return frozenset(name.lower() for name, _ in reading.response.headers) - _PASSING_HEADERS


def _told(order: str, reading: Reading) -> tuple[object, ...]:
    """Return what an answer tells, without the order's own id in it."""
    messages = tuple(
        (error.code, re.sub(r"\d+", "#", (error.message or "").replace(order, "#"))) for error in reading.errors
    )
    return (reading.status, messages, reading.members)


def steady(runner: Runner) -> Result:
    """Send one refused request several times: the answer stays the same."""
    case = next(case for case in all_cases(runner.executor.contract).values() if case.area == "email")
    about = replace(
        case, id="server.steady/same-request", title="The same request gets the same answer each time."
    )
    return recorded(runner, about, lambda: _steady(runner, about, case))


def _steady(runner: Runner, about: Case, case: Case) -> Result:
    shared_order = runner.orders.share(shared_order_of(case))
    sendings: list[Sent] = []
    tries = [replace(case, id=f"{about.id}-{number}", blame=case.blame) for number in range(1, STEADY_TRIES + 1)]
    for each in tries:
        runner.executor.prefetch(each, shared_order.order)
    for each in tries:
        sendings.append(runner.executor.send(each, shared_order.order))
        runner.note(case, shared_order_of(case), shared_order, sendings[-1])
        if sendings[-1].accepted:
            break
    shown = {_told(shared_order.order, sent.reading) if sent.reading else ("no answer",) for sent in sendings}
    findings: tuple[Finding, ...] = ()
    expected = "the same answer each time"
    if len(shown) > 1:
        actual = f"{len(shown)} different answers in {len(sendings)} tries"
        findings = (Finding("server.steady", Kind.UNSTEADY, expected, actual),)
    elif sendings[0].wrong and runner.held_before(case, shared_order.order):
        actual = f"{sendings[0].findings[0].actual}, though the request was answered as it should be before"
        findings = (Finding("server.steady", Kind.UNSTEADY, expected, actual), *sendings[0].findings)
    result = Result(about.id, about.clause, about.title, outcome_of(findings), findings=findings)
    if not findings and sendings[0].wrong:
        result = replace(result, outcome=Outcome.SKIPPED, reason=OTHERWISE_WRONG)
    numbers = tuple(sent.number for sent in sendings)
    answer = answer_of(sendings[0])
    return replace(result, exchanges=numbers, answer=answer, failed=len(findings), tries=len(sendings))
