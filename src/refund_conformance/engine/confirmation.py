"""Make sure before accusing: does the target still answer, and does the same request fail again?"""

from collections import Counter

from refund_conformance.cases.case import Case
from refund_conformance.engine.executor import Executor
from refund_conformance.engine.sending import Sent
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.result import Outcome, Result, outcome_of
from refund_conformance.sut.order_pool import NoOrderError
from refund_conformance.transport.exchange import Failure

CONFIRMATIONS = 2
"""How often a failing request is sent again, and how often one kind of failure is confirmed at all."""

OUTAGES = 3
"""After so many cases in a row without any answer that says something, the target counts as gone."""

WAITS = 3
"""How many further times a run waits for the time limit of a target that a request seems to keep busy."""

Signature = tuple[str, str, str]


class Confirmation:
    """Turns sendings into results."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._confirmed: Counter[Signature] = Counter()
        self._outages = 0
        self._waits = 0

    def conclude(self, case: Case, order: str, sent: Sent) -> Result:
        """Return the result of a sending. Raises TargetError if the target turns out to be gone."""
        if not sent.decided:
            return self._undecided(case, sent)
        self._outages = 0
        late = [exchange for exchange in sent.before if exchange.failure is Failure.TIMEOUT]
        if not sent.wrong and late:
            return self.between(case, self._executor.judged(case, late[0]), sent)
        if not sent.wrong:
            return result(case, [sent], sent.findings)
        if self.is_known(case, sent) or (sent.accepted and case.group != "refundable"):
            return result(
                case, [sent], sent.findings
            )  # an acceptance changes the state: no second try is the same
        if sent.reading is None and not sent.before:
            self._executor.require_answers(case, sent.exchange)
        if sent.reading is None and sent.before:
            return result(case, [sent], sent.findings)  # it was sent several times
        return self._confirmed_or_unsteady(case, order, sent)

    def between(self, case: Case, sent: Sent, again: Sent) -> Result:
        """Return the result of two different answers to the same request in the same situation."""
        return result(case, [sent, again], _unsteady(sent, 1, 2))

    def is_known(self, case: Case, sent: Sent) -> bool:
        """Whether failures of this kind were confirmed often enough."""
        return self._confirmed[_signature(case, sent)] >= CONFIRMATIONS

    def _undecided(self, case: Case, sent: Sent) -> Result:
        self._outages += 1
        if self._outages >= OUTAGES:
            self._executor.require_target(sent, before=True)
        return undecided_result(case, str(sent.shown), sent.numbers)

    def _confirmed_or_unsteady(self, case: Case, order: str, sent: Sent) -> Result:
        again = self._again(case, order, sent)
        sendings = [sent, *again]
        failed = sum(sending.wrong for sending in sendings)
        if failed == len(sendings):
            self._confirmed[_signature(case, sent)] += bool(again)
            return result(case, sendings, sent.findings)
        return result(case, sendings, _unsteady(sent, failed, len(sendings)))

    def _again(self, case: Case, order: str, sent: Sent) -> list[Sent]:
        """Send a request again: for a new order where the last may be used up, fewer times where that is dear."""
        accepting = self._executor.may_accept(case)
        sendings: list[Sent] = []
        last = sent
        for _ in range(1 if sent.accepted or sent.reading is None else CONFIRMATIONS):
            used_up = last.accepted or (accepting and _may_have_had_effect(last))
            try:
                if used_up and case.group == "refundable":
                    order = self._executor.orders.lease()
                last = self._executor.send(case, order)
            except NoOrderError:
                break
            if not last.decided:
                break
            sendings.append(last)
            if last.accepted and case.group == "refundable":
                if accepting:
                    self._executor.orders.mark_accepted(order)
                else:
                    self._executor.orders.mark_unknown(order)
        return sendings


def undecided_result(case: Case, reason: str, numbers: tuple[int, ...]) -> Result:
    """Return the result of a check that met exchanges which report nothing."""
    return Result(case.id, case.clause, case.title, Outcome.UNDECIDED, reason, exchanges=numbers, tries=1)


def result(case: Case, sendings: list[Sent], findings: tuple[Finding, ...]) -> Result:
    """Return the result of a case's sendings, the first of which is the one that counts."""
    return Result(
        case.id,
        case.clause,
        case.title,
        outcome_of(findings),
        findings=findings,
        exchanges=tuple(number for sending in sendings for number in sending.numbers),
        answer=answer_of(sendings[0]),
        failed=sum(_failures(sending) for sending in sendings),
        tries=sum(len(sending.numbers) for sending in sendings),
        failing=tuple(sending.number for sending in sendings if sending.wrong),
    )


def _failures(sent: Sent) -> int:
    """Return how many tries of a sending failed."""
    if not sent.wrong:
        return 0
    return 1 if sent.reading is not None else len(sent.numbers)


def answer_of(sent: Sent) -> str:
    """Return what was answered, as a result tells it."""
    if sent.reading is None:
        return ""
    if sent.reading.shape is None:
        return "error"
    return "bare" if sent.reading.status >= 300 else "success"


def _may_have_had_effect(sent: Sent) -> bool:
    return sent.reading is None or sent.reading.status >= 500


def _signature(case: Case, sent: Sent) -> Signature:
    main = _main(sent)
    return (main.clause, main.kind, case.area)


def _main(sent: Sent) -> Finding:
    return next((found for found in sent.findings if found.kind is not Kind.ADVICE), sent.findings[0])


def _unsteady(sent: Sent, failed: int, tries: int) -> tuple[Finding, ...]:
    """Return the findings for a request that fails only sometimes.

    It breaks server.steady, and its clause only if what happened once is bad enough: a crash, silence, or that the
    request was accepted.
    """
    main = _main(sent)
    actual = f"{main.actual} in {failed} of {tries} tries, {main.expected} otherwise"
    found = [Finding("server.steady", Kind.UNSTEADY, "the same answer each time", actual)]
    if main.kind in (Kind.CRASH, Kind.SILENCE, Kind.ACCEPTED):
        found.append(Finding(main.clause, main.kind, main.expected, main.actual))
    return tuple(found)
