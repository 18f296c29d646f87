"""Carry cases out on a target: choose the order, send, judge, make sure, and keep the result."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from refund_conformance.cases.case import SPENT, Case, plain_case
from refund_conformance.cases.orders import AGAIN_REFUNDABLE
from refund_conformance.contract.untested import Because
from refund_conformance.engine.acceptance import Acceptance
from refund_conformance.engine.confirmation import Confirmation, undecided_result
from refund_conformance.engine.executor import LOST_TRIES, Executor
from refund_conformance.engine.open_questions import OpenQuestions
from refund_conformance.engine.order_retry import reports_order_state
from refund_conformance.engine.partitions import COMBINED, Joint, must_be_accepted, shared_order_of
from refund_conformance.engine.sending import Sent, UndecidedError
from refund_conformance.engine.side_effects import SideEffects
from refund_conformance.engine.snapshot import Snapshot
from refund_conformance.oracle.finding import Kind
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut.order_pool import MOST_USED, NoOrderError, SharedOrder
from refund_conformance.transport.exchange import Exchange, Request

REMEMBERED = 1000
"""Refused requests that are remembered in order not to send them twice: more than there are listed cases."""

COMPARED = ("order.foreign", "order.unknown")
"""Clauses whose answers are kept, for nothing in them may tell a foreign order from an unknown one."""


class Runner:
    """One process's runner of a target. Methods raise TargetError once the target is gone.

    ``joints`` tells, by case id, with which others a request goes that must be accepted. ``raced`` are the cases
    of which several are sent at once, to see that one is accepted; ``raced_orders`` are those of the last round.
    """

    def __init__(self, executor: Executor, joints: Mapping[str, Joint], raced: Collection[str] = ()) -> None:
        self.executor = executor
        self.orders = executor.orders
        self.confirmation = Confirmation(executor)
        self.open_questions = OpenQuestions(executor, self.confirmation, lambda case: self._refuse(case, COMBINED))
        self.side_effects = SideEffects(executor)
        self.acceptance = Acceptance(executor, self.confirmation, self.side_effects, joints, raced)
        self.order_answers: dict[str, list[tuple[str, Sent]]] = defaultdict(list)
        self.raced = raced
        self.raced_orders: tuple[str, ...] = ()
        self._early: dict[str, Result] = {}
        self._refused: dict[Request, Exchange] = {}
        self._prefetched: set[Request] = set()
        self._accepted_clauses: set[str] = set()
        self._undecided: dict[str, Callable[[], Result]] = {}

    # -- the smoke test ------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return what the first requests have shown."""
        return Snapshot(tuple(self._early.values()), self.orders.state)

    def resume(self, snapshot: Snapshot) -> None:
        """Go on from where another part of the run has begun."""
        for result in snapshot.results:
            self._early[result.case] = result
            self.executor.count(result)
        self.orders.take(snapshot.orders)

    def keep_early(self, result: Result) -> None:
        """Keep the result of a case that is sent before its turn."""
        self.remember(self.executor.keep(result))

    def remember(self, result: Result) -> None:
        """Take note that a case was sent before its turn."""
        self._early[result.case] = result

    def was_refused_at_first(self, case: str) -> bool:
        """Whether a case was sent before anything authorized, and held then."""
        return case in self._early and self._early[case].outcome in (Outcome.HELD, Outcome.WARNED)

    def held_before(self, case: Case, order: str) -> bool:
        """Whether a case's very request was refused for an order before, as it should be."""
        return self.executor.client.request(case.draft, order) in self._refused

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
        return self.executor.keep(result)

    def repeat_undecided(self) -> None:
        """Try once more, at the end, what came to no decision: a gateway answered, or connections were lost."""
        undecided, self._undecided = self._undecided, {}
        for check in undecided.values():
            check()

    def prefetch(self, cases: Iterable[Case]) -> None:
        """Send the requests of cases whose turn will come, where several may be in flight."""
        for case in cases:
            if (
                self.executor.prefetched.takes(case)
                and (case.situation.wrong or self.open_questions.is_free(case))
                and case.id not in self._early
                and case.clause not in self._accepted_clauses
            ):
                with suppress(NoOrderError):
                    self.executor.require_credential(case)
                    order = self._order_to_prefetch(case)
                    request = self.executor.client.request(case.draft, order) if order else None
                    if order and request and request not in self._prefetched:
                        if len(self._prefetched) < REMEMBERED:
                            self._prefetched.add(request)
                        self.executor.prefetch(case, order)

    def _order_to_prefetch(self, case: Case) -> str | None:
        """Return the order for which a request will be sent that must be refused; None if none is known."""
        if case.group == SPENT:
            return self.orders.accepted_order(case.id)
        if case.group == "refundable":
            return self.orders.share(shared_order_of(case)).order
        return self.orders.pick(case.group, case.pick)

    def _examine(self, case: Case) -> Result:
        self.executor.require_credential(case)
        if not self.executor.client.allows(case.draft):
            return _skipped(case, "the token's form allows no such forgery")
        if case.is_asked:
            return self.open_questions.ask(case)
        if case.group == SPENT:
            return self.carry_out(case, self.orders.accepted_order(case.id))
        if case.group != "refundable":
            order = self.orders.pick(case.group, case.pick)
            if order is None:
                return _skipped(case, f"orders.{case.group} has no {case.pick} order of its own")
            if case.group == AGAIN_REFUNDABLE:
                return self.acceptance.accept_ended(case, order)
            return self.carry_out(case, order)
        if self.executor.settings.read_only and case.situation.wrong:
            return self._at_a_distance(case)
        if must_be_accepted(case) or all(a.success for a in self.executor.permitted(case.situation)):
            return self.acceptance.accept(case)
        return self._refuse(case, shared_order_of(case))

    def _send_once(self, case: Case, order: str) -> Sent:
        """Send a request that must be refused, unless the very same one was refused before, for another clause."""
        request = self.executor.client.request(case.draft, order)
        if request in self._refused:
            return self.executor.judged(case, self._refused[request])
        sent = self.executor.send(case, order)
        held = sent.reading is not None and not sent.wrong and not sent.accepted
        if request is not None and held and len(self._refused) < REMEMBERED:
            self._refused[request] = sent.exchange
        return sent

    def carry_out(self, case: Case, order: str) -> Result:
        sent = self.executor.send(case, order)
        if case.clause in COMPARED and not sent.wrong and sent.reading is not None:
            self.order_answers[case.clause].append((order, sent))
        return self.confirmation.conclude(case, order, sent)

    def _at_a_distance(self, case: Case) -> Result:
        """Send a request that must be refused for an order that does not exist, so that it can have no effect."""
        situation = case.situation.with_part("order", "unknown")
        distant = replace(case, situation=situation, blame=(*case.blame, ("order", case.clause)))
        order = self.orders.pick("unknown", "first") or ""
        sent = self.executor.send(distant, order)
        result = self.confirmation.conclude(distant, order, sent)
        if not sent.wrong and sent.matched is not None and sent.matched.part == "order":
            reason = "the target looks at the order first, and --read-only names none that exists"
            return replace(result, outcome=Outcome.UNTESTED, reason=reason, because=Because.CHOICE)
        return result

    # -- requests that must, or may, be refused -----------------------------------------------------

    def _refuse(self, case: Case, key: str) -> Result:
        if case.clause in self._accepted_clauses and case.situation.wrong:
            return _skipped(case, "its clause is violated already, and an acceptance would use up another order")
        shared = self.orders.share(key)
        sent = self._send_once(case, shared.order)
        for _ in range(LOST_TRIES - 1):
            if sent.decided:
                break
            self.executor.require_answers(case, sent.exchange)
            self.orders.unshare(key)  # it may have been accepted
            shared = self.orders.share(key)
            sent = self.executor.send(case, shared.order)
        if self.reports_order_state(sent) and not self.confirmation.is_known(case, sent):
            again = self.executor.send(case, shared.order)
            if again.decided and not self.reports_order_state(again):
                self.note(case, key, shared, again)
                return self.confirmation.between(case, sent, again)
            shared, sent = self._on_other_shared(case, key, shared, sent)
            if self.orders.fresh and self.reports_order_state(sent) and self._is_disturbed(shared.order):
                raise self.acceptance.disturbance(sent)
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
                self.side_effects.look(key, shared)
            elif not self.orders.fresh:
                plain = self.acceptance.send(plain_case(self.executor.contract), shared.order)
                if not self.reports_order_state(plain):
                    break  # nothing was wrong with the order
                self.acceptance.note_used(shared.order, sent)
            shared = self.orders.share(key)
            sent = self.executor.send(case, shared.order)
            if self.orders.fresh or not self.reports_order_state(sent):
                break
        if self.reports_order_state(sent):
            self.orders.unshare(key)
        return shared, sent

    def _is_disturbed(self, order: str) -> bool:
        """Whether the plain request is refused too, for this order and for others: then it is not the case."""
        plain = plain_case(self.executor.contract)
        sent, _ = self.acceptance.send_until_accepted(plain, order)
        return self.reports_order_state(sent)

    def note(self, case: Case, key: str, shared: SharedOrder, sent: Sent) -> None:
        """Keep account of a shared order after a request for it."""
        if not sent.decided:
            return
        if sent.accepted:
            self.orders.unshare(key)
            if any(finding.kind is Kind.ACCEPTED for finding in sent.findings):
                self._accepted_clauses.add(case.clause)
            elif shared.sent:
                self.acceptance.proven.add(key)
        elif _is_kept_account_of(sent) and self.orders.shared.get(key) is shared:
            shared.sent.append(case)

    def reports_order_state(self, sent: Sent) -> bool:
        """Whether a wrong answer names a state that a refundable order cannot have, but a used one can."""
        return reports_order_state(self.executor, sent)


def _is_kept_account_of(sent: Sent) -> bool:
    """Whether a request was refused, as far as that shows, so that it must have had no effect."""
    return sent.exchange.request.cut or (sent.reading is not None and sent.reading.status < 500)


def _skipped(case: Case, reason: str) -> Result:
    return Result(case.id, case.clause, case.title, Outcome.SKIPPED, reason)
