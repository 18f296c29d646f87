"""Send cases to a target and judge what comes back, within the run's bounds."""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from refund_conformance.cases.case import Case, plain_draft
from refund_conformance.contract.errors import TargetError
from refund_conformance.contract.model import Contract
from refund_conformance.engine.observations import Observations
from refund_conformance.engine.prefetch import Ahead
from refund_conformance.engine.recorder import Record
from refund_conformance.oracle import permitted as oracle
from refund_conformance.oracle.error_body import Reading, read
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.judge import Question, describe_reading, judge, silence
from refund_conformance.oracle.permitted import Permitted
from refund_conformance.oracle.result import Result
from refund_conformance.oracle.situation import Situation
from refund_conformance.sut.client import Client
from refund_conformance.sut.limits import Allowance
from refund_conformance.sut.order_pool import NoOrderError, OrderBook
from refund_conformance.sut.settings import NOWHERE, Settings
from refund_conformance.sut.tokens import OWN
from refund_conformance.transport.connection import Wire
from refund_conformance.transport.exchange import Exchange, Failure
from refund_conformance.transport.retry import ATTEMPTS, says_nothing

RENEWALS = 10
"""How often our own token is renewed in a run because it was refused."""


@dataclass(frozen=True)
class Sent:
    """One sending of a case, judged. ``decided`` is false if what came back says nothing about the contract."""

    exchange: Exchange
    reading: Reading | None
    findings: tuple[Finding, ...]
    matched: Permitted | None
    decided: bool = True

    @property
    def number(self) -> int:
        """The number of the exchange in the record."""
        return self.exchange.number

    @property
    def wrong(self) -> bool:
        """Whether the answer breaks a promise (advice does not)."""
        return any(finding.kind is not Kind.ADVICE for finding in self.findings)

    @property
    def accepted(self) -> bool:
        """Whether the target said that it accepted the request."""
        return self.reading is not None and 200 <= self.reading.status < 300 and not self.reading.reports_errors

    @property
    def codes(self) -> tuple[int, ...]:
        """The error codes of the answer."""
        return self.reading.codes if self.reading else ()


def request_may_stay_unanswered(exchange: Exchange, question: Question) -> bool:
    """Whether no answer came to a request that breaks off, for which anything but success is permitted."""
    met = exchange.failure is not None and exchange.failure.connected
    return met and exchange.request.cut and any(answer.errors == "anything" for answer in question.permitted)


class Dispatch:
    """The way from a case to a judged answer. ``allowance`` bounds the requests."""

    def __init__(
        self,
        contract: Contract,
        settings: Settings,
        client: Client,
        orders: OrderBook,
        record: Record,
        allowance: Allowance,
    ) -> None:
        self.contract = contract
        self.settings = settings
        self.client = client
        self.orders = orders
        self.record = record
        self.observations = Observations(contract, record.keep)
        self.ahead = Ahead()
        self.answers: Counter[str] = Counter()
        self.violated: set[str] = set()
        self._allowance = allowance
        self._permitted = lru_cache(partial(oracle.permitted, contract, pins=settings.pins))
        self._renewals = 0
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
            raise NoOrderError(f"auth.{case.draft.credential} is not set")
        if self.is_over(case):
            raise NoOrderError(f"auth.{case.draft.credential} has expired")

    def is_over(self, case: Case) -> bool:
        """Whether a case's token is meant to be valid, is not ours to renew, and tells that its life is over."""
        meant_valid = case.situation.authorization != "expired" and case.draft.credential != OWN
        return meant_valid and self.client.tokens.is_over(case.draft.credential)

    def send(self, case: Case, order: str, wire: Wire | None = None) -> Sent:
        """Send a case's request for an order (again only if nothing was said) and judge the answer.

        Raises NoOrderError if the run's requests are used up, the token's form allows no such request, or a token
        that is not ours to renew has expired meanwhile.
        """
        exchange = (None if wire else self.ahead.take(case, order)) or self._send(case, order, wire)
        if self._is_token_refused(case, exchange):
            self._renewals += 1
            self.client.renew_token(self.client.tokens.get(case.draft.credential))
            exchange = self._send(case, order, wire)
        response = exchange.response
        if response is not None and response.status == self.refused_status() and self.is_over(case):
            raise NoOrderError(f"auth.{case.draft.credential} has expired")
        return self.judged(case, exchange)

    def send_ahead(self, case: Case, order: str) -> None:
        """Send a case's request for an order before its turn, where several may be in flight."""
        self.ahead.offer(case, order, lambda: self._send(case, order, None, ahead=True))

    def _is_token_refused(self, case: Case, exchange: Exchange) -> bool:
        """Whether our own token was refused, by a target where we can get another."""
        return (
            case.situation.authorization == "valid"
            and case.draft.credential == OWN
            and self.client.tokens.renewable
            and self._renewals < RENEWALS
            and exchange.response is not None
            and exchange.response.status == self.refused_status()
        )

    def _send(self, case: Case, order: str, wire: Wire | None, *, ahead: bool = False) -> Exchange:
        if self._allowance.is_over:
            raise NoOrderError("the run's time is over (target.max_seconds)")
        if not self._allowance.covers(self.client.sent + ATTEMPTS):
            raise NoOrderError(f"the run's {self._allowance.limit} requests are used up")
        request = self.client.request(case.draft, order)
        if request is None:
            raise NoOrderError("the token's form allows no such request")
        if request.framed is not None and self.settings.proxy:
            raise NoOrderError("target.proxy is set, and a proxy frames bodies its own way")
        accepting = self.may_accept(case)
        # A connection that was authorized before is the matter of auth.every-request alone. And one that was used
        # before may have been closed meanwhile, which must not cost an order.
        if wire is None and (accepting or case.situation.authorization != "valid"):
            with self.client.fresh_wire() as own:
                return self.client.send(request, own, repeatable=not accepting, ahead=ahead)
        return self.client.send(request, wire, repeatable=not accepting, ahead=ahead, waits=wire is None)

    def judged(self, case: Case, exchange: Exchange) -> Sent:
        """Judge an exchange of a case."""
        names = frozenset(self.contract.fields) | {name for _, name in case.situation.questions if name}
        question = Question(case.clause, self.permitted(case.situation), case.blame, names, case.promises)
        if request_may_stay_unanswered(exchange, question):
            return Sent(exchange, None, (), None)
        if exchange.response is None:
            if exchange.failure and not exchange.failure.connected:
                return Sent(exchange, None, (), None, decided=False)
            return Sent(exchange, None, (silence(question, self.record.clean(exchange.detail)),), None)
        if says_nothing(exchange) and not exchange.request.cut:
            return Sent(exchange, None, (), None, decided=False)
        reading = read(exchange.response)
        verdict = judge(self.contract, question, reading)
        findings = verdict.findings
        if verdict.matched:
            self.observations.note(case.situation, verdict.matched)
            findings += self._out_of_order(case, verdict.matched, reading)
        clean = tuple(replace(finding, actual=self.record.clean(finding.actual)) for finding in findings)
        return Sent(exchange, reading, clean, verdict.matched)

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
            raise NoOrderError(f"the run's {self._allowance.limit} requests are used up")
        requests = [self.client.request(case.draft, order) for case, order in cases]
        exchanges = self.client.send_pipelined([request for request in requests if request is not None])
        return [self.judged(case, exchange) for (case, _), exchange in zip(cases, exchanges, strict=False)]

    def control(self) -> Sent:
        """Send the plain request where it has no effect and its answer is known.

        For an order that does not exist if the settings have one, since its answer depends on no state.
        """
        return self.send(*self.control_case(exists=not self.settings.orders.get("unknown")))

    def control_case(self, *, exists: bool = True) -> tuple[Case, str]:
        """Return the request whose answer is known, with its order: one with an open refund request, or none."""
        known = exists and bool(self.orders.spent)
        order = self.orders.spent[0] if known else self.settings.orders.get("unknown", (NOWHERE,))[0]
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
        if exchange.response is None or says_nothing(exchange):
            said = (
                self.record.clean(exchange.detail)
                if exchange.response is None
                else f"{exchange.response.status}, again and again"
            )
            how = "stopped answering" if before else "cannot be reached"
            raise TargetError(f"target {base}", f"{how}: {said}", self._remedy(exchange))
        if exchange.response.status == self.refused_status():
            how = "refuses our own token, which it took before" if before else "refuses our own token"
            raise TargetError(f"target {base}", how, "Set auth.token to one that is valid and outlives the run.")
