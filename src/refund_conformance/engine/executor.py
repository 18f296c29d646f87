"""Send cases to a target and judge what comes back, within the run's bounds."""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial

from refund_conformance.cases.case import Case, plain_draft
from refund_conformance.contract.errors import TargetError
from refund_conformance.contract.model import Contract
from refund_conformance.contract.untested import Because
from refund_conformance.engine.access import LOCKS, Access
from refund_conformance.engine.observations import Observations
from refund_conformance.engine.prefetch import Prefetch
from refund_conformance.engine.recorder import Record
from refund_conformance.engine.sending import Judged, Sent
from refund_conformance.oracle import permitted as oracle
from refund_conformance.oracle.error_body import Reading, read
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.judge import Question, describe_reading, judge, silence
from refund_conformance.oracle.permitted import Permitted
from refund_conformance.oracle.result import Result
from refund_conformance.oracle.situation import Situation
from refund_conformance.sut.client import Client
from refund_conformance.sut.limits import Allowance
from refund_conformance.sut.order_pool import NoOrderError, OrderPool
from refund_conformance.sut.settings import NONEXISTENT_ORDER_ID, Settings
from refund_conformance.sut.tokens import OWN
from refund_conformance.transport.connection import Wire
from refund_conformance.transport.exchange import Exchange, Failure, Response
from refund_conformance.transport.retry import GATEWAY_TRIES, growing_wait, is_inconclusive

LOST_TRIES = 3
"""How often a request is sent whose connection is lost each time before that counts."""

SILENT_TRIES = 2
"""How often a request is sent that gets no answer in time before that counts."""

CONTROLS = 4
"""How often a target is asked whether it is back."""


def request_may_stay_unanswered(exchange: Exchange, question: Question) -> bool:
    """Whether no answer came to a request that breaks off, for which anything but success is permitted."""
    met = exchange.failure is not None and exchange.failure.connected
    return met and exchange.request.cut and any(answer.errors == "anything" for answer in question.permitted)


class Executor:
    """The way from a case to a judged answer. ``allowance`` bounds the requests."""

    def __init__(
        self,
        contract: Contract,
        settings: Settings,
        client: Client,
        orders: OrderPool,
        record: Record,
        allowance: Allowance,
    ) -> None:
        self.contract = contract
        self.settings = settings
        self.client = client
        self.orders = orders
        self.record = record
        self.observations = Observations(contract, record.keep)
        self.prefetched = Prefetch()
        self.answers: Counter[str] = Counter()
        self.violated: set[str] = set()
        self._allowance = allowance
        self._permitted = lru_cache(partial(oracle.permitted, contract, pins=settings.pins))
        self.access = Access(contract, settings, client, self._known_answer)
        self._lock = threading.Lock()

    def keep(self, result: Result) -> Result:
        """Put a result into the record and return it."""
        with self._lock:
            self.count(result)
            self.record.keep(result.as_event())
        return result

    def count(self, result: Result) -> None:
        """Take account of a result that is in the record."""
        self.answers[result.answer] += result.tries > 0
        self.violated |= {finding.clause for finding in result.findings if finding.kind is not Kind.ADVICE}

    def permitted(self, situation: Situation) -> frozenset[Permitted]:
        """Return the permitted answers, as the target's settings pin them."""
        return self._permitted(situation)

    def may_accept(self, case: Case) -> bool:
        """Whether the acceptance of a case is permitted."""
        return any(answer.success for answer in self.permitted(case.situation))

    def refused_status(self) -> int:
        """Return the status of a refused authorization."""
        return min(self.contract.outcomes["authorization", "missing"].statuses)

    def has_credential(self, case: Case) -> bool:
        """Whether there is a token for a case."""
        return case.draft.credential in self.client.tokens.names()

    def require_credential(self, case: Case) -> None:
        """Raise NoOrderError, with the setting's name, if the settings have no token for a case."""
        if not self.has_credential(case):
            raise NoOrderError(f"auth.{case.draft.credential} is not set", Because.SETTINGS)
        if self.is_over(case):
            raise NoOrderError(f"auth.{case.draft.credential} has expired", Because.SUPPLY)
        if self.access.is_guarded and case.situation.authorization != "valid":
            raise NoOrderError(LOCKS, Because.TARGET)

    def is_over(self, case: Case) -> bool:
        """Whether a case's token is meant to be valid, is not ours to renew, and tells that its life is over."""
        meant_valid = case.situation.authorization != "expired" and case.draft.credential != OWN
        return meant_valid and self.client.tokens.is_over(case.draft.credential)

    def send(self, case: Case, order: str, wire: Wire | None = None) -> Sent:
        """Send a case's request for an order and judge the answer.

        A request that must be refused is sent again while its connection is lost, as long as the target answers
        others. Raises NoOrderError if the run's requests are used up, the token's form allows no such request, or
        a token that is not ours to renew has expired meanwhile; TargetError if the target is gone, or no longer
        serves us.
        """
        exchange = (None if wire else self.prefetched.take(case, order)) or self._send(case, order, wire)
        if self.access.is_token_refused(case, exchange):
            self.access.renew_token(exchange)
            exchange = self._send(case, order, wire)
        before: list[Exchange] = []
        while wire is None and not self.may_accept(case) and self._is_worth_another_try(exchange, len(before) + 1):
            self.require_answers(case, exchange)
            before.insert(0, exchange)
            exchange = self._send(case, order, wire)
        response = exchange.response
        if response is not None and response.status == self.refused_status() and self.is_over(case):
            raise NoOrderError(f"auth.{case.draft.credential} has expired", Because.SUPPLY)
        sent = replace(self.judged(case, exchange, confirmed=bool(before)), before=tuple(before))
        if self.access.was_locked_out(case, sent, owns_orders=bool(self.orders.accepted)):
            return self.judged(case, self._send(case, order, wire))
        return sent

    def _is_worth_another_try(self, exchange: Exchange, tries: int) -> bool:
        failure = exchange.failure
        if failure is None or exchange.request.cut:
            return False
        return (failure.lost and tries < LOST_TRIES) or (failure is Failure.TIMEOUT and tries < SILENT_TRIES)

    def require_answers(self, case: Case, exchange: Exchange) -> None:
        """See that the target answers a known request after one that got no answer; wait for it to come back.

        Raises TargetError, naming the request, if it does not.
        """
        for tries in range(1, CONTROLS + 1):
            if not self.client.wait(growing_wait(tries)):
                break
            known = self._send(*self.control_case(exists=not self.settings.orders.get("unknown")), None)
            if not is_inconclusive(known) and known.failure is not Failure.TIMEOUT:
                return
        detail = self.record.clean(exchange.detail)
        raise TargetError(
            f"target {self.settings.base_url}",
            f"stopped answering after {case.id} (request {exchange.number}: {detail})",
            "See that the server is up, and what this request did to it.",
        )

    def _known_answer(self, credential: str, exists: bool) -> Response | None:
        """Return what a request with a known answer gets with a token."""
        case, order = self.control_case(exists=exists)
        return self._send(replace(case, draft=replace(case.draft, credential=credential)), order, None).response

    def answer(self, case: Case, order: str) -> Response | None:
        """Return what a case's request for an order is answered, unjudged; None if the target said nothing."""
        try:
            exchange = self._send(case, order, None)
        except NoOrderError:
            return None
        return None if is_inconclusive(exchange) else exchange.response

    def prefetch(self, case: Case, order: str) -> None:
        """Send a case's request for an order before its turn, where several may be in flight."""
        self.prefetched.offer(case, order, lambda: self._send(case, order, None, prefetched=True))

    def _send(self, case: Case, order: str, wire: Wire | None, *, prefetched: bool = False) -> Exchange:
        if self._allowance.is_over:
            raise NoOrderError("time limit reached; raise target.max_seconds")
        if not self._allowance.covers(self.client.sent + GATEWAY_TRIES):
            raise self._used_up()
        request = self.client.request(case.draft, order)
        if request is None:
            raise NoOrderError("the token's form allows no such request", Because.TARGET)
        if request.framed is not None and self.settings.proxy:
            reason = "target.proxy is set, and a proxy frames bodies its own way"
            raise NoOrderError(reason, Because.SETTINGS)
        accepting = self.may_accept(case)
        # A connection that was authorized before is the matter of auth.every-request alone. And one that was used
        # before may have been closed meanwhile, which must not cost an order.
        if wire is None and (accepting or case.situation.authorization != "valid"):
            with self.client.fresh_wire() as own:
                return self.client.send(request, own, repeatable=not accepting, prefetched=prefetched)
        return self.client.send(request, wire, repeatable=not accepting, prefetched=prefetched, waits=wire is None)

    def _used_up(self) -> NoOrderError:
        limits = self._allowance.limits
        because = Because.CHOICE if limits.narrowed_requests else Because.BUDGET
        return NoOrderError(f"the run's {limits.requests} requests are used up", because)

    def judged(self, case: Case, exchange: Exchange, *, confirmed: bool = False) -> Sent:
        """Judge an exchange of a case. A lost connection shows something only where it is ``confirmed``."""
        names = frozenset(self.contract.fields) | {name for _, name in case.situation.questions if name}
        question = Question(case.clause, self.permitted(case.situation), case.blame, names, case.promises)
        if request_may_stay_unanswered(exchange, question):
            return Sent(exchange, Judged(None, ()))
        if exchange.response is None:
            detail = self.record.clean(exchange.detail)
            failure = exchange.failure
            if failure is not None and (not failure.connected or (failure.lost and not confirmed)):
                return Sent(exchange, detail or str(failure))
            return Sent(exchange, Judged(None, (silence(question, exchange.detail).cleaned(self.record.clean),)))
        if is_inconclusive(exchange) and not exchange.request.cut:
            return Sent(exchange, f"only {exchange.response.status} came, from a gateway")
        reading = read(exchange.response)
        verdict = judge(self.contract, question, reading)
        findings = verdict.findings
        if verdict.matched:
            self.observations.note(case.situation, verdict.matched)
            findings += self._out_of_order(case, verdict.matched, reading)
        clean = tuple(finding.cleaned(self.record.clean) for finding in findings)
        sent = Sent(exchange, Judged(reading, clean, verdict.matched))
        self.access.note(case, exchange.response, wrong=sent.wrong)
        return sent

    def _out_of_order(self, case: Case, matched: Permitted, reading: Reading) -> tuple[Finding, ...]:
        if case.clause != "auth.first" or matched.part == "authorization":
            return ()
        expected = f"{self.refused_status()} before anything else is looked at"
        return (Finding("auth.first", Kind.ADVICE, expected, describe_reading(reading)),)

    def send_pipelined(self, cases: Sequence[tuple[Case, str]]) -> list[Sent]:
        """Send cases' requests for orders on one connection, none waiting for an answer; return what was answered.

        Raises NoOrderError if the run's requests are used up.
        """
        if not self._allowance.covers(self.client.sent + len(cases)):
            raise self._used_up()
        requests = [self.client.request(case.draft, order) for case, order in cases]
        exchanges = self.client.send_pipelined([request for request in requests if request is not None])
        return [self.judged(case, exchange) for (case, _), exchange in zip(cases, exchanges, strict=False)]

    def send_together(self, cases: Sequence[tuple[Case, str]]) -> list[Sent]:
        """Send cases' requests for orders so that they arrive at one moment; return them judged, in their order.

        Raises NoOrderError if the run's requests are used up, or the token's form allows no such request.
        """
        if self._allowance.is_over:
            raise NoOrderError("time limit reached; raise target.max_seconds")
        if not self._allowance.covers(self.client.sent + len(cases)):
            raise self._used_up()
        requests = [request for case, order in cases if (request := self.client.request(case.draft, order))]
        if len(requests) < len(cases):
            raise NoOrderError("the token's form allows no such request")
        exchanges = self.client.send_together(requests)
        if all(map(self.access.is_token_refused, (case for case, _ in cases), exchanges)):
            self.access.renew_token(exchanges[0])
            return self.send_together(cases)
        return [self.judged(case, exchange) for (case, _), exchange in zip(cases, exchanges, strict=True)]

    def control_case(self, *, exists: bool = True) -> tuple[Case, str]:
        """Return the request whose answer is known, with its order: one with an open refund request, or none."""
        known = exists and bool(self.orders.accepted)
        order = (
            self.orders.accepted[0] if known else self.settings.orders.get("unknown", (NONEXISTENT_ORDER_ID,))[0]
        )
        situation = Situation(order="refund-open" if known else "unknown")
        title = "The target still answers."
        case = Case("server.answers/control", title, situation, plain_draft(self.contract))
        return replace(case, blame=(("order", "order.once" if known else "order.unknown"),)), order

    def _remedy(self, exchange: Exchange) -> str:
        if exchange.failure is not Failure.UNTRUSTED:
            return "See that base_url is right and the server is up."
        bundle = self.settings.ca_bundle
        instead = f" (it is {bundle!r})" if bundle else ""
        return f"Name the authority that signed its certificate in target.ca_bundle{instead}."

    def require_target(self, sent: Sent, *, before: bool) -> None:
        """Raise TargetError if an exchange shows that there is no target, or that it refuses our own token.

        ``before`` says whether it answered us before in this run: then what is no HTTP message comes from it too.
        """
        exchange, base = sent.exchange, self.settings.base_url
        if before and exchange.failure in (Failure.BROKEN, Failure.OVERSIZED):
            return
        if exchange.response is None or is_inconclusive(exchange):
            said = (
                self.record.clean(exchange.detail)
                if exchange.response is None
                else f"{exchange.response.status}, again and again"
            )
            how = "stopped answering" if before else "cannot be reached"
            raise TargetError(f"target {base}", f"{how}: {said}", self._remedy(exchange))
        if exchange.response.status == self.refused_status():
            codes = ", ".join(str(code) for code in (exchange.response.status, *sent.codes))
            raise TargetError(f"target {base}", f"the target rejected auth.{OWN} ({codes})", self.access.remedy())
