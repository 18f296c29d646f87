"""Carry cases out on a target: choose the order, send, judge, make sure, and keep the result."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from refund_conformance.cases.case import Case, plain_case
from refund_conformance.cases.orders import AGAIN_REFUNDABLE, SPENT, second_case, sends_again
from refund_conformance.engine.bisection import find_guilty
from refund_conformance.engine.confirmation import Confirmation
from refund_conformance.engine.confirmation import result as result_of
from refund_conformance.engine.executor import Dispatch, Sent
from refund_conformance.engine.open_questions import Inquiry
from refund_conformance.engine.partitions import QUESTIONS, bench_of, must_be_accepted
from refund_conformance.engine.snapshot import Beginning
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.judge import describe_reading
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut.order_pool import Bench, NoOrderError
from refund_conformance.transport.exchange import Exchange, Failure, Request

OTHER_ORDERS = 3
"""On how many further orders a valid request is tried that is refused for the state of its order."""

REMEMBERED = 1000
"""Refused requests that are remembered in order not to send them twice: more than there are listed cases."""

TOLD_APART = ("order.foreign", "order.unknown")
"""Clauses whose answers are kept, for nothing in them may tell a foreign order from an unknown one."""


class Examination:
    """One process's examination of a target. Methods raise TargetError once the target is gone.

    ``shared`` tells, by case id, on which shared order a request goes that must be accepted. ``tainted`` are the
    shared orders on which a refused request is known to have had an effect, ``proven`` those on which a valid one
    was accepted in the end.
    """

    def __init__(self, dispatch: Dispatch, shared: Mapping[str, str]) -> None:
        self.dispatch = dispatch
        self.orders = dispatch.orders
        self.confirmation = Confirmation(dispatch)
        self.inquiry = Inquiry(dispatch, self.confirmation, lambda case: self._refuse(case, QUESTIONS))
        self.proven: set[str] = set()
        self.tainted: set[str] = set()
        self.order_answers: dict[str, list[tuple[str, Sent]]] = defaultdict(list)
        self._shared = shared
        self._early: dict[str, Result] = {}
        self._refused: dict[Request, Exchange] = {}
        self._ahead: set[Request] = set()
        self._accepted_clauses: set[str] = set()
        self._hunted: set[str] = set()
        self._orders_doubted = False

    # -- the beginning -----------------------------------------------------------------------------

    def beginning(self) -> Beginning:
        """Return what the first requests have shown."""
        return Beginning(tuple(self._early.values()), tuple(self.orders.spent), *self.orders.bounds)

    def resume(self, beginning: Beginning) -> None:
        """Go on from where another process has begun."""
        for result in beginning.results:
            self._early[result.case] = result
            self.dispatch.count(result)
        self.orders.spent.extend(beginning.spent)
        self.orders.bounds = (beginning.turns, beginning.partly_used, beginning.closed)

    def keep_early(self, result: Result) -> None:
        """Keep the result of a case that is sent before its turn."""
        self._early[result.case] = self.dispatch.keep(result)

    def was_refused_at_first(self, case: str) -> bool:
        """Whether a case was sent before anything authorized, and held then."""
        return case in self._early and self._early[case].outcome in (Outcome.HELD, Outcome.WARNED)

    def held_before(self, case: Case, order: str) -> bool:
        """Whether a case's very request was refused for an order before, as it should be."""
        return self.dispatch.client.request(case.draft, order) in self._refused

    def elsewhere(self, case: Case, sent: Sent, order: str) -> tuple[Sent, str]:
        """Send a valid request for other orders while it is refused for the state of the order, or gets no answer.

        An order of the settings may have been used before; several from all over the list tell of the target.
        A request without an answer may have had its effect, so its order is not tried again.
        """
        for attempt in range(OTHER_ORDERS):
            if sent.decided:
                if not self.speaks_of_state(sent) or self.confirmation.is_known(case, sent):
                    break
                if attempt == 0:
                    again = self.sent_to_accept(case, order)
                    if again.decided and not self.speaks_of_state(again):
                        self.dispatch.keep(self.confirmation.between(case, sent, again))
                        return again, order
                self._doubt(order, sent)
            order = self.orders.lease()
            sent = self.sent_to_accept(case, order)
        return sent, order

    def _doubt(self, order: str, sent: Sent) -> None:
        """Note an order that was refused for its state, and lease from another place of the list from now on."""
        said = describe_reading(sent.reading) if sent.reading else ""
        text = f"Order {order} of orders.refundable was refused for its state: {said}."
        self.dispatch.record.keep({"event": "note", "text": text})
        self.orders.turn()

    # -- one case ----------------------------------------------------------------------------------

    def examine(self, case: Case) -> Result:
        """Carry a case out, keep its result in the record, and return it."""
        if case.id in self._early:
            return self._early[case.id]
        try:
            result = self._examine(case)
        except NoOrderError as reason:
            result = Result(case.id, case.clause, case.title, Outcome.UNTESTED, str(reason))
        return self.dispatch.keep(result)

    def send_ahead(self, cases: Iterable[Case]) -> None:
        """Send the requests of cases whose turn will come, where several may be in flight."""
        for case in cases:
            if (
                self.dispatch.ahead.takes(case)
                and (case.situation.wrong or self.inquiry.is_free(case))
                and case.id not in self._early
                and case.clause not in self._accepted_clauses
            ):
                with suppress(NoOrderError):
                    self.dispatch.require_credential(case)
                    order = self._order_ahead(case)
                    request = self.dispatch.client.request(case.draft, order) if order else None
                    if order and request and request not in self._ahead:
                        if len(self._ahead) < REMEMBERED:
                            self._ahead.add(request)
                        self.dispatch.send_ahead(case, order)

    def _order_ahead(self, case: Case) -> str | None:
        """Return the order for which a request will be sent that must be refused; None if none is known."""
        if case.group == SPENT:
            return self.orders.spent_order(case.id)
        if case.group == "refundable":
            return self.orders.bench(bench_of(case)).order
        return self.orders.pick(case.group, case.pick)

    def _examine(self, case: Case) -> Result:
        self.dispatch.require_credential(case)
        if not self.dispatch.client.allows(case.draft):
            return _spared(case, "the token's form allows no such forgery")
        if case.group == SPENT:
            asks = case.situation.questions and not case.situation.wrong
            return self.inquiry.ask(case) if asks else self.carry_out(case, self.orders.spent_order(case.id))
        if case.group != "refundable":
            order = self.orders.pick(case.group, case.pick)
            if order is None:
                return _spared(case, f"orders.{case.group} has no {case.pick} order of its own")
            if case.group == AGAIN_REFUNDABLE:
                return self._accept_again(case, order)
            return self.carry_out(case, order)
        if self.dispatch.settings.read_only and case.situation.wrong:
            return self._at_a_distance(case)
        if must_be_accepted(case) or all(a.success for a in self.dispatch.permitted(case.situation)):
            return self._accept(case)
        return self._refuse(case, bench_of(case))

    def _send_once(self, case: Case, order: str) -> Sent:
        """Send a request that must be refused, unless the very same one was refused before, for another clause."""
        request = self.dispatch.client.request(case.draft, order)
        if request in self._refused:
            return self.dispatch.judged(case, self._refused[request])
        sent = self.dispatch.send(case, order)
        held = sent.reading is not None and not sent.wrong and not sent.accepted
        if request is not None and held and len(self._refused) < REMEMBERED:
            self._refused[request] = sent.exchange
        return sent

    def carry_out(self, case: Case, order: str) -> Result:
        sent = self.dispatch.send(case, order)
        if case.clause in TOLD_APART and not sent.wrong and sent.reading is not None:
            self.order_answers[case.clause].append((order, sent))
        return self.confirmation.conclude(case, order, sent)

    def _at_a_distance(self, case: Case) -> Result:
        """Send a request that must be refused for an order that does not exist, so that it can have no effect."""
        situation = case.situation.with_part("order", "unknown")
        distant = replace(case, situation=situation, blame=(*case.blame, ("order", case.clause)))
        order = self.orders.pick("unknown", "first") or ""
        sent = self.dispatch.send(distant, order)
        result = self.confirmation.conclude(distant, order, sent)
        if not sent.wrong and sent.matched is not None and sent.matched.part == "order":
            reason = "the target looks at the order first, and --read-only names none that exists"
            return replace(result, outcome=Outcome.UNTESTED, reason=reason)
        return result

    def _accept_again(self, case: Case, order: str) -> Result:
        """Send a request for an order whose refund request has ended; for the first one, a second request too."""
        sent = self.dispatch.send(case, order)
        if self.speaks_of_state(sent) and self.orders.partly_used:
            reason = f"an order of orders.{case.group} may have been used before, as others were; list unused ones"
            return Result(case.id, case.clause, case.title, Outcome.UNTESTED, reason)
        return self._accepted(case, order, sent)

    def _accepted(self, case: Case, order: str, sent: Sent) -> Result:
        """Return the result of a sending; if it was accepted, and is to be followed, send another for its order.

        That is the latest order used up, if the request was lost at first, and accepted for another.
        """
        result = self.confirmation.conclude(case, order, sent)
        if not sent.accepted and case.group == "refundable" and self.orders.spent:
            order = self.orders.spent[-1]
        if sends_again(case) and result.answer == "success":
            again = second_case(self.dispatch.contract)
            slug = f"after-{case.clause.replace('.', '-')}-{case.slug}"
            again = replace(again, id=f"{again.clause}/{slug}", group=case.group)
            self.dispatch.keep(self.carry_out(again, order))
        return result

    # -- requests that must be accepted -------------------------------------------------------------

    def _accept(self, case: Case) -> Result:
        """Send a request that must be accepted: for its shared order if that has served, else for a new one."""
        key = self._shared.get(case.id, "")
        bench = self.orders.benches.get(key)
        if bench is not None and bench.sent:
            sent = self.prove(key, case)
            if sent.decided and not self.speaks_of_state(sent):
                return self._accepted(case, bench.order, sent)
        order = self.orders.lease()
        sent, order = self.elsewhere(case, self.sent_to_accept(case, order), order)
        if sent.reading and self.speaks_of_state(sent):
            return self._disturbed(case, sent)
        return self._accepted(case, order, sent)

    def _disturbed(self, case: Case, sent: Sent) -> Result:
        """Orders from all over the list are refused, though others were accepted before: these disturb them.

        Unless somebody had used orders before the run: then these may be more of them.
        """
        said = describe_reading(sent.reading) if sent.reading else ""
        if self.orders.partly_used:
            result = _used_before(case, sent)
            self.orders.close(result.reason)
            return result
        self.orders.close(f"after requests for other orders were accepted, further ones are refused ({said})")
        expected = "200 without errors, whatever was accepted for other orders"
        finding = Finding("order.lifecycle", Kind.REFUSED, expected, f"{said} on {OTHER_ORDERS + 1} orders")
        return replace(result_of(case, [sent], (finding,)), failed=OTHER_ORDERS + 1, tries=OTHER_ORDERS + 1)

    def sent_to_accept(self, case: Case, order: str) -> Sent:
        sent = self.dispatch.send(case, order)
        if sent.accepted:
            self.orders.spent.append(order)
        return sent

    def prove(self, key: str, case: Case) -> Sent:
        """Send a valid request for a shared order: if it is accepted, nothing refused on it had an effect."""
        bench = self.orders.benches[key]
        sent = self.sent_to_accept(case, bench.order)
        if sent.accepted:
            self.proven.add(key)
        if sent.accepted or self.speaks_of_state(sent) or sent.reading is None:
            self.orders.drop_bench(key)
        if self.speaks_of_state(sent):
            self._hunt(key, bench)
        return sent

    # -- requests that must, or may, be refused -----------------------------------------------------

    def _refuse(self, case: Case, key: str) -> Result:
        if case.clause in self._accepted_clauses and key != QUESTIONS:
            return _spared(case, "its clause is violated already, and an acceptance would use up another order")
        bench = self.orders.bench(key)
        sent = self._send_once(case, bench.order)
        if key == QUESTIONS and (not sent.decided or sent.exchange.failure is Failure.CLOSED):
            self.orders.drop_bench(key)
            bench = self.orders.bench(key)
            sent = self.dispatch.send(case, bench.order)
        if self.speaks_of_state(sent) and not self.confirmation.is_known(case, sent):
            again = self.dispatch.send(case, bench.order)
            if again.decided and not self.speaks_of_state(again):
                self.note(case, key, bench, again)
                return self.confirmation.between(case, sent, again)
            bench, sent = self._on_another(case, key, bench)
            if self.speaks_of_state(sent):
                if self.orders.partly_used:
                    return _used_before(case, sent)
                if self._is_disturbed(bench.order):
                    return self._disturbed(case, sent)
        self.note(case, key, bench, sent)
        result = self.confirmation.conclude(case, bench.order, sent)
        used = bench.order in self.orders.spent or bench.order in self.orders.doubtful
        if used and self.orders.benches.get(key) is bench:
            self.orders.drop_bench(key)  # it was accepted when it was sent again
        if sent.matched is not None and sent.matched.part == "order" and case.situation.wrong == ("caller",):
            reason = "the target looks at the order first, and for this caller finds none"
            return replace(result, outcome=Outcome.UNTESTED, reason=reason)
        return result

    def _on_another(self, case: Case, key: str, bench: Bench) -> tuple[Bench, Sent]:
        """Send a case for another shared order, after a look for what has used up the one before."""
        self.orders.drop_bench(key)
        if bench.sent:
            self._hunt(key, bench)
        bench = self.orders.bench(key)
        sent = self.dispatch.send(case, bench.order)
        if self.speaks_of_state(sent):
            self.orders.drop_bench(key)
        return bench, sent

    def _is_disturbed(self, order: str) -> bool:
        """Whether the plain request is refused too, for this order and for others: then it is not the case."""
        plain = plain_case(self.dispatch.contract)
        sent, _ = self.elsewhere(plain, self.sent_to_accept(plain, order), order)
        return self.speaks_of_state(sent)

    def note(self, case: Case, key: str, bench: Bench, sent: Sent) -> None:
        """Keep account of a shared order after a request for it."""
        if sent.accepted:
            self.orders.drop_bench(key)
            if any(finding.kind is Kind.ACCEPTED for finding in sent.findings):
                self._accepted_clauses.add(case.clause)
        elif _is_kept_account_of(sent) and self.orders.benches.get(key) is bench:
            bench.sent.append(case)

    # -- effects -----------------------------------------------------------------------------------

    def _hunt(self, key: str, bench: Bench) -> None:
        """Look, once for each shared order, for the refused request that had an effect.

        Where none is found, the orders are not what the settings say, and further searches would be in vain.
        """
        if key in self._hunted or self._orders_doubted:
            return
        self._hunted.add(key)
        result = find_guilty(self.dispatch, bench)
        if result is None:
            self._orders_doubted = self.orders.used_before = True
        else:
            self.tainted.add(key)
            self.dispatch.keep(result)

    def speaks_of_state(self, sent: Sent) -> bool:
        """Whether a wrong answer speaks of a state that a refundable order cannot have, but a used one can."""
        outcomes = self.dispatch.contract.outcomes.values()
        states = {o.errors for o in outcomes if o.part == "order" and o.value != "zero-price"}
        return sent.wrong and not states.isdisjoint(sent.codes)


def _is_kept_account_of(sent: Sent) -> bool:
    """Whether a request was refused, as far as that shows, so that it must have had no effect."""
    return sent.exchange.request.cut or (sent.reading is not None and sent.reading.status < 500)


def _used_before(case: Case, sent: Sent) -> Result:
    said = describe_reading(sent.reading) if sent.reading else ""
    reason = f"orders of orders.refundable are refused ({said}), as others were at first; list unused ones"
    return Result(case.id, case.clause, case.title, Outcome.UNTESTED, reason)


def _spared(case: Case, reason: str) -> Result:
    return Result(case.id, case.clause, case.title, Outcome.SPARED, reason)
