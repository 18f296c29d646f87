"""Checks that take more than one request."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from refund_conformance.cases import all_cases, incomplete_case
from refund_conformance.cases.case import Case, missing_case, plain_case
from refund_conformance.cases.combinations import combination
from refund_conformance.cases.orders import SPENT, second_case
from refund_conformance.engine.bisection import NO_EFFECT
from refund_conformance.engine.executor import Sent
from refund_conformance.engine.partitions import COMBINED, bench_of
from refund_conformance.engine.race import race
from refund_conformance.engine.runner import TOLD_APART, Examination
from refund_conformance.engine.stateful import lifecycle
from refund_conformance.oracle.error_body import Reading
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.judge import describe_reading
from refund_conformance.oracle.result import Outcome, Result, outcome_of
from refund_conformance.oracle.situation import Situation
from refund_conformance.sut.order_pool import Bench, NoOrderError
from refund_conformance.sut.profile import Profile

Flow = Callable[[Examination], Result]

STEADY_TRIES = 2


def no_effect(examination: Examination, clause: str) -> Result:
    """Prove that the requests refused on a shared order had no effect: a valid one is still accepted."""
    key = next(key for key, about in NO_EFFECT.items() if about == clause)
    case = replace(plain_case(examination.dispatch.contract), id=f"{clause}/valid-request-afterwards")
    case = replace(case, title="After all those refused requests, a valid one is accepted.")
    return _recorded(examination, case, lambda: _no_effect(examination, key, case))


def _no_effect(examination: Examination, key: str, case: Case) -> Result:
    if key in examination.tainted:
        return Result(
            case.id, case.clause, case.title, Outcome.SPARED, "a request with an effect was found already"
        )
    if key in examination.proven and key not in examination.orders.benches:
        return Result(case.id, case.clause, case.title, Outcome.HELD, tries=1)
    bench = examination.orders.bench(key)
    if not bench.sent:
        for representative in _representatives(examination, key):
            examination.examine(representative)
        bench = examination.orders.bench(key)
    if not bench.sent:
        return Result(case.id, case.clause, case.title, Outcome.UNTESTED, "no request was refused on that order")
    sent = examination.prove(key, case)
    if key in examination.tainted:
        return Result(case.id, case.clause, case.title, Outcome.SPARED, "the request with the effect is named")
    if not sent.accepted and sent.wrong and sent.reading is not None and sent.reading.status < 500:
        return Result(case.id, case.clause, case.title, Outcome.UNTESTED, "the shared order was not refundable")
    return examination.confirmation.conclude(case, bench.order, sent)


def _representatives(examination: Examination, key: str) -> Sequence[Case]:
    cases = [case for case in all_cases(examination.dispatch.contract).values() if case.group == "refundable"]
    refused = [case for case in cases if len(case.situation.wrong) == 1 and bench_of(case) == key]
    return list({case.clause: case for case in reversed(refused)}.values())


UNAUTHORIZED = ("auth.expired/expired-token", "auth.missing/no-header", "auth.forged/payload-changed")
"""What is sent on a connection that was authorized: the last before that is answered, the others after."""

LONGEST_COOKIE = 4096
"""Characters of cookies that are sent back to a target which set them."""

PIPELINES = 2
"""How often requests are sent at once on one connection before a wrong answer is held against the target."""


def every_request(examination: Examination) -> Result:
    """Send unauthorized requests on a connection that was authorized just before, alternating.

    Kinds of authorization that are taken for valid anyway are left out: that is another clause's matter.
    """
    cases = all_cases(examination.dispatch.contract)
    wanted = [
        cases[id_]
        for id_ in UNAUTHORIZED
        if (cases[id_].clause not in examination.dispatch.violated or examination.was_refused_at_first(id_))
        and examination.dispatch.has_credential(cases[id_])
    ]
    title = "On a connection that was authorized before, a request without authorization is refused."
    about = replace(cases["auth.missing/no-header"], id="auth.every-request/same-connection", title=title)
    about = replace(about, blame=(("authorization", about.clause),))
    return _recorded(examination, about, lambda: _every_request(examination, about, wanted))


def _every_request(examination: Examination, about: Case, wanted: Sequence[Case]) -> Result:
    if not wanted:
        return Result(
            about.id, about.clause, about.title, Outcome.SPARED, "nothing is refused for its authorization"
        )
    bench = examination.orders.bench("auth")
    *after, before = (replace(case, id=about.id, blame=about.blame) for case in wanted)
    sent: list[Sent] = []
    odd: list[tuple[Case, str, Sent]] = []
    with examination.dispatch.client.fresh_wire() as wire:
        for place, case in enumerate(after or [before]):
            authorized, order = _authorized(examination, bench, same_order=place > 0)
            sent.append(examination.dispatch.send(authorized, order, wire))
            if order == bench.order:
                examination.note(authorized, "auth", bench, sent[-1])
            if sent[-1].wrong:
                odd.append((authorized, order, sent[-1]))
            stranger = _with_cookies(case, sent)
            sent.append(examination.dispatch.send(stranger, bench.order, wire))
            examination.note(stranger, "auth", bench, sent[-1])
            if sent[-1].wrong:
                break
    for each, order, wrong in odd:
        companion = replace(each, id=f"{each.id}-before-one-without")
        _kept(examination, examination.confirmation.conclude(companion, order, wrong))
    result = _told_apart(about, sent, sent[-1])
    if result.outcome is Outcome.HELD and examination.dispatch.client.allows(before.draft):
        _kept(examination, _pipelined(examination, before))
    return result


def _with_cookies(case: Case, sendings: Sequence[Sent]) -> Case:
    """Return a case's request with the cookies that the target has set: they authorize nothing."""
    responses = (sent.exchange.response for sent in sendings)
    fields = (field for response in responses if response for field in response.headers)
    pairs = (value.partition(";")[0].strip() for name, value in fields if name.lower() == "set-cookie")
    cookies = "; ".join({pair.partition("=")[0]: pair for pair in pairs}.values())
    if not cookies.isascii() or not cookies.isprintable() or not 0 < len(cookies) <= LONGEST_COOKIE:
        return case
    return replace(case, draft=replace(case.draft, extra_headers=(("Cookie", cookies),)))


def _authorized(examination: Examination, bench: Bench, *, same_order: bool) -> tuple[Case, str]:
    """Return a request with authorization that is refused: for the shared order, if that is safe, or another."""
    case = incomplete_case(examination.dispatch.contract)
    if same_order and case.clause not in examination.dispatch.violated:
        return case, bench.order
    return examination.dispatch.control_case()


def _pipelined(examination: Examination, case: Case) -> Result:
    """Send a request without authorization right behind one with it, before that is answered."""
    title = "Behind a request with authorization that is not yet answered, one without is refused."
    about = replace(case, id=f"{case.clause}/pipelined", title=title)
    for _ in range(PIPELINES):
        bench = examination.orders.bench("auth")
        sendings = examination.dispatch.send_pipelined([examination.dispatch.control_case(), (about, bench.order)])
        if len(sendings) < 2:
            reason = "the target answered only one of two requests that were sent at once on a connection"
            return Result(about.id, about.clause, about.title, Outcome.SPARED, reason)
        examination.note(about, "auth", bench, sendings[1])
        result = _told_apart(about, sendings, sendings[1])
        if result.outcome is Outcome.HELD:
            break
    return result


def _told_apart(about: Case, sendings: Sequence[Sent], sent: Sent) -> Result:
    findings = tuple(finding for finding in sent.findings if finding.kind is not Kind.ADVICE)
    result = Result(about.id, about.clause, about.title, outcome_of(findings), findings=findings)
    numbers = tuple(sending.number for sending in sendings)
    return replace(result, exchanges=numbers, answer="error", failed=len(findings), tries=1)


def strangers_told_alike(examination: Examination) -> Result:
    """Without authorization, ask for an order that exists and for one that does not: the answers are the same."""
    case = replace(missing_case(examination.dispatch.contract), id="auth.first/same-for-unknown-order")
    case = replace(case, title="Without authorization, an order that exists is answered as one that does not.")
    return _recorded(examination, case, lambda: _strangers_told_alike(examination, case))


def _strangers_told_alike(examination: Examination, case: Case) -> Result:
    unknown = examination.orders.pick("unknown", "first") or ""
    bench = examination.orders.bench(COMBINED)
    sent = [examination.dispatch.send(case, order) for order in (bench.order, unknown)]
    examination.note(case, COMBINED, bench, sent[0])
    findings: tuple[Finding, ...] = ()
    told = [_told(order, s.reading) for order, s in zip((bench.order, unknown), sent, strict=True) if s.reading]
    if not any(s.wrong for s in sent) and len(set(told)) > 1:
        actual = "another status, code or message for an order that does not exist"
        findings = (Finding(case.clause, Kind.ADVICE, "the same answer for any order", actual),)
    result = Result(case.id, case.clause, case.title, outcome_of(findings), findings=findings, answer="error")
    return replace(result, exchanges=tuple(s.number for s in sent), tries=1)


def foreign_as_unknown(examination: Examination) -> Result:
    """Compare the answers for foreign orders with those for unknown ones: nothing may tell them apart."""
    case = Case(
        "order.foreign/same-as-unknown",
        "The answer for another merchant's order is that for an unknown one, word for word.",
        Situation(order="foreign"),
        plain_case(examination.dispatch.contract).draft,
        "foreign",
    )
    return _recorded(examination, case, lambda: _foreign_as_unknown(examination, case))


def _foreign_as_unknown(examination: Examination, case: Case) -> Result:
    kept = [examination.order_answers.get(clause, []) for clause in TOLD_APART]
    foreign, unknown = ([(order, sent.reading) for order, sent in some if sent.reading] for some in kept)
    if not foreign or not unknown:
        reason = "there is no answer for both a foreign and an unknown order to compare"
        return Result(case.id, case.clause, case.title, Outcome.SPARED, reason)
    known = {_told(order, reading) for order, reading in unknown}
    telling = [f"{describe_reading(r)}, in words of its own" for o, r in foreign if _told(o, r) not in known]
    names = [[_header_names(reading) for _, reading in readings] for readings in (foreign, unknown)]
    for some, others in (names, names[::-1]):
        only = frozenset.intersection(*some) - frozenset.union(*others)
        telling += [f"a header field {name} that tells them apart" for name in sorted(only)]
    more, compared = _told_beside_faults(examination) if not telling else ([], ())
    telling += more
    numbers = (*(sent.number for some in kept for _, sent in some), *compared)
    result = Result(case.id, case.clause, case.title, Outcome.HELD, exchanges=numbers, answer="error", tries=1)
    if not telling:
        return result
    finding = Finding(case.clause, Kind.OTHER_ERROR, "the answer for an unknown order", telling[0][:200])
    return replace(result, outcome=Outcome.VIOLATED, findings=(finding,), failed=1)


PAIRED = ("foreign", "unknown")

PAIRS = 2
"""Pairs of a foreign and an unknown order that must be told apart in the same way before that counts."""

FAULTS_BESIDE = (("json", "malformed"), ("json", "one-field"))
"""What else may be wrong with a request for a foreign order, as media type and body of a combination."""


def _told_beside_faults(examination: Examination) -> tuple[list[str], tuple[int, ...]]:
    """Send requests with something else wrong for a foreign and an unknown order: it must not tell them apart."""
    dispatch, telling, numbers = examination.dispatch, [], []
    pairs = list(zip(*(dispatch.settings.orders.get(group, ()) for group in PAIRED), strict=False))[:PAIRS]
    for media, body in FAULTS_BESIDE:
        cases = [combination(dispatch.contract, "merchant", media, body, group) for group in PAIRED]
        seen: set[tuple[object, ...]] = set()
        for pair in pairs:
            sent = [dispatch.send(case, order) for case, order in zip(cases, pair, strict=True)]
            numbers += [each.number for each in sent]
            readings = [each.reading for each in sent if each.decided]
            told = [_told(order, reading) for order, reading in zip(pair, readings, strict=False) if reading]
            seen.add(tuple(told))
            if len(told) < len(pair) or told[0] == told[1] or len(seen) > 1:
                break
        else:
            if pairs:
                telling.append(f"another answer than for an unknown one where the body is wrong too ({body})")
    return telling, tuple(numbers)


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


def steady(examination: Examination) -> Result:
    """Send one refused request several times: the answer stays the same."""
    case = next(case for case in all_cases(examination.dispatch.contract).values() if case.area == "email")
    about = replace(
        case, id="server.steady/same-request", title="The same request gets the same answer each time."
    )
    return _recorded(examination, about, lambda: _steady(examination, about, case))


def _steady(examination: Examination, about: Case, case: Case) -> Result:
    bench = examination.orders.bench(bench_of(case))
    sendings: list[Sent] = []
    tries = [replace(case, id=f"{about.id}-{number}", blame=case.blame) for number in range(1, STEADY_TRIES + 1)]
    for each in tries:
        examination.dispatch.send_ahead(each, bench.order)
    for each in tries:
        sendings.append(examination.dispatch.send(each, bench.order))
        examination.note(case, bench_of(case), bench, sendings[-1])
        if sendings[-1].accepted:
            break
    told = {_told(bench.order, sent.reading) if sent.reading else ("no answer",) for sent in sendings}
    findings: tuple[Finding, ...] = ()
    expected = "the same answer each time"
    if len(told) > 1:
        actual = f"{len(told)} different answers in {len(sendings)} tries"
        findings = (Finding("server.steady", Kind.UNSTEADY, expected, actual),)
    elif sendings[0].wrong and examination.held_before(case, bench.order):
        actual = f"{sendings[0].findings[0].actual}, though the request was answered as it should be before"
        findings = (Finding("server.steady", Kind.UNSTEADY, expected, actual), *sendings[0].findings)
    result = Result(about.id, about.clause, about.title, outcome_of(findings), findings=findings, answer="error")
    return replace(result, exchanges=tuple(s.number for s in sendings), failed=len(findings), tries=len(sendings))


READING_AND_UNDOING = ("route.method/get", "route.method/delete")
"""What might show or undo a refund request, if the target did what the method says."""


def once_at_last(examination: Examination) -> Result:
    """Ask, when all else is done, for an order that was accepted: its refund request still stands in the way."""
    case = replace(second_case(examination.dispatch.contract), id="order.once/at-the-end")
    case = replace(
        case, title="At the end of the run, and after GET and DELETE, a second request is still refused."
    )
    return _recorded(examination, case, lambda: _once_at_last(examination, case))


def _once_at_last(examination: Examination, case: Case) -> Result:
    order = examination.orders.spent_order(second_case(examination.dispatch.contract).id)
    for id_ in READING_AND_UNDOING:
        other = replace(all_cases(examination.dispatch.contract)[id_], id=f"{id_}-open", group=SPENT)
        sent = examination.dispatch.send(other, order)
        _kept(examination, examination.confirmation.conclude(other, order, sent))
    return examination.confirmation.conclude(case, order, examination.dispatch.send(case, order))


def race_rounds(examination: Examination, rounds: int) -> Result:
    """Send simultaneous requests; return the worst result of the rounds."""
    about = replace(
        plain_case(examination.dispatch.contract),
        id="order.race/one-order-1",
        title="Of requests at once one wins.",
    )
    if "order.once" in examination.dispatch.violated:
        reason = "a second request is accepted even when it comes later (order.once)"
        return _kept(examination, Result(about.id, about.clause, about.title, Outcome.SPARED, reason))
    return _recorded(examination, about, lambda: _worst(examination, race(examination.dispatch, rounds)))


def _worst(examination: Examination, results: Sequence[Result]) -> Result:
    """Keep all results but the worst, and return that one for its caller to keep."""
    worst = max(results, key=lambda result: list(Outcome).index(result.outcome))
    for result in results:
        if result is not worst:
            _kept(examination, result)
    return worst


def walk(examination: Examination, profile: Profile, seed: int) -> Result:
    """Walk over several orders at random."""
    about = replace(plain_case(examination.dispatch.contract), id="order.lifecycle/walk", title="A random walk.")
    return _recorded(examination, about, lambda: lifecycle(examination.dispatch, profile, seed))


def review(examination: Examination, kind: str) -> Result:
    """Return what the answers of a kind broke in this run; without any yet, ask for one of each code first.

    The result is not kept: each answer was judged when it came.
    """
    about = plain_case(examination.dispatch.contract)
    if not examination.dispatch.answers[kind]:
        for case in _one_of_each_outcome(examination):
            examination.examine(case)
    areas = {"error": "errors", "success": "success"}
    broken = sorted(clause for clause in examination.dispatch.violated if clause.startswith(areas[kind]))
    if not examination.dispatch.answers[kind]:
        reason = f"no answer of the kind {kind!r} came"
        return Result(about.id, areas[kind], f"Answers: {kind}", Outcome.UNTESTED, reason)
    outcome = Outcome.VIOLATED if broken else Outcome.HELD
    findings = tuple(Finding(clause, Kind.OTHER_ERROR, "see the cases", "see the cases") for clause in broken)
    return Result(
        about.id, areas[kind], f"Answers of the kind {kind!r} keep their promises.", outcome, "", findings
    )


def _one_of_each_outcome(examination: Examination) -> list[Case]:
    """Return a case for each single part that can be wrong in a way of its own."""
    found: dict[tuple[str, str], Case] = {}
    for case in all_cases(examination.dispatch.contract).values():
        if len(case.situation.wrong) == 1:
            part = case.situation.wrong[0]
            found.setdefault((part, getattr(case.situation, part, "")), case)
    return list(found.values())


def _kept(examination: Examination, result: Result) -> Result:
    examination.dispatch.keep(result)
    return result


def _recorded(examination: Examination, case: Case, check: Callable[[], Result]) -> Result:
    """Run a check, turning a lack of orders or tokens into an untested result, and keep the result."""
    try:
        examination.dispatch.require_credential(case)
        result = check()
    except NoOrderError as reason:
        result = Result(case.id, case.clause, case.title, Outcome.UNTESTED, str(reason))
    return _kept(examination, result)
