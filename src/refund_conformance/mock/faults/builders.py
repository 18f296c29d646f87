"""Shapes that faults of several areas have in common."""

from collections.abc import Callable, Collection

from refund_conformance.mock.call import Answer, Call, Error, Received, Refused
from refund_conformance.mock.checks import Checks
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.fault import FaultyEndpoint

Wrong = Callable[[Refused], bool]


def refused_as(which: Wrong, status: int, codes: Collection[int] | None = None) -> FaultyEndpoint:
    """Return an endpoint that gives some refusals another status, and other codes unless they are None."""

    class RefusedOtherwise(Endpoint):
        def answer_refusal(self, refusal: Refused, step: str) -> Answer:
            if status == 204 and which(refusal):
                return Answer(status)
            if which(refusal):
                errors = refusal.errors if codes is None else tuple(error_of(self, code) for code in codes)
                refusal = Refused(status, errors, refusal.reason, refusal.headers)
            return super().answer_refusal(refusal, step)

    return RefusedOtherwise


def having(*codes: int) -> Wrong:
    """Tell the refusals that have any of the codes."""
    return lambda refusal: any(code in codes for code in refusal.codes)


def about(code: int, words: str) -> Wrong:
    """Tell the refusals that have the code and whose reason has the words."""
    return lambda refusal: code in refusal.codes and words in refusal.reason


def error_of(checks: Checks, code: int) -> Error:
    """Return an error with its documented message; a 15010 is about the email."""
    row = checks.contract.errors.get(code)
    return Error(code, row.message.format(field="email") if row else "Unknown error.")


def with_effect(which: Callable[[Answer], bool]) -> FaultyEndpoint:
    """Return an endpoint that creates a refund request although it refuses."""

    class Effective(Endpoint):
        def answer(self, received: Received) -> Answer:
            answer = super().answer(received)
            if which(answer):
                order = self.order_number(self.match_route(Call(received)) or "")
                self.store.create_refund_request(order or 0, "unknown@example.com", None)
            return answer

    return Effective


def passing_over(which: Wrong, step: str) -> FaultyEndpoint:
    """Return an endpoint that lets some requests pass one of its checks."""

    class PassingOver(Endpoint):
        def __init__(self, *parts: object) -> None:
            super().__init__(*parts)  # type: ignore[arg-type]
            check = self.checks[step]

            def forgiving(call: Call) -> None:
                try:
                    check(call)
                except Refused as refusal:
                    if not which(refusal):
                        raise

            self.checks = {**self.checks, step: forgiving}

    return PassingOver


def in_order(*steps: str) -> FaultyEndpoint:
    """Return an endpoint that makes its checks in another order."""

    class Reordered(Endpoint):
        pass

    Reordered.steps = steps
    return Reordered


class FieldsLast(Endpoint):
    """Checks the fields of a request once its order is found to be refundable."""

    steps = ("route", "authorization", "content_type", "json", "caller", "order", "state", "fields")


def is_a(*types: type) -> Callable[[object], bool]:
    """Tell the JSON values that are of exactly one of the types: a boolean is no number here."""
    return lambda value: type(value) in types
