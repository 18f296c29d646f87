"""Make sure before accusing: does the target still answer, and does the same request fail again?"""

from collections import Counter

from refund_conformance.cases.case import Case
from refund_conformance.contract.errors import TargetError
from refund_conformance.engine.executor import Dispatch, Sent
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

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self._confirmed: Counter[Signature] = Counter()
        self._outages = 0
        self._waits = 0

    def conclude(self, case: Case, order: str, sent: Sent) -> Result:
        """Return the result of a sending. Raises TargetError if the target turns out to be gone."""
        if not sent.decided:
            return self._undecided(case, sent)
        self._outages = 0
        if not sent.wrong:
            return result(case, [sent], sent.findings)
        if (
            sent.exchange.failure is Failure.CLOSED
            and case.group != "refundable"
            and self._dispatch.may_accept(case)
        ):
            return self._undecided(case, sent)  # the order may be used up now, so nothing tells what happened
        if self.is_known(case, sent) or (sent.accepted and case.group != "refundable"):
            return result(
                case, [sent], sent.findings
            )  # an acceptance changes the state: no second try is the same
        refused = sent.reading is not None and sent.reading.status == self._dispatch.refused_status()
        if sent.reading is None or refused:
            self._require_target(case, sent)
        return self._confirmed_or_unsteady(case, order, sent)

    def _require_target(self, case: Case, sent: Sent) -> None:
        """Raise TargetError if the target is gone; a request that no answer came to any more is named before.

        A server of one process that is busy with a request for ever answers none after it.
        """
        control = self._dispatch.control()
        while sent.exchange.failure is control.exchange.failure is Failure.TIMEOUT and not self._has_waited():
            control = self._dispatch.control()
        try:
            self._dispatch.require_target(control, before=True)
        except TargetError:
            if sent.exchange.failure is control.exchange.failure is Failure.TIMEOUT:
                self._dispatch.keep(result(case, [sent], sent.findings))
            raise

    def _has_waited(self) -> bool:
        """Whether a target that is busy was waited for long enough; each call counts."""
        self._waits += 1
        return self._waits > WAITS

    def between(self, case: Case, sent: Sent, again: Sent) -> Result:
        """Return the result of two different answers to the same request in the same situation."""
        return result(case, [sent, again], _unsteady(sent, 1, 2))

    def is_known(self, case: Case, sent: Sent) -> bool:
        """Whether failures of this kind were confirmed often enough."""
        return self._confirmed[_signature(case, sent)] >= CONFIRMATIONS

    def _undecided(self, case: Case, sent: Sent) -> Result:
        self._outages += 1
        if self._outages >= OUTAGES:
            self._dispatch.require_target(sent, before=True)
        response = sent.exchange.response
        reason = (
            self._dispatch.record.clean(sent.exchange.detail)
            if response is None
            else f"only {response.status} came, from a gateway"
        )
        numbers = (sent.number,)
        return Result(case.id, case.clause, case.title, Outcome.UNDECIDED, reason, exchanges=numbers, tries=1)

    def _confirmed_or_unsteady(self, case: Case, order: str, sent: Sent) -> Result:
        again = self._again(case, order, sent)
        sendings = [sent, *again]
        failed = sum(sending.wrong for sending in sendings)
        if sent.exchange.failure is Failure.CLOSED and not again:
            return self._undecided(case, sent)
        if sent.exchange.failure is Failure.CLOSED and failed == 1 < len(sendings):
            return result(case, again, again[0].findings)  # a connection that was lost once, which a network does
        if failed == len(sendings):
            self._confirmed[_signature(case, sent)] += bool(again)
            return result(case, sendings, sent.findings)
        return result(case, sendings, _unsteady(sent, failed, len(sendings)))

    def _again(self, case: Case, order: str, sent: Sent) -> list[Sent]:
        """Send a request again: for a new order where the last may be used up, fewer times where that is dear."""
        accepting = self._dispatch.may_accept(case)
        sendings: list[Sent] = []
        last = sent
        for _ in range(1 if sent.accepted or sent.reading is None else CONFIRMATIONS):
            used_up = last.accepted or (accepting and _may_have_had_effect(last))
            try:
                if used_up and case.group == "refundable":
                    order = self._dispatch.orders.lease()
                last = self._dispatch.send(case, order)
            except NoOrderError:
                break
            if not last.decided:
                break
            sendings.append(last)
            if last.accepted and case.group == "refundable":
                if accepting:
                    self._dispatch.orders.spent.append(order)
                else:
                    self._dispatch.orders.doubtful.add(order)
        return sendings


def result(case: Case, sendings: list[Sent], findings: tuple[Finding, ...]) -> Result:
    """Return the result of a case's sendings, the first of which is the one that counts."""
    reading = sendings[0].reading
    answer = "" if reading is None else "error" if reading.shape is None or reading.status >= 300 else "success"
    return Result(
        case.id,
        case.clause,
        case.title,
        outcome_of(findings),
        findings=findings,
        exchanges=tuple(sending.number for sending in sendings),
        answer=answer,
        failed=sum(sending.wrong for sending in sendings),
        tries=len(sendings),
    )


def _may_have_had_effect(sent: Sent) -> bool:
    return sent.reading is None or sent.reading.status >= 500


def _signature(case: Case, sent: Sent) -> Signature:
    main = _main(sent)
    return (main.clause, main.kind, case.area)


def _main(sent: Sent) -> Finding:
    return next(finding for finding in sent.findings if finding.kind is not Kind.ADVICE)


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
