"""Carry cases out on a target: choose the order, send, judge, make sure, and keep the result."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from refund_conformance.cases.case import Case, plain_case
from refund_conformance.cases.orders import AGAIN_REFUNDABLE, SPENT, second_case, sends_again
from refund_conformance.contract.untested import Because
from refund_conformance.engine.bisection import find_guilty
from refund_conformance.engine.confirmation import Confirmation, undecided_result
from refund_conformance.engine.confirmation import result as result_of
from refund_conformance.engine.executor import LOST_TRIES, Dispatch
from refund_conformance.engine.open_questions import Inquiry
from refund_conformance.engine.order_retry import OTHER_ORDERS, OrderRetry, reports_order_state
from refund_conformance.engine.partitions import QUESTIONS, bench_of, must_be_accepted
from refund_conformance.engine.race import accept_one
from refund_conformance.engine.sending import Sent, UndecidedError
from refund_conformance.engine.snapshot import Snapshot
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.judge import describe_reading
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut.order_pool import MOST_USED, NoOrderError, SharedOrder
from refund_conformance.transport.exchange import Exchange, Request

REMEMBERED = 1000
"""Refused requests that are remembered in order not to send them twice: more than there are listed cases."""

SETTLED_RACE = ("order.once", "order.race")
"""Clauses after whose violation no more requests are raced."""

TOLD_APART = ("order.foreign", "order.unknown")
"""Clauses whose answers are kept, for nothing in them may tell a foreign order from an unknown one."""


class Examination:
    """One process's examination of a target. Methods raise TargetError once the target is gone.

    ``shared`` tells, by case id, on which shared order a request goes that must be accepted. ``raced`` are the
    cases of which several are sent at once, to see that one is accepted. ``tainted`` are the shared orders on
    which a refused request is known to have had an effect, ``proven`` those on which a valid one was accepted in
    the end.
    """

    def __init__(self, dispatch: Dispatch, shared: Mapping[str, str], raced: Collection[str] = ()) -> None:
        self.dispatch = dispatch
        self.orders = dispatch.orders
        self.confirmation = Confirmation(dispatch)
        self.inquiry = Inquiry(dispatch, self.confirmation, lambda case: self._refuse(case, QUESTIONS))
        self.proven: set[str] = set()
        self.tainted: set[str] = set()
        self.order_answers: dict[str, list[tuple[str, Sent]]] = defaultdict(list)
        self._shared = shared
        self._retry = OrderRetry(dispatch, self.confirmation, self.sent_to_accept)
        self.raced = raced
        self._seconds: dict[str, Sent] = {}
        self._early: dict[str, Result] = {}
        self._refused: dict[Request, Exchange] = {}
        self._ahead: set[Request] = set()
        self._accepted_clauses: set[str] = set()
        self._hunted: set[str] = set()
        self._orders_doubted = False
        self._undecided: dict[str, Callable[[], Result]] = {}

    # -- the smoke test ------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return what the first requests have shown."""
        return Snapshot(tuple(self._early.values()), self.orders.state)

    def resume(self, snapshot: Snapshot) -> None:
        """Go on from where another part of the run has begun."""
        for result in snapshot.results:
            self._early[result.case] = result
            self.dispatch.count(result)
        self.orders.take(snapshot.orders)

    def keep_early(self, result: Result) -> None:
        """Keep the result of a case that is sent before its turn."""
        self.remember(self.dispatch.keep(result))

    def remember(self, result: Result) -> None:
        """Take note that a case was sent before its turn."""
        self._early[result.case] = result

    def was_refused_at_first(self, case: str) -> bool:
        """Whether a case was sent before anything authorized, and held then."""
        return case in self._early and self._early[case].outcome in (Outcome.HELD, Outcome.WARNED)

    def held_before(self, case: Case, order: str) -> bool:
        """Whether a case's very request was refused for an order before, as it should be."""
        return self.dispatch.client.request(case.draft, order) in self._refused

    def retry_on_other_order(self, case: Case, sent: Sent, order: str) -> tuple[Sent, str]:
        """Send a valid request again while it gets no answer, or is refused for the state of its order."""
        return self._retry.until_accepted(case, sent, order)

    # -- one case ----------------------------------------------------------------------------------

    def examine(self, case: Case) -> Result:
        """Carry a case out, keep its result in the record, and return it."""
        if case.id in self._early:
            return self._early[case.id]
        return self.keep_result_of(case, lambda: self._examine(case))

    def keep_result_of(self, case: Case, check: Callable[[], Result]) -> Result:
        """Carry out a check, keep its result, and return it.

        A lack of orders or tokens makes it untested. What came to no decision is tried once more at the end.
        """
        try:
            result = check()
        except NoOrderError as reason:
            result = Result(
                case.id, case.clause, case.title, Outcome.UNTESTED, str(reason), because=reason.because
            )
        except UndecidedError as undecided:
            result = undecided_result(case, undecided.reason, (undecided.number,))
        if result.outcome is Outcome.UNDECIDED:
            self._undecided[case.id] = lambda: self.keep_result_of(case, check)
        return self.dispatch.keep(result)

    def repeat_undecided(self) -> None:
        """Try once more, at the end, what came to no decision: a gateway answered, or connections were lost."""
        undecided, self._undecided = self._undecided, {}
        for check in undecided.values():
            check()

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
            return self.orders.accepted_order(case.id)
        if case.group == "refundable":
            return self.orders.share(bench_of(case)).order
        return self.orders.pick(case.group, case.pick)

    def _examine(self, case: Case) -> Result:
        self.dispatch.require_credential(case)
        if not self.dispatch.client.allows(case.draft):
            return _spared(case, "the token's form allows no such forgery")
        if case.group == SPENT:
            asks = case.situation.questions and not case.situation.wrong
            return self.inquiry.ask(case) if asks else self.carry_out(case, self.orders.accepted_order(case.id))
        if case.group != "refundable":
            order = self.orders.pick(case.group, case.pick)
            if order is None:
                return _spared(case, f"orders.{case.group} has no {case.pick} order of its own")
            if case.group == AGAIN_REFUNDABLE:
                return self._accept_ended(case, order)
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
            return replace(result, outcome=Outcome.UNTESTED, reason=reason, because=Because.CHOICE)
        return result

    def _accept_ended(self, case: Case, order: str) -> Result:
        """Send a request for an order whose refund request has ended; for the first one, a second request too.

        One that is refused for its state may have been used before: others are tried, as long as there are some.
        """
        sent = self._send_valid(case, order)
        while not self.orders.fresh and sent.decided and self.reports_order_state(sent):
            other = self.orders.lease_other(case.group)
            if other is None:
                reason = f"the orders of orders.{case.group} are used; list others whose refund request has ended"
                return Result(case.id, case.clause, case.title, Outcome.UNTESTED, reason, because=Because.SUPPLY)
            order, sent = other, self.dispatch.send(case, other)
        return self._accepted(case, order, sent)

    def _accepted(self, case: Case, order: str, sent: Sent) -> Result:
        """Return the result of a sending; if it was accepted, and is to be followed, send another for its order.

        That is the latest order used up, if the request was lost at first, and accepted for another.
        """
        result = self.confirmation.conclude(case, order, sent)
        if not sent.accepted and case.group == "refundable" and self.orders.accepted:
            order = self.orders.accepted[-1]
        second = self._seconds.get(order)
        if (sends_again(case) or second) and result.answer == "success":
            again = second_case(self.dispatch.contract)
            slug = f"after-{case.clause.replace('.', '-')}-{case.slug}"
            again = replace(again, id=f"{again.clause}/{slug}", group=case.group)
            sent = self.dispatch.judged(again, second.exchange) if second else self.dispatch.send(again, order)
            self.dispatch.keep(self.confirmation.conclude(again, order, sent))
        return result

    # -- requests that must be accepted -------------------------------------------------------------

    def _accept(self, case: Case) -> Result:
        """Send a request that must be accepted: for its shared order if that has served, else for a new one."""
        key = self._shared.get(case.id, "")
        shared = self.orders.shared.get(key)
        if shared is not None and shared.sent:
            sent = self.prove(key, case)
            if sent.decided and not self.reports_order_state(sent):
                return self._accepted(case, shared.order, sent)
        order = self.orders.lease()
        sent, order = self.retry_on_other_order(case, self.sent_to_accept(case, order), order)
        if sent.reading and self.reports_order_state(sent):
            return self._disturbed(case, sent)
        return self._accepted(case, order, sent)

    def _disturbed(self, case: Case, sent: Sent) -> Result:
        """Fresh orders are refused, though others were accepted before: the acceptance disturbs them."""
        said = describe_reading(sent.reading) if sent.reading else ""
        self.orders.stop(f"after requests for other orders were accepted, further ones are refused ({said})")
        expected = "200 without errors, whatever was accepted for other orders"
        finding = Finding("order.lifecycle", Kind.REFUSED, expected, f"{said} on {OTHER_ORDERS + 1} orders")
        return replace(result_of(case, [sent], (finding,)), failed=OTHER_ORDERS + 1, tries=OTHER_ORDERS + 1)

    def sent_to_accept(self, case: Case, order: str) -> Sent:
        """Send a request that may be accepted, and note if it was."""
        sent = self._send_valid(case, order)
        if sent.decided and sent.accepted:
            self.orders.mark_accepted(order)
        return sent

    def _send_valid(self, case: Case, order: str) -> Sent:
        """Send a request that is to be accepted: several at once if its case is raced, as long as none failed."""
        if case.id not in self.raced or not self.dispatch.violated.isdisjoint(SETTLED_RACE):
            return self.dispatch.send(case, order)
        accepted = accept_one(self.dispatch, case, order)
        if accepted.result is not None:
            self.dispatch.keep(accepted.result)
        if accepted.second is not None:
            self._seconds[order] = accepted.second
        return accepted.sent

    def prove(self, key: str, case: Case) -> Sent:
        """Send a valid request for a shared order: if it is accepted, nothing refused on it had an effect."""
        shared = self.orders.shared[key]
        sent = self.sent_to_accept(case, shared.order)
        for _ in range(LOST_TRIES - 1):
            if sent.decided:
                break
            self.dispatch.require_answers(case, sent.exchange)
            sent = replace(self.sent_to_accept(case, shared.order), before=(sent.exchange, *sent.before))
        if not sent.decided or (sent.before and self.reports_order_state(sent)):
            self.orders.unshare(key)  # a request that got no answer may have been accepted
            raise UndecidedError("the proof that nothing had an effect got no answer", sent.number)
        if sent.accepted:
            self.proven.add(key)
        if sent.accepted or self.reports_order_state(sent) or sent.reading is None:
            self.orders.unshare(key)
        if self.reports_order_state(sent):
            self._hunt(key, shared)
        return sent

    # -- requests that must, or may, be refused -----------------------------------------------------

    def _refuse(self, case: Case, key: str) -> Result:
        if case.clause in self._accepted_clauses and key != QUESTIONS:
            return _spared(case, "its clause is violated already, and an acceptance would use up another order")
        shared = self.orders.share(key)
        sent = self._send_once(case, shared.order)
        for _ in range(LOST_TRIES - 1):
            if sent.decided:
                break
            self.dispatch.require_answers(case, sent.exchange)
            self.orders.unshare(key)  # it may have been accepted
            shared = self.orders.share(key)
            sent = self.dispatch.send(case, shared.order)
        if self.reports_order_state(sent) and not self.confirmation.is_known(case, sent):
            again = self.dispatch.send(case, shared.order)
            if again.decided and not self.reports_order_state(again):
                self.note(case, key, shared, again)
                return self.confirmation.between(case, sent, again)
            shared, sent = self._on_other_shared(case, key, shared, sent)
            if self.orders.fresh and self.reports_order_state(sent) and self._is_disturbed(shared.order):
                return self._disturbed(case, sent)
        self.note(case, key, shared, sent)
        result = self.confirmation.conclude(case, shared.order, sent)
        if not self.orders.is_untouched(shared.order) and self.orders.shared.get(key) is shared:
            self.orders.unshare(key)  # it was accepted when it was sent again
        if sent.matched is not None and sent.matched.part == "order" and case.situation.wrong == ("caller",):
            reason = "the target looks at the order first, and for this caller finds none"
            return replace(result, outcome=Outcome.UNTESTED, reason=reason, because=Because.TARGET)
        return result

    def _on_other_shared(self, case: Case, key: str, shared: SharedOrder, sent: Sent) -> tuple[SharedOrder, Sent]:
        """Send a case for other shared orders, after a look for what has used up the one before."""
        for _ in range(MOST_USED):
            self.orders.unshare(key)
            if shared.sent:
                self._hunt(key, shared)
            elif not self.orders.fresh:
                plain = self.sent_to_accept(plain_case(self.dispatch.contract), shared.order)
                if not self.reports_order_state(plain):
                    break  # nothing was wrong with the order
                self._retry.note_used(shared.order, sent)
            shared = self.orders.share(key)
            sent = self.dispatch.send(case, shared.order)
            if self.orders.fresh or not self.reports_order_state(sent):
                break
        if self.reports_order_state(sent):
            self.orders.unshare(key)
        return shared, sent

    def _is_disturbed(self, order: str) -> bool:
        """Whether the plain request is refused too, for this order and for others: then it is not the case."""
        plain = plain_case(self.dispatch.contract)
        sent, _ = self.retry_on_other_order(plain, self.sent_to_accept(plain, order), order)
        return self.reports_order_state(sent)

    def note(self, case: Case, key: str, shared: SharedOrder, sent: Sent) -> None:
        """Keep account of a shared order after a request for it."""
        if not sent.decided:
            return
        if sent.accepted:
            self.orders.unshare(key)
            if any(finding.kind is Kind.ACCEPTED for finding in sent.findings):
                self._accepted_clauses.add(case.clause)
        elif _is_kept_account_of(sent) and self.orders.shared.get(key) is shared:
            shared.sent.append(case)

    # -- effects -----------------------------------------------------------------------------------

    def _hunt(self, key: str, shared: SharedOrder) -> None:
        """Look, once for each shared order, for the refused request that had an effect.

        Where none is found, the orders are not what the settings say, and further searches would be in vain.
        """
        if key in self._hunted or self._orders_doubted:
            return
        self._hunted.add(key)
        result = find_guilty(self.dispatch, shared)
        if result is None:
            self._orders_doubted = True
        else:
            self.tainted.add(key)
            self.dispatch.keep(result)

    def reports_order_state(self, sent: Sent) -> bool:
        """Whether a wrong answer names a state that a refundable order cannot have, but a used one can."""
        return reports_order_state(self.dispatch, sent)


def _is_kept_account_of(sent: Sent) -> bool:
    """Whether a request was refused, as far as that shows, so that it must have had no effect."""
    return sent.exchange.request.cut or (sent.reading is not None and sent.reading.status < 500)


def _spared(case: Case, reason: str) -> Result:
    return Result(case.id, case.clause, case.title, Outcome.SPARED, reason)
