"""Ask open questions on an order that is used up already, where the target's order of checks lets it answer."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from refund_conformance.cases.case import Case
from refund_conformance.cases.orders import SPENT
from refund_conformance.cases.questions import at_once
from refund_conformance.engine.confirmation import Confirmation
from refund_conformance.engine.executor import Dispatch
from refund_conformance.oracle.result import Outcome, Result


class Inquiry:
    """Asks the questions of one process. ``refuse`` carries a case out on an order of the questions' own."""

    def __init__(self, dispatch: Dispatch, confirmation: Confirmation, refuse: Callable[[Case], Result]) -> None:
        self._dispatch = dispatch
        self._confirmation = confirmation
        self._refuse = refuse

    def ask(self, case: Case) -> Result:
        """Ask a question: together with others, or alone if that is not accepted."""
        answered = None if self._is_asked_alone(case) else self._answered_at_once
        if answered is not None:
            return replace(answered, case=case.id, clause=case.clause, title=case.title)
        return self._ask_alone(case)

    def is_free(self, case: Case) -> bool:
        """Whether a case asks questions by itself, and an open refund request does not hide their answers."""
        return self._is_asked_alone(case) and self._is_unhidden(case)

    def _is_asked_alone(self, case: Case) -> bool:
        together = self._at_once.situation.questions
        return case.group == SPENT and not any(asked in together for asked in case.situation.questions)

    def _is_unhidden(self, case: Case) -> bool:
        before = self._dispatch.observations.answers_before_order
        return bool(self._dispatch.orders.accepted) and all(
            before(question) for question, _ in case.situation.questions
        )

    @cached_property
    def _at_once(self) -> Case:
        """The request that asks several questions."""
        return at_once(self._dispatch.contract)

    @cached_property
    def _answered_at_once(self) -> Result | None:
        """The acceptance of that request; None if it is not accepted."""
        if not self._dispatch.may_accept(self._at_once):
            return None
        result = self._ask_alone(self._at_once)
        return result if result.outcome is Outcome.HELD and result.answer == "success" else None

    def _ask_alone(self, case: Case) -> Result:
        if not self._is_unhidden(case):
            return self._refuse(case)
        asked = replace(case, situation=case.situation.with_part("order", "refund-open"))
        order = self._dispatch.orders.accepted_order(case.id)
        sent = self._dispatch.send(asked, order)
        if sent.accepted:
            sent = self._dispatch.judged(replace(asked, blame=(("order", "order.once"),)), sent.exchange)
        for question, _ in case.situation.questions:
            self._dispatch.observations.asked_of_open_order(question, sent.matched)
        result = self._confirmation.conclude(asked, order, sent)
        stood_in_the_way = sent.matched is not None and sent.matched.part == "order"
        return replace(result, answer="success") if stood_in_the_way else result
