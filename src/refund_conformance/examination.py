"""Carry cases out on a target: choose the order, send, judge, and make sure before accusing."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from refund_conformance import oracle
from refund_conformance.cases.case import Case, missing_case, plain_case, plain_draft
from refund_conformance.cases.orders import SPENT
from refund_conformance.cases.questions import refusing_parts
from refund_conformance.contract import Contract
from refund_conformance.errors import TargetError
from refund_conformance.exchange import Exchange, Failure
from refund_conformance.finding import Finding, Kind
from refund_conformance.judge import Question, describe_reading, judge, silence
from refund_conformance.oracle import Permitted
from refund_conformance.reading import Reading, read
from refund_conformance.record import Record
from refund_conformance.result import Outcome, Result, outcome_of
from refund_conformance.situation import Situation
from refund_conformance.target.client import Client, says_nothing
from refund_conformance.target.orders import Bench, NoOrderError, OrderBook
from refund_conformance.target.settings import Settings
from refund_conformance.target.wire import Wire

BENCHES = {
    "route": "route",
    "authorization": "auth",
    "content_type": "json",
    "body": "json",
    "caller": "order",
    "order": "order",
    "field": "fields",
}
"""Which shared order a refused request goes to, by the first part of it that is wrong."""

CONFIRMATIONS = 2
"""How often a failing request is sent again, and how often a kind of failure is confirmed at all."""

OUTAGES = 3
"""After so many cases in a row without any answer that says something, the target counts as gone."""


@dataclass(frozen=True)
class Sent:
    """One sending of a case: what came back, judged."""

    exchange: Exchange | None
    number: int
    reading: Reading | None
    findings: tuple[Finding, ...]
    matched: Permitted | None
    decided: bool = True

    @property
    def wrong(self) -> bool:
        """Whether the answer breaks a promise (advice does not)."""
        return any(finding.kind is not Kind.ADVICE for finding in self.findings)

    @property
    def accepted(self) -> bool:
        """Whether the target said that it accepted the request."""
        return self.reading is not None and 200 <= self.reading.status < 300 and self.reading.shape is not None

    @property
    def codes(self) -> tuple[int, ...]:
        """The error codes of the answer."""
        return self.reading.codes if self.reading else ()


@dataclass
class Examination:
    """One run's dealings with a target.

    ``request_limit`` bounds the requests of the run. Methods raise TargetError once the target no longer answers
    or refuses our own token.
    """

    contract: Contract
    settings: Settings
    client: Client
    orders: OrderBook
    record: Record
    request_limit: int
    accepted_clauses: set[str] = field(default_factory=set)
    confirmed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    proven: set[str] = field(default_factory=set)
    tainted: Counter[str] = field(default_factory=Counter)
    early: dict[str, Result] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    violated: set[str] = field(default_factory=set)
    order_answers: dict[str, list[tuple[str, Reading]]] = field(default_factory=lambda: defaultdict(list))
    _before_order: set[str] = field(default_factory=set)
    _outages: int = 0
    find_guilty: Callable[["Examination", str, Bench], None] = lambda examination, key, bench: None

    # -- the beginning -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Send the plain valid request: it shows whether there is a target that lets us in at all.

        One without authorization goes before it, while the target cannot have been told of us.
        Raises TargetError if it cannot be reached, answers nothing that makes sense, or refuses our token.
        """
        if "token" not in self.settings.tokens:
            raise TargetError("auth.token", "is not set", "Put the API's token into the target's settings.")
        order, known = self._first_order()
        if known and self._stranger(order):
            order, known = self._first_order()
        self._plain(order, known)

    def _stranger(self, order: str) -> bool:
        """Send the request without authorization, and return whether the order is used up by it."""
        case = missing_case(self.contract)
        sent = self.send(case, order)
        if sent.exchange is None or sent.exchange.response is None or not sent.decided:
            self._require_target(sent)
        self.early[case.id] = self.conclude(case, order, sent)
        self.keep(self.early[case.id])
        return sent.accepted

    def _plain(self, order: str, known: bool) -> None:
        case = plain_case(self.contract)
        situation = case.situation if known else case.situation.with_part("order", "unknown")
        sent = self.send(replace(case, situation=situation), order)
        self._require_target(sent)
        if not known:
            reason = "orders.refundable is not set"
            result = Result(case.id, case.clause, case.title, Outcome.UNTESTED, reason)
        else:
            if sent.accepted:
                self.orders.spent.append(order)
            result = self._named_by_code(self.conclude(case, order, sent), sent)
        self.early[case.id] = result
        self.keep(result)

    def _named_by_code(self, result: Result, sent: Sent) -> Result:
        """Say what the plain request was refused for: nothing of it is special but what the code is about."""
        if not sent.wrong or not sent.codes:
            return result
        clause = {111: "content-type.exact", 110: "json.valid-forms"}.get(sent.codes[0])
        if clause is None:
            return result
        findings = tuple(
            replace(finding, clause=clause) if finding.kind is Kind.REFUSED else finding
            for finding in result.findings
        )
        return replace(result, findings=findings)

    def _first_order(self) -> tuple[str, bool]:
        try:
            return self.orders.lease(), True
        except NoOrderError:
            unknown = self.settings.orders.get("unknown", ("0",))
            return unknown[0], False

    def _require_target(self, sent: Sent) -> None:
        exchange = sent.exchange
        base = self.settings.base_url
        if exchange is None or exchange.response is None:
            detail = exchange.detail if exchange else "no answer"
            raise TargetError(f"target {base}", f"cannot be reached: {detail}", "Check base_url and the server.")
        status = exchange.response.status
        if status == self._refused_status():
            raise TargetError(
                f"target {base}", f"refuses our own token with {status}", "Put a valid token into auth.token."
            )
        if says_nothing(exchange):
            raise TargetError(f"target {base}", f"answers {status} and nothing else", "Try again later.")

    def _refused_status(self) -> int:
        return min(self.contract.outcomes["authorization", "missing"].statuses)

    def keep(self, result: Result) -> None:
        """Put a result into the record."""
        self.answers[result.answer] += result.tries > 0
        self.violated |= {finding.clause for finding in result.findings if finding.kind is not Kind.ADVICE}
        self.record.keep(result.as_event())

    # -- one case ----------------------------------------------------------------------------------

    def examine(self, case: Case) -> Result:
        """Carry a case out and return what became of it, which is also in the record."""
        if case.id in self.early:
            return self.early[case.id]
        try:
            result = self._examine(case)
        except NoOrderError as reason:
            result = Result(case.id, case.clause, case.title, Outcome.UNTESTED, str(reason))
        self.keep(result)
        return result

    def _examine(self, case: Case) -> Result:
        if case.draft.credential not in self.settings.tokens:
            raise NoOrderError(f"auth.{case.draft.credential} is not set")
        if self.client.request(case.draft, "0") is None:
            return Result(
                case.id, case.clause, case.title, Outcome.SPARED, "the token's form allows no such forgery"
            )
        if case.situation.questions and case.group == SPENT:
            return self._ask(case)
        if case.group == SPENT:
            return self._carry_out(case, self.orders.spent_order())
        if case.group != "refundable":
            return self._on_listed_order(case)
        if all(answer.success for answer in self._permitted(case.situation)):
            return self._on_accepting_order(case)
        return self._on_bench(case)

    def _on_listed_order(self, case: Case) -> Result:
        order = self.orders.pick(case.group, case.pick)
        if order is None:
            reason = f"orders.{case.group} has no {case.pick} order of its own"
            return Result(case.id, case.clause, case.title, Outcome.SPARED, reason)
        return self._carry_out(case, order)

    def _on_accepting_order(self, case: Case) -> Result:
        """Send a request that must be accepted: on a shared order that has served, else on a new one."""
        served = next((key for key, bench in self.orders.benches.items() if bench.sent), None)
        if served is None:
            return self._carry_out(case, self.orders.lease())
        bench = self.orders.benches[served]
        self.orders.drop_bench(served)
        sent = self.send(case, bench.order)
        if self._tells_effect(sent):
            self.find_effect(served, bench)
            return self._carry_out(case, self.orders.lease())
        if sent.accepted:
            self.proven.add(served)
            self.orders.spent.append(bench.order)
        return self.conclude(case, bench.order, sent)

    def _on_bench(self, case: Case) -> Result:
        if case.clause in self.accepted_clauses:
            reason = "its clause is violated already, and another acceptance would use up another order"
            return Result(case.id, case.clause, case.title, Outcome.SPARED, reason)
        key = bench_key(case)
        bench = self.orders.bench(key)
        sent = self.send(case, bench.order)
        if self._tells_effect(sent):
            return self._after_effect(case, key, bench)
        result = self.conclude(case, bench.order, sent)
        self._note_on_bench(case, key, bench, sent)
        return result

    def _note_on_bench(self, case: Case, key: str, bench: Bench, sent: Sent) -> None:
        if sent.accepted:
            self.orders.drop_bench(key)
        elif sent.reading is None or sent.reading.status >= 500:
            bench.doubtful = True
        else:
            bench.sent.append(case)

    def _after_effect(self, case: Case, key: str, bench: Bench) -> Result:
        """The shared order is not what it should be: find out why, and judge the case on a new one."""
        self.orders.drop_bench(key)
        if bench.sent:
            self.find_effect(key, bench)
        fresh = self.orders.bench(key)
        sent = self.send(case, fresh.order)
        if not self._tells_effect(sent):
            self._note_on_bench(case, key, fresh, sent)
        return self.conclude(case, fresh.order, sent)

    def find_effect(self, key: str, bench: Bench) -> None:
        """Look for the refused request that created a refund request on a shared order."""
        if not self.tainted[key]:
            self.find_guilty(self, key, bench)

    def _tells_effect(self, sent: Sent) -> bool:
        """Whether the answer speaks of a state that a refundable order of ours cannot have."""
        states = {outcome.errors for outcome in self.contract.outcomes.values() if outcome.part == "order"}
        return sent.wrong and bool(states & set(sent.codes))

    def _ask(self, case: Case) -> Result:
        """Ask an open question without using up an order, if the target's order of checks allows it."""
        (question, _), *_ = case.situation.questions
        parts = refusing_parts(self.contract, question)
        if self.orders.spent and parts <= self._before_order:
            situation = case.situation.with_part("order", "refund-open")
            order = self.orders.spent_order()
            sent = self.send(replace(case, situation=situation), order)
            result = self.conclude(replace(case, situation=situation), order, sent)
            if sent.matched and sent.matched.part == "order":
                taken = next(a for a, effect in self.contract.questions[question].answers.items() if not effect)
                self.record.keep({"event": "observation", "question": question, "answer": taken})
            return result
        key = "questions"
        bench = self.orders.bench(key)
        sent = self.send(case, bench.order)
        self._note_on_bench(case, key, bench, sent)
        return self.conclude(case, bench.order, sent)

    def _carry_out(self, case: Case, order: str) -> Result:
        sent = self.send(case, order)
        if sent.wrong and self._tells_effect(sent) and case.group == "refundable":
            order = self.orders.lease()  # that order may have been in another state than the settings say
            sent = self.send(case, order)
        if sent.accepted and case.group == "refundable":
            self.orders.spent.append(order)
        if not sent.wrong and sent.reading is not None and case.area == "order":
            self.order_answers[case.clause].append((order, sent.reading))
        return self.conclude(case, order, sent)

    # -- sending and judging -----------------------------------------------------------------------

    def send(self, case: Case, order: str, wire: Wire | None = None) -> Sent:
        """Send a case's request for an order once (repeating what says nothing) and judge the answer."""
        if self.client.sent >= self.request_limit:
            raise NoOrderError(f"the run's {self.request_limit} requests are used up")
        request = self.client.request(case.draft, order)
        if request is None:
            raise NoOrderError("the token's form allows no such request")
        repeatable = not any(answer.success for answer in self._permitted(case.situation))
        fresh = wire is None and case.situation.authorization != "valid"
        if fresh:
            # A connection that was authorized before is the matter of auth.every-request alone.
            with self.client.fresh_wire() as own:
                exchange = self.client.send(request, own, repeatable=repeatable)
        else:
            exchange = self.client.send(request, wire, repeatable=repeatable)
        return self.judged(case, exchange)

    def judged(self, case: Case, exchange: Exchange) -> Sent:
        """Judge an exchange of a case."""
        number = exchange.number
        question = self._question(case)
        if exchange.response is None or says_nothing(exchange):
            if exchange.response is not None or exchange.failure is Failure.UNREACHABLE:
                return Sent(exchange, number, None, (), None, decided=False)
            return Sent(exchange, number, None, (silence(question, exchange.detail),), None)
        reading = read(exchange.response)
        verdict = judge(self.contract, question, reading)
        findings = verdict.findings
        if verdict.matched:
            self._observe(case.situation, verdict.matched)
            findings += self._advice(case, verdict.matched, reading)
        return Sent(exchange, number, reading, findings, verdict.matched)

    def _question(self, case: Case) -> Question:
        names = frozenset(self.contract.fields) | {name for _, name in case.situation.questions if name}
        return Question(case.clause, self._permitted(case.situation), case.blame, names)

    def _permitted(self, situation: Situation) -> frozenset[Permitted]:
        return oracle.permitted(self.contract, situation, self.settings.pins)

    def _advice(self, case: Case, matched: Permitted, reading: Reading) -> tuple[Finding, ...]:
        if case.clause != "auth.first" or matched.part == "authorization":
            return ()
        expected = f"{self._refused_status()} before anything else is looked at"
        return (Finding("auth.first", Kind.ADVICE, expected, describe_reading(reading)),)

    def _observe(self, situation: Situation, matched: Permitted) -> None:
        """Note what an answer reveals about the open questions, precedence among them."""
        wrong = situation.wrong
        for question, _ in situation.questions:
            answer = oracle.answer_of(self.contract, situation, question, matched)
            if answer is not None:
                self.record.keep({"event": "observation", "question": question, "answer": answer})
        for question in ("malformed-order-id", "order-not-found-code"):
            answer = oracle.answer_of(self.contract, situation, question, matched)
            if answer is not None:
                self.record.keep({"event": "observation", "question": question, "answer": answer})
        if len(wrong) > 1 and matched.part in wrong:
            losers = [part for part in wrong if part != matched.part]
            self.record.keep({"event": "precedence", "first": matched.part, "before": losers})
            if losers == ["order"]:
                self._before_order.add(matched.part)
            elif matched.part == "order":
                self._before_order -= set(losers)

    # -- making sure -------------------------------------------------------------------------------

    def conclude(self, case: Case, order: str, sent: Sent) -> Result:
        """Return the result of a sending, after making sure of anything that speaks against the target."""
        if not sent.decided:
            return self._undecided(case, sent)
        self._outages = 0
        if not sent.wrong:
            return self._result(case, [sent], sent.findings)
        self._check_alive(sent)
        if sent.accepted and any(finding.kind is Kind.ACCEPTED for finding in sent.findings):
            self.accepted_clauses.add(case.clause)
        return self._confirmed(case, order, sent)

    def _undecided(self, case: Case, sent: Sent) -> Result:
        self._outages += 1
        exchange = sent.exchange
        said = exchange.detail if exchange and exchange.response is None else "only a gateway answered"
        if self._outages >= OUTAGES:
            raise TargetError(
                f"target {self.settings.base_url}", f"stopped answering: {said}", "Run again when it is up."
            )
        return Result(case.id, case.clause, case.title, Outcome.UNDECIDED, said, exchanges=(sent.number,), tries=1)

    def _check_alive(self, sent: Sent) -> None:
        """Before a silence or a 401 is held against the target: does it still answer, and know our token?"""
        refused = sent.reading is not None and sent.reading.status == self._refused_status()
        if sent.reading is not None and not refused:
            return
        control = self.control()
        exchange = control.exchange
        if exchange is None or exchange.response is None or says_nothing(exchange):
            said = exchange.detail if exchange and exchange.response is None else "only a gateway answers"
            raise TargetError(
                f"target {self.settings.base_url}", f"stopped answering: {said}", "Run again when it is up."
            )
        if exchange.response.status == self._refused_status():
            raise TargetError(
                f"target {self.settings.base_url}",
                "refuses our own token, which it took before",
                "Use a token that outlives the run.",
            )

    def control(self, wire: Wire | None = None) -> Sent:
        """Send a request whose answer is known and which has no effect: the plain one for a spent order."""
        order = self.orders.spent[0] if self.orders.spent else self.settings.orders.get("unknown", ("0",))[0]
        state = "refund-open" if self.orders.spent else "unknown"
        case = Case(
            "server.answers/control",
            "The target still answers.",
            Situation(order=state),
            plain_draft(self.contract),
            blame=(("order", "server.answers"),),
        )
        return self.send(case, order, wire)

    def _confirmed(self, case: Case, order: str, sent: Sent) -> Result:
        """Send a failing request again, unless its kind of failure was confirmed before."""
        signature = self._signature(case, sent)
        sendings = [sent]
        if self.confirmed[signature] < CONFIRMATIONS:
            sendings += self._again(case, order, sent)
        failed = sum(sending.wrong for sending in sendings)
        if failed == len(sendings):
            if len(sendings) > 1:
                self.confirmed[signature] += 1
            return self._result(case, sendings, sent.findings)
        return self._result(case, sendings, unsteady(sent, failed, len(sendings)))

    def _signature(self, case: Case, sent: Sent) -> tuple[str, str, str]:
        main = next(finding for finding in sent.findings if finding.kind is not Kind.ADVICE)
        return (main.clause, main.kind, case.area)

    def _again(self, case: Case, order: str, sent: Sent) -> list[Sent]:
        """Send a request again: on a new order where the last one was used up, fewer times where that is dear."""
        dear = sent.accepted or sent.reading is None
        sendings: list[Sent] = []
        for _ in range(1 if dear else CONFIRMATIONS):
            try:
                if sent.accepted and case.group == "refundable":
                    order = self.orders.lease()
                again = self.send(case, order)
            except NoOrderError:
                break
            if not again.decided:
                break
            sendings.append(again)
            if again.accepted and case.group == "refundable":
                self.orders.spent.append(order)
                sent = again
        return sendings

    def _result(self, case: Case, sendings: list[Sent], findings: tuple[Finding, ...]) -> Result:
        reading = sendings[0].reading
        answer = (
            "" if reading is None else "error" if reading.shape is None or reading.status >= 300 else "success"
        )
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


def bench_key(case: Case) -> str:
    """Return the name of the shared order that a case's request goes to."""
    wrong = case.situation.wrong
    return BENCHES[wrong[0]] if wrong else "questions"


def unsteady(sent: Sent, failed: int, tries: int) -> tuple[Finding, ...]:
    """Return the findings for a request that fails only sometimes: it breaks server.steady, not its clause."""
    main = next(finding for finding in sent.findings if finding.kind is not Kind.ADVICE)
    actual = f"{main.actual} in {failed} of {tries} tries, {main.expected} otherwise"
    found = [Finding("server.steady", Kind.UNSTEADY, "the same answer each time", actual)]
    if main.kind in (Kind.CRASH, Kind.SILENCE):
        found.append(Finding(main.clause, main.kind, main.expected, main.actual))
    return tuple(found)
