"""Checks that take more than one request."""

from collections.abc import Sequence
from dataclasses import replace

from refund_conformance.cases import all_cases, incomplete_case
from refund_conformance.cases.case import SPENT, Case, plain_case
from refund_conformance.cases.orders import second_case
from refund_conformance.contract.untested import Because
from refund_conformance.engine import isolation
from refund_conformance.engine.bisection import NO_EFFECT
from refund_conformance.engine.confirmation import answer_of, undecided_result
from refund_conformance.engine.partitions import shared_order_of
from refund_conformance.engine.race import ORDERS_AT_ONCE, own_rounds, race
from refund_conformance.engine.recorded import kept, recorded
from refund_conformance.engine.runner import Runner
from refund_conformance.engine.sending import Sent, UndecidedError
from refund_conformance.engine.stateful import lifecycle
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.result import Outcome, Result, outcome_of
from refund_conformance.sut.order_pool import SharedOrder
from refund_conformance.sut.profile import Profile


def no_effect(runner: Runner, clause: str) -> Result:
    """Prove that the requests refused on a shared order had no effect: a valid one is still accepted."""
    key = NO_EFFECT[clause]
    case = replace(plain_case(runner.executor.contract), id=f"{clause}/valid-request-afterwards")
    case = replace(case, title="After all those refused requests, a valid one is accepted.")
    return recorded(runner, case, lambda: _no_effect(runner, key, case))


def _no_effect(runner: Runner, key: str, case: Case) -> Result:
    if key in runner.side_effects.found_on:
        return Result(
            case.id, case.clause, case.title, Outcome.SKIPPED, "a request with an effect was found already"
        )
    if key in runner.acceptance.proven and key not in runner.orders.shared:
        return Result(case.id, case.clause, case.title, Outcome.HELD, tries=1)
    shared_order = runner.orders.share(key)
    if not shared_order.sent:
        for representative in _representatives(runner, key):
            runner.examine(representative)
        shared_order = runner.orders.share(key)
    if not shared_order.sent:
        reason = "no request was refused on that order"
        return Result(case.id, case.clause, case.title, Outcome.UNTESTED, reason, because=Because.BUDGET)
    sent = runner.acceptance.prove(key, case)
    if key in runner.side_effects.found_on:
        return Result(case.id, case.clause, case.title, Outcome.SKIPPED, "the request with the effect is named")
    refused = not sent.accepted and sent.wrong and sent.reading is not None and sent.reading.status < 500
    if refused or runner.reports_order_state(sent):
        reason = "the shared order was not refundable"
        return Result(case.id, case.clause, case.title, Outcome.UNTESTED, reason, because=Because.SUPPLY)
    return runner.confirmation.conclude(case, shared_order.order, sent)


def _representatives(runner: Runner, key: str) -> Sequence[Case]:
    cases = [case for case in all_cases(runner.executor.contract).values() if case.group == "refundable"]
    refused = [case for case in cases if len(case.situation.wrong) == 1 and shared_order_of(case) == key]
    return list({case.clause: case for case in reversed(refused)}.values())


UNAUTHORIZED = ("auth.expired/expired-token", "auth.missing/no-header", "auth.forged/payload-changed")
"""What is sent on a connection that was authorized: the last before that is answered, the others after."""

LONGEST_COOKIE = 4096
"""Characters of cookies that are sent back to a target which set them."""

PIPELINES = 3
"""How often requests are sent at once on one connection before a wrong answer is held against the target."""


def every_request(runner: Runner) -> Result:
    """Send unauthorized requests on a connection that was authorized just before, alternating.

    Kinds of authorization that are taken for valid anyway are left out: that is another clause's matter.
    """
    cases = all_cases(runner.executor.contract)
    wanted = [
        cases[id_]
        for id_ in UNAUTHORIZED
        if (cases[id_].clause not in runner.executor.violated or runner.was_refused_at_first(id_))
        and runner.executor.has_credential(cases[id_])
    ]
    title = "On a connection that was authorized before, a request without authorization is refused."
    about = replace(cases["auth.missing/no-header"], id="auth.every-request/same-connection", title=title)
    about = replace(about, blame=(("authorization", about.clause),))
    return recorded(runner, about, lambda: _every_request(runner, about, wanted))


def _every_request(runner: Runner, about: Case, wanted: Sequence[Case]) -> Result:
    if not wanted:
        return Result(
            about.id, about.clause, about.title, Outcome.SKIPPED, "nothing is refused for its authorization"
        )
    shared_order = runner.orders.share("auth")
    *after, before = (replace(case, id=about.id, blame=about.blame) for case in wanted)
    sent: list[Sent] = []
    odd: list[tuple[Case, str, Sent]] = []
    with runner.executor.client.fresh_wire() as wire:
        for place, case in enumerate(after or [before]):
            authorized, order = _authorized(runner, shared_order, same_order=place > 0)
            sent.append(runner.executor.send(authorized, order, wire))
            _require_decided(sent[-1])
            if order == shared_order.order:
                runner.note(authorized, "auth", shared_order, sent[-1])
            if sent[-1].wrong:
                odd.append((authorized, order, sent[-1]))
            stranger = _with_cookies(case, sent)
            sent.append(runner.executor.send(stranger, shared_order.order, wire))
            _require_decided(sent[-1])
            runner.note(stranger, "auth", shared_order, sent[-1])
            if sent[-1].wrong:
                break
    for each, order, wrong in odd:
        companion = replace(each, id=f"{each.id}-before-one-without")
        kept(runner, runner.confirmation.conclude(companion, order, wrong))
    result = _told_apart(about, sent, sent[-1])
    if result.outcome is Outcome.HELD and runner.executor.client.allows(before.draft):
        kept(runner, _pipelined(runner, before))
    return result


def _require_decided(sent: Sent) -> None:
    if not sent.decided:
        raise UndecidedError(str(sent.shown), sent.number)


def _with_cookies(case: Case, sendings: Sequence[Sent]) -> Case:
    """Return a case's request with the cookies that the target has set: they authorize nothing."""
    responses = (sent.exchange.response for sent in sendings)
    fields = (field for response in responses if response for field in response.headers)
    pairs = (value.partition(";")[0].strip() for name, value in fields if name.lower() == "set-cookie")
    cookies = "; ".join({pair.partition("=")[0]: pair for pair in pairs}.values())
    if not cookies.isascii() or not cookies.isprintable() or not 0 < len(cookies) <= LONGEST_COOKIE:
        return case
    return replace(case, draft=replace(case.draft, extra_headers=(("Cookie", cookies),)))


def _authorized(runner: Runner, shared_order: SharedOrder, *, same_order: bool) -> tuple[Case, str]:
    """Return a request with authorization that is refused: for the shared order, if that is safe, or another."""
    case = incomplete_case(runner.executor.contract)
    if same_order and case.clause not in runner.executor.violated:
        return case, shared_order.order
    return runner.executor.control_case()


def _pipelined(runner: Runner, case: Case) -> Result:
    """Send a request without authorization right behind one with it, before that is answered."""
    title = "Behind a request with authorization that is not yet answered, one without is refused."
    about = replace(case, id=f"{case.clause}/pipelined", title=title)
    for _ in range(PIPELINES):
        shared_order = runner.orders.share("auth")
        sendings = runner.executor.send_pipelined([runner.executor.control_case(), (about, shared_order.order)])
        if len(sendings) < 2:
            reason = "the target answered only one of two requests that were sent at once on a connection"
            return Result(about.id, about.clause, about.title, Outcome.SKIPPED, reason)
        if not all(sent.decided for sent in sendings):
            result = undecided_result(about, "requests that were sent at once got no answer", ())
            continue
        runner.note(about, "auth", shared_order, sendings[1])
        result = _told_apart(about, sendings, sendings[1])
        if result.outcome is Outcome.HELD:
            break
    return result


def _told_apart(about: Case, sendings: Sequence[Sent], sent: Sent) -> Result:
    findings = tuple(finding for finding in sent.findings if finding.kind is not Kind.ADVICE)
    result = Result(about.id, about.clause, about.title, outcome_of(findings), findings=findings)
    numbers = tuple(sending.number for sending in sendings)
    return replace(result, exchanges=numbers, answer=answer_of(sent), failed=len(findings), tries=1)


def at_once(runner: Runner) -> Result:
    """Send requests of several callers, with several bodies, at once: each gets its own answer."""
    return recorded(runner, isolation.about(runner), lambda: isolation.isolation(runner))


READING_AND_UNDOING = ("route.method/get", "route.method/delete")
"""What might show or undo a refund request, if the target did what the method says."""


def once_at_last(runner: Runner) -> Result:
    """Ask, when all else is done, for an order that was accepted: its refund request still stands in the way."""
    case = replace(second_case(runner.executor.contract), id="order.once/at-the-end")
    case = replace(
        case, title="At the end of the run, and after GET and DELETE, a second request is still refused."
    )
    return recorded(runner, case, lambda: _once_at_last(runner, case))


def _once_at_last(runner: Runner, case: Case) -> Result:
    order = runner.orders.accepted_order(second_case(runner.executor.contract).id)
    for id_ in READING_AND_UNDOING:
        other = replace(all_cases(runner.executor.contract)[id_], id=f"{id_}-open", group=SPENT)
        sent = runner.executor.send(other, order)
        kept(runner, runner.confirmation.conclude(other, order, sent))
    return runner.confirmation.conclude(case, order, runner.executor.send(case, order))


_WITHOUT_RACE = {
    "order.once": "a second request is accepted even when it comes later",
    "order.race": "several requests at once were accepted where one was to be",
    isolation.CLAUSE: "requests at once are mixed up",
}
"""Why no round is run that has an order of its own, by the clause that is violated already."""


def race_rounds(runner: Runner, rounds: int) -> Result:
    """Send simultaneous requests, in fewer rounds where other checks race too; return the worst result."""
    about = replace(
        plain_case(runner.executor.contract),
        id="order.race/one-order-1",
        title="Of requests at once one wins.",
    )
    for clause, reason in _WITHOUT_RACE.items():
        if clause in runner.executor.violated:
            told = f"{reason} ({clause})"
            return kept(runner, Result(about.id, about.clause, about.title, Outcome.SKIPPED, told))
    own = own_rounds(rounds, runner.raced)
    result = recorded(runner, about, lambda: _worst(runner, race(runner.executor, own)))
    if result.outcome is Outcome.HELD:
        runner.raced_orders = runner.orders.accepted[-ORDERS_AT_ONCE:]
    return result


def _worst(runner: Runner, results: Sequence[Result]) -> Result:
    """Keep all results but the worst, and return that one for its caller to keep."""
    worst = max(results, key=lambda result: list(Outcome).index(result.outcome))
    for result in results:
        if result is not worst:
            kept(runner, result)
    return worst


def walk(runner: Runner, profile: Profile, seed: int) -> Result:
    """Walk over several orders at random."""
    about = replace(plain_case(runner.executor.contract), id="order.lifecycle/walk", title="A random walk.")
    begun = runner.raced_orders
    return recorded(runner, about, lambda: lifecycle(runner.executor, profile, seed, begun))


def review(runner: Runner, kind: str) -> Result:
    """Return what the answers of a kind broke in this run; without any yet, ask for one of each code first.

    The result is not kept: each answer was judged when it came.
    """
    about = plain_case(runner.executor.contract)
    if not runner.executor.answers[kind]:
        for case in _one_of_each_outcome(runner):
            runner.examine(case)
    areas = {"error": "errors", "success": "success"}
    broken = sorted(clause for clause in runner.executor.violated if clause.startswith(areas[kind]))
    if not runner.executor.answers[kind]:
        reason = f"no answer of the kind {kind!r} came"
        return Result(about.id, areas[kind], f"Answers: {kind}", Outcome.UNTESTED, reason)
    outcome = Outcome.VIOLATED if broken else Outcome.HELD
    findings = tuple(Finding(clause, Kind.OTHER_ERROR, "see the cases", "see the cases") for clause in broken)
    return Result(
        about.id, areas[kind], f"Answers of the kind {kind!r} keep their promises.", outcome, "", findings
    )


def _one_of_each_outcome(runner: Runner) -> list[Case]:
    """Return a case for each single part that can be wrong in a way of its own."""
    found: dict[tuple[str, str], Case] = {}
    for case in all_cases(runner.executor.contract).values():
        if len(case.situation.wrong) == 1:
            part = case.situation.wrong[0]
            found.setdefault((part, getattr(case.situation, part, "")), case)
    return list(found.values())
