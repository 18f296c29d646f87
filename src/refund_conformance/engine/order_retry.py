"""Try a valid request again where the state of its order, or the network, may be why it was not accepted."""

from collections.abc import Callable
from dataclasses import replace

from refund_conformance.cases.case import Case
from refund_conformance.engine.confirmation import Confirmation
from refund_conformance.engine.executor import LOST_TRIES, Executor
from refund_conformance.engine.sending import Sent
from refund_conformance.oracle.judge import describe_reading

OTHER_ORDERS = 3
"""On how many further fresh orders a valid request is tried that is refused for the state of its order."""


def reports_order_state(executor: Executor, sent: Sent) -> bool:
    """Whether an answer that is not permitted names a state that no refundable order has, but a used one may."""
    outcomes = executor.contract.outcomes.values()
    states = {o.errors for o in outcomes if o.part == "order" and o.value != "zero-price"}
    return sent.matched is None and not states.isdisjoint(sent.codes)


class OrderRetry:
    """Sends valid requests again. ``send`` sends one for an order, and notes if it was accepted."""

    def __init__(self, executor: Executor, confirmation: Confirmation, send: Callable[[Case, str], Sent]) -> None:
        self._executor = executor
        self._confirmation = confirmation
        self._send = send

    def until_accepted(self, case: Case, sent: Sent, order: str) -> tuple[Sent, str]:
        """Send a valid request again while it gets no answer, or is refused for the state of its order.

        An order of the settings may have been used before: where that can be, orders are tried as long as there
        are some; else three more speak for themselves. What gets no answer may have had its effect, so it is sent
        again for the same order first, and for another where that is used up now.
        """
        silent = refused = 0
        while True:
            if not sent.decided or sent.reading is None:
                silent += 1
                if silent >= LOST_TRIES:
                    return self._confirmed_silence(case, sent), order
                self._executor.require_answers(case, sent.exchange)
                again = self._send(case, order)
                if again.decided and reports_order_state(self._executor, again):
                    order = self._executor.orders.lease()
                    again = self._send(case, order)
                sent = replace(again, before=(sent.exchange, *sent.before))
                continue
            if not reports_order_state(self._executor, sent) or self._confirmation.is_known(case, sent):
                return sent, order
            if refused == 0:
                again = self._send(case, order)
                if again.decided and not reports_order_state(self._executor, again):
                    self._executor.keep(self._confirmation.between(case, sent, again))
                    return again, order
            refused += 1
            self.note_used(order, sent)
            if self._executor.orders.fresh and refused > OTHER_ORDERS:
                return sent, order
            order = self._executor.orders.lease()
            sent = self._send(case, order)

    def _confirmed_silence(self, case: Case, sent: Sent) -> Sent:
        """Return a sending that got no answer, as often as counts."""
        return replace(self._executor.judged(case, sent.exchange, confirmed=True), before=sent.before)

    def note_used(self, order: str, sent: Sent) -> None:
        """Note an order that was refused for its state, though nothing of this run had used it."""
        said = describe_reading(sent.reading) if sent.reading else ""
        text = f"Order {order} of orders.refundable was refused for its state: {said}."
        self._executor.record.keep({"event": "note", "text": text})
        self._executor.orders.mark_used(order)
