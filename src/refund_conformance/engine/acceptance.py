"""Send requests that must be accepted: joined where they can be, several at once, on another order if need be."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace

from refund_conformance.cases.case import Case, plain_case
from refund_conformance.cases.orders import second_case, sends_again
from refund_conformance.contract.untested import Because
from refund_conformance.engine.confirmation import Confirmation
from refund_conformance.engine.confirmation import result as result_of
from refund_conformance.engine.executor import LOST_TRIES, Executor
from refund_conformance.engine.order_retry import OTHER_ORDERS, OrderRetry, reports_order_state
from refund_conformance.engine.partitions import Joint
from refund_conformance.engine.race import accept_one
from refund_conformance.engine.sending import Sent, UndecidedError
from refund_conformance.engine.side_effects import SideEffects
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.judge import describe_reading
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut.order_pool import NoOrderError
from refund_conformance.transport.exchange import Exchange

SETTLED_RACE = ("order.once", "order.race")
"""Clauses after whose violation no more requests are raced."""


class Acceptance:
    """The requests of one part of a run that must be accepted.

    ``joints`` tells, by case id, with which others a request goes. ``raced`` are the cases of which several are
    sent at once, to see that one is accepted. ``proven`` are the shared orders on which a valid request was
    accepted after those that were refused.
    """

    def __init__(
        self,
        executor: Executor,
        confirmation: Confirmation,
        side_effects: SideEffects,
        joints: Mapping[str, Joint],
        raced: Collection[str],
    ) -> None:
        self._executor = executor
        self._orders = executor.orders
        self._confirmation = confirmation
        self._side_effects = side_effects
        self._joints = joints
        self._raced = raced
        self._retry = OrderRetry(executor, confirmation, self.send)
        self._together: dict[str, tuple[str, Exchange] | None] = {}
        self._apart: dict[str, list[Result]] = defaultdict(list)
        self._seconds: dict[str, Sent] = {}
        self.proven: set[str] = set()

    def accept(self, case: Case) -> Result:
        """Carry out a case that must be accepted: joined with others, or alone if these are refused together."""
        joint = self._joints.get(case.id)
        if joint is None or len(joint.joined.members) == 1:
            return self._accept_alone(case, joint.shared_order if joint else "")
        whole = joint.joined.case
        if whole.id not in self._together:
            self._together[whole.id] = self._accepted_together(whole, joint.shared_order)
        together = self._together[whole.id]
        if together is not None:
            order, exchange = together
            return self._confirmation.conclude(case, order, self._executor.judged(case, exchange))
        result = self._accept_alone(case, joint.shared_order)
        self._apart[whole.id].append(result)
        if len(self._apart[whole.id]) == len(joint.joined.members):
            self._require_joined(whole, joint.shared_order)
        return result

    def _accepted_together(self, whole: Case, shared_order: str) -> tuple[str, Exchange] | None:
        """Send the request that joins cases; return order and exchange if it is accepted, else None."""
        order, sent = self._sent_to_be_accepted(whole, shared_order)
        if not sent.accepted:
            return None
        self._follow(whole, order)
        return order, sent.exchange

    def _require_joined(self, whole: Case, shared_order: str) -> None:
        """See that a joined request is accepted, if each of its promises was kept alone."""
        if all(result.outcome is Outcome.HELD for result in self._apart[whole.id]):
            self._executor.keep(self._accept_alone(whole, shared_order))

    def _accept_alone(self, case: Case, shared_order: str) -> Result:
        order, sent = self._sent_to_be_accepted(case, shared_order)
        if sent.reading and reports_order_state(self._executor, sent):
            raise self.disturbance(sent)
        return self._accepted(case, order, sent)

    def _sent_to_be_accepted(self, case: Case, shared_order: str) -> tuple[str, Sent]:
        """Send a request that must be accepted: for its shared order if that has served, else for a new one."""
        shared = self._orders.shared.get(shared_order)
        if shared is not None and shared.sent:
            sent = self.prove(shared_order, case)
            if sent.decided and not reports_order_state(self._executor, sent):
                return shared.order, sent
        order = self._orders.lease()
        sent, order = self.send_until_accepted(case, order)
        return order, sent

    def accept_ended(self, case: Case, order: str) -> Result:
        """Send a request for an order whose refund request has ended; for the first one, a second request too.

        One that is refused for its state may have been used before: others are tried, as long as there are some.
        """
        sent = self._send_valid(case, order)
        while not self._orders.fresh and sent.decided and reports_order_state(self._executor, sent):
            other = self._orders.lease_other(case.group)
            if other is None:
                reason = f"the orders of orders.{case.group} are used; list others whose refund request has ended"
                return Result(case.id, case.clause, case.title, Outcome.UNTESTED, reason, because=Because.SUPPLY)
            order, sent = other, self._executor.send(case, other)
        return self._accepted(case, order, sent)

    def _accepted(self, case: Case, order: str, sent: Sent) -> Result:
        """Return the result of a sending; if it was accepted and is to be followed, send another for its order."""
        result = self._confirmation.conclude(case, order, sent)
        if not sent.accepted and case.group == "refundable" and self._orders.accepted:
            order = self._orders.accepted[-1]  # it was lost at first, and accepted for another
        if (sends_again(case) or order in self._seconds) and result.answer == "success":
            self._follow(case, order)
        return result

    def _follow(self, case: Case, order: str) -> None:
        """Send a second request for an order, unless a race has sent it."""
        second = self._seconds.get(order)
        again = second_case(self._executor.contract)
        slug = f"after-{case.clause.replace('.', '-')}-{case.slug}"
        again = replace(again, id=f"{again.clause}/{slug}", group=case.group)
        sent = self._executor.judged(again, second.exchange) if second else self._executor.send(again, order)
        self._executor.keep(self._confirmation.conclude(again, order, sent))

    def disturbance(self, sent: Sent) -> NoOrderError:
        """Keep that fresh orders are refused since others were accepted as a result; return it as an error."""
        said = describe_reading(sent.reading) if sent.reading else ""
        reason = f"after requests for other orders were accepted, further ones are refused ({said})"
        self._orders.stop(reason)
        about = replace(plain_case(self._executor.contract), id="order.lifecycle/further-orders")
        about = replace(about, title="What is accepted for some orders leaves others refundable.")
        expected = "200 without errors, whatever was accepted for other orders"
        finding = Finding("order.lifecycle", Kind.REFUSED, expected, f"{said} on {OTHER_ORDERS + 1} orders")
        result = result_of(about, [sent], (finding,))
        self._executor.keep(replace(result, failed=OTHER_ORDERS + 1, tries=OTHER_ORDERS + 1))
        return NoOrderError(reason, Because.SUPPLY)

    def send(self, case: Case, order: str) -> Sent:
        """Send a request that may be accepted, and note if it was."""
        sent = self._send_valid(case, order)
        if sent.decided and sent.accepted:
            self._orders.mark_accepted(order)
        return sent

    def _send_valid(self, case: Case, order: str) -> Sent:
        """Send a request that is to be accepted: several at once if its case is raced, as long as none failed."""
        if case.id not in self._raced or not self._executor.violated.isdisjoint(SETTLED_RACE):
            return self._executor.send(case, order)
        accepted = accept_one(self._executor, case, order)
        if accepted.result is not None:
            self._executor.keep(accepted.result)
        if accepted.second is not None:
            self._seconds[order] = accepted.second
        return accepted.sent

    def prove(self, key: str, case: Case) -> Sent:
        """Send a valid request for a shared order: if it is accepted, nothing refused on it had an effect."""
        shared = self._orders.shared[key]
        sent = self.send(case, shared.order)
        for _ in range(LOST_TRIES - 1):
            if sent.decided:
                break
            self._executor.require_answers(case, sent.exchange)
            sent = replace(self.send(case, shared.order), before=(sent.exchange, *sent.before))
        if not sent.decided or (sent.before and reports_order_state(self._executor, sent)):
            self._orders.unshare(key)  # a request that got no answer may have been accepted
            raise UndecidedError("the proof that nothing had an effect got no answer", sent.number)
        if sent.accepted:
            self.proven.add(key)
        if sent.accepted or reports_order_state(self._executor, sent) or sent.reading is None:
            self._orders.unshare(key)
        if reports_order_state(self._executor, sent):
            self._side_effects.look(key, shared)
        return sent

    def send_until_accepted(self, case: Case, order: str) -> tuple[Sent, str]:
        """Send a valid request; again while it gets no answer, or is refused for the state of its order."""
        return self.retry_on_other_order(case, self.send(case, order), order)

    def retry_on_other_order(self, case: Case, sent: Sent, order: str) -> tuple[Sent, str]:
        """Send a valid request again while it gets no answer, or is refused for the state of its order."""
        return self._retry.until_accepted(case, sent, order)

    def note_used(self, order: str, sent: Sent) -> None:
        """Note an order that was refused for its state, though nothing of this run had used it."""
        self._retry.note_used(order, sent)
