"""Ask open questions on an order that is used up already, where the target's order of checks lets it answer."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property

from refund_conformance.cases.case import SPENT, Case
from refund_conformance.cases.combinations import combination
from refund_conformance.cases.questions import asked_together
from refund_conformance.engine.confirmation import Confirmation
from refund_conformance.engine.executor import Executor
from refund_conformance.oracle.result import Outcome, Result

Questions = tuple[tuple[str, str], ...]


class OpenQuestions:
    """Asks the questions of one process. ``refuse`` carries a case out on an order of the questions' own."""

    def __init__(self, executor: Executor, confirmation: Confirmation, refuse: Callable[[Case], Result]) -> None:
        self._executor = executor
        self._confirmation = confirmation
        self._refuse = refuse
        self._answered: dict[str, Result | None] = {}
        self._failed: dict[str, Result] = {}
        self._held_apart: Counter[str] = Counter()

    def ask(self, case: Case) -> Result:
        """Ask a question: together with others, or alone if that is not accepted."""
        whole = self._together.get(case.situation.questions)
        answered = self._answer(whole) if whole is not None else None
        if answered is not None:
            return replace(answered, case=case.id, clause=case.clause, title=case.title)
        result = self._ask_alone(case)
        if whole is not None and result.outcome is Outcome.HELD:
            self._note_held(whole)
        return result

    def _note_held(self, whole: Case) -> None:
        """Keep the failure of a request that asks several questions, if each of them got a lawful answer alone."""
        self._held_apart[whole.id] += 1
        if self._held_apart[whole.id] == len(whole.situation.questions) and whole.id in self._failed:
            self._executor.keep(self._failed[whole.id])

    def is_free(self, case: Case) -> bool:
        """Whether a case is asked by itself, and an open refund request does not hide its answer."""
        return case.group == SPENT and case.situation.questions not in self._together and self._is_unhidden(case)

    def _is_unhidden(self, case: Case) -> bool:
        observations = self._executor.observations
        asked = [question for question, _ in case.situation.questions]
        parts = observations.parts_of(asked) if asked else {"field"}
        if not self._executor.orders.accepted:
            return False
        return observations.looks_first_at(parts) or (parts == {"field"} and self._looks_at_fields_first)

    @cached_property
    def _looks_at_fields_first(self) -> bool:
        """Whether the target names an invalid field before the state of a used order: it is asked once.

        That request may spare an order for each question that follows.
        """
        both = combination(self._executor.contract, "merchant", "json", "one-field", SPENT)
        self._executor.send(both, self._executor.orders.accepted_order(both.id))
        return self._executor.observations.looks_first_at({"field"})

    @cached_property
    def _together(self) -> Mapping[Questions, Case]:
        """The requests that ask several questions, by each of them."""
        requests = asked_together(self._executor.contract)
        return {(asked,): request for request in requests for asked in request.situation.questions}

    def _answer(self, whole: Case) -> Result | None:
        """Return the acceptance of a request that asks several questions; None if it is not accepted."""
        if whole.id not in self._answered:
            may_accept = self._executor.may_accept(whole)
            result = self._ask_alone(whole) if may_accept else None
            if result is not None and result.outcome is Outcome.VIOLATED:
                self._failed[whole.id] = result
            is_accepted = result is not None and result.outcome is Outcome.HELD and result.answer == "success"
            self._answered[whole.id] = result if is_accepted else None
        return self._answered[whole.id]

    def _ask_alone(self, case: Case) -> Result:
        if case.group != SPENT or not self._is_unhidden(case):
            return self._refuse(case)
        asked = replace(case, situation=case.situation.with_part("order", "refund-open"))
        order = self._executor.orders.accepted_order(case.id)
        sent = self._executor.send(asked, order)
        if sent.accepted:
            sent = self._executor.judged(replace(asked, blame=(("order", "order.once"),)), sent.exchange)
        for question, _ in case.situation.questions:
            self._executor.observations.asked_of_open_order(question, sent.matched)
        result = self._confirmation.conclude(asked, order, sent)
        stood_in_the_way = sent.matched is not None and sent.matched.part == "order"
        return replace(result, answer="success") if stood_in_the_way else result
