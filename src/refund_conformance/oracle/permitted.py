"""Which answers the contract permits in a situation: a pure function to a set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

from refund_conformance.contract.model import PRECEDENCE, Contract, Outcome, Question
from refund_conformance.oracle.situation import Situation

FIELD_ERROR = ("field", "invalid")
_NOT_FOUND = frozenset({"unknown", "foreign"})


@dataclass(frozen=True)
class Permitted:
    """One kind of permitted answer.

    ``part`` is the wrong part that answers, "" for success. ``errors`` is the one code, "some" (at least one),
    "undemanded", "anything" (no answer is permitted too), or "none" for a success. ``fields`` are the invalid
    fields, each to have an error of its own, or several if the outcome ``repeats``. ``should`` are the codes of
    which one is expected, short of being promised.
    """

    part: str
    statuses: frozenset[int]
    errors: int | Literal["some", "undemanded", "anything", "none"]
    fields: frozenset[str] = frozenset()
    should: frozenset[int] = frozenset()
    repeats: bool = False

    @property
    def success(self) -> bool:
        """Whether this is the acceptance of the request."""
        return self.errors == "none"


def permitted(contract: Contract, situation: Situation, pins: Mapping[str, str]) -> frozenset[Permitted]:
    """Return every answer that the contract permits in this situation.

    ``pins`` maps open questions to the answer that the target's settings pin.
    """
    readings = _readings(contract, situation, pins)
    return frozenset(answer for reading in readings for answer in _conclusions(contract, reading, pins))


def answer_of(contract: Contract, situation: Situation, question: str, given: Permitted) -> str | None:
    """Return the answer to a question that a permitted answer reveals, or None if it could be several."""
    revealed = [
        answer
        for answer in contract.questions[question].answers
        if given in permitted(contract, situation, {question: answer})
    ]
    return revealed[0] if len(revealed) == 1 else None


def _readings(contract: Contract, situation: Situation, pins: Mapping[str, str]) -> Iterator[Situation]:
    """Yield the situation as each combination of answers to the open questions would have it."""
    touched = [(contract.questions[name], field) for name, field in _touched(contract, situation)]
    for answers in product(*(_allowed(question, pins) for question, _ in touched)):
        reading = situation
        for (question, field), answer in zip(touched, answers, strict=True):
            for part, value in question.answers[answer].items():
                is_invalid = (part, value) == FIELD_ERROR
                reading = reading.with_invalid(field) if is_invalid else reading.with_part(part, value)
        yield reading


def _touched(contract: Contract, situation: Situation) -> Iterator[tuple[str, str]]:
    asked = {name for name, _ in situation.questions}
    effects = (effect for name in asked for effect in contract.questions[name].answers.values())
    implied = {
        "malformed-order-id": situation.route == "malformed-order-id",
        "order-not-found-code": situation.order in _NOT_FOUND,
        "repeated-field-errors": bool(situation.invalid)
        or any(FIELD_ERROR in effect.items() for effect in effects),
    }
    yield from ((name, "") for name in contract.questions if implied.get(name) and name not in asked)
    yield from situation.questions


def _allowed(question: Question, pins: Mapping[str, str]) -> tuple[str, ...]:
    return (pins[question.id],) if question.id in pins else question.permitted


def _conclusions(contract: Contract, situation: Situation, pins: Mapping[str, str]) -> Iterator[Permitted]:
    wrong = situation.wrong
    if "body" in wrong:
        wrong = tuple(part for part in wrong if part != "field")  # what is no object has no fields
    if not wrong:
        yield Permitted("", frozenset({contract.operation.success_status}), "none")
        return
    wrong = tuple(part for part in wrong if _outcome(contract, situation, part).alone) or wrong
    if PRECEDENCE in pins:
        order = [part.strip() for part in pins[PRECEDENCE].split(",")]
        wrong = tuple(sorted(wrong, key=order.index)[:1])
    for part in wrong:
        outcome = _outcome(contract, situation, part)
        fields = situation.invalid if part == "field" else frozenset[str]()
        yield Permitted(part, outcome.statuses, outcome.errors, fields, outcome.should, outcome.repeats)


def _outcome(contract: Contract, situation: Situation, part: str) -> Outcome:
    return contract.outcomes[part, getattr(situation, part)]
