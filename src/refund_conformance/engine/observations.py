"""What a target's answers reveal about the questions that the document leaves open."""

from collections.abc import Callable, Collection
from functools import lru_cache, partial
from typing import Any

from refund_conformance.contract.model import Contract
from refund_conformance.oracle import permitted
from refund_conformance.oracle.permitted import Permitted
from refund_conformance.oracle.situation import Situation

_IMPLIED = ("malformed-order-id", "order-not-found-code")


class Observations:
    """Notes what permitted answers reveal; ``keep`` takes the events."""

    def __init__(self, contract: Contract, keep: Callable[[dict[str, Any]], None]) -> None:
        self._contract = contract
        self._keep = keep
        self._answer_of = lru_cache(partial(permitted.answer_of, contract))
        self._before_order: set[str] = set()

    def note(self, situation: Situation, matched: Permitted) -> None:
        """Note what a permitted answer reveals: answers to questions, and which of two wrong parts answers."""
        for question in (*(name for name, _ in situation.questions), *_IMPLIED):
            answer = self._answer_of(situation, question, matched)
            if answer is not None:
                self._answered(question, answer)
        losers = [part for part in situation.wrong if part != matched.part]
        if losers and matched.part in situation.wrong:
            self._keep({"event": "precedence", "first": matched.part, "before": losers})
            if "order" in losers:
                self._before_order.add(matched.part)
            elif matched.part == "order":
                self._before_order -= set(losers)

    def asked_of_open_order(self, question: str, matched: Permitted | None) -> None:
        """Note the accepting answer if an open refund request was all that stood in the way."""
        if matched is not None and matched.part == "order":
            effects = self._contract.questions[question].answers
            self._answered(question, next(answer for answer, effect in effects.items() if not effect))

    def parts_of(self, questions: Collection[str]) -> frozenset[str]:
        """Return the parts of a request that questions are about."""
        answers = (self._contract.questions[question].answers for question in questions)
        return frozenset(part for effects in answers for effect in effects.values() for part in effect)

    def looks_first_at(self, parts: Collection[str]) -> bool:
        """Whether the target was seen to look at parts of a request before it looks at the order's state."""
        return self._before_order.issuperset(parts)

    def _answered(self, question: str, answer: str) -> None:
        self._keep({"event": "observation", "question": question, "answer": answer})
