"""Judge one recorded exchange after the other, and keep what each of them shows."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from refund_conformance.app.judging.masking import Masking, masked_headers, masked_target
from refund_conformance.app.judging.memory import HOLDS, Known, Memory, login_secrets
from refund_conformance.app.recordings.messages import origin_and_target
from refund_conformance.cases.recorded.authorization import token_of
from refund_conformance.cases.recorded.evidence import NO_EFFECT
from refund_conformance.cases.recorded.exchange import Recorded
from refund_conformance.cases.recorded.opinion import Opinion, View, opinion
from refund_conformance.cases.recorded.route import Place, is_judged, is_login, place_of
from refund_conformance.engine.recorder import Record
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.result import Outcome, Result, outcome_of
from refund_conformance.report.events import RECORDED
from refund_conformance.transport.exchange import Exchange, Request, Response

KEPT = 2000
"""Exchanges that show the same which are kept; the others are counted."""

WHAT = {
    "route": "method or URL",
    "authorization": "authorization",
    "content_type": "content type",
    "body": "body",
    "order": "order's state",
    "field": "fields",
}


@dataclass(frozen=True)
class Base:
    """Where the endpoint is: scheme, host and port, and what stands before its path. None: anywhere."""

    origin: str | None = None
    prefix: str | None = None

    @classmethod
    def of(cls, url: str | None) -> "Base":
        """Return the base that a URL names; that of no URL is anywhere."""
        if url is None:
            return cls()
        origin, target = origin_and_target(url)
        return cls(origin, target.rstrip("/"))


class Judging:
    """Judges recorded exchanges. ``sink`` takes the events, and ``told`` the result of each violation.

    ``judged`` counts the exchanges that showed something, ``nothing`` the others by reason, ``read`` all that were
    read, and ``more`` those that are not kept because many like them are.
    """

    def __init__(self, view: View, base: Base, holds: float = HOLDS) -> None:
        self.judged = 0
        self.read = 0
        self.more = 0
        self.nothing: Counter[str] = Counter()
        self.again: list[str] = []
        self.masking = Masking()
        self.memory = Memory(view.contract, holds)
        self.sink: Callable[[dict[str, Any]], None] = lambda event: None
        self.told: Callable[[Result], None] = lambda result: None
        self._view = view
        self._base = base
        self._record = Record(self.masking, lambda event: self.sink(event))
        self._alike: Counter[tuple[object, ...]] = Counter()
        self._shown: set[str] = set()
        self._observed: set[tuple[str, str]] = set()
        self._latest = 0.0

    def place(self, recorded: Recorded) -> Place | None:
        """Return where a request to the endpoint leads; None for any other, and for methods nobody promises of."""
        if self._base.origin not in (None, recorded.origin) or not is_judged(self._view.contract, recorded.method):
            return None
        return place_of(self._view.contract, recorded.target, self._base.prefix)

    def is_wanted(self, recorded: Recorded) -> bool:
        """Take note of an exchange that was read; return whether it is to be taken: a request here, or a login."""
        self.read += 1
        place = self.place(recorded)
        self.memory.saw(recorded, self._view.header, place)
        return place is not None or is_login(self._view.contract, recorded.target)

    def take(self, recorded: Recorded) -> Opinion | None:
        """Judge an exchange and keep it; return what it shows, None if it is not one with the endpoint."""
        place = self.place(recorded)
        if place is None:
            self.masking.learn(login_secrets(recorded))
            self.memory.log_in(recorded)
            return None
        token = token_of(self._view.contract, self._view.header, recorded)
        shown = self.memory.shown(recorded, place, token, is_served=self._base.prefix is not None)
        found = opinion(self._view, recorded, place, shown)
        if found.nothing:
            self.nothing[found.nothing] += 1
            return found
        self.judged += 1
        self.masking.about(recorded)
        self._keep(recorded, place, token, found)
        return found

    def _keep(self, recorded: Recorded, place: Place, token: str, found: Opinion) -> None:
        before = self.memory.before(recorded, place)
        is_race = before is not None and self.memory.is_race(before, recorded)
        shown = [*(("order.race",) if is_race and self._is_told_open(found) else ()), *found.shown]
        if found.accepted and before is not None and not is_race:
            self.again.append(f"{recorded.source} after {before.recorded.source}")
        elif found.accepted and is_race:
            found = replace(found, clause="order.race", findings=(self._race(),), shown=())
        elif found.accepted and (refused := self.memory.refused(recorded, place)):
            shown.insert(0, NO_EFFECT[refused.part])
        if not _is_wrong(found):
            found = replace(found, clause=next((one for one in shown if one not in self._shown), found.clause))
            self._shown.add(found.clause)
        with_first = before.number if before is not None and found.clause in ("order.once", "order.race") else 0
        number = self._write(recorded, found, with_first)
        known = Known(recorded, number, token, found.refused_for)
        if found.accepted:
            self.memory.accept(known, place)
        elif found.refused_for in NO_EFFECT:
            self.memory.refuse(known, place)

    def _is_told_open(self, found: Opinion) -> bool:
        """Whether an answer tells that the order has an open refund request."""
        return found.codes == (self._view.contract.outcomes["order", "refund-open"].errors,)

    def _race(self) -> Finding:
        outcome, success = self._view.contract.outcomes["order", "refund-open"], self._view.contract.operation
        expected = f"{min(outcome.statuses)} with {outcome.errors} alone for all but one of them"
        actual = f"{success.success_status} without errors, as another request at the same time"
        return Finding("order.race", Kind.ACCEPTED, expected, actual)

    def _write(self, recorded: Recorded, found: Opinion, with_first: int) -> int:
        """Keep an exchange and what it shows, unless many like it are kept; return its number."""
        findings = tuple(self._cleaned(finding) for finding in found.findings)
        alike = (found.clause, found.answer, *((finding.clause, finding.actual) for finding in findings))
        self._alike[alike] += 1
        if self._alike[alike] > KEPT:
            self.more += 1
            return 0
        number = self._record.exchange(self._exchange(recorded))
        is_wrong = _is_wrong(found)
        result = Result(
            f"{found.clause}/{RECORDED}-{number}",
            found.clause,
            _title(recorded, found),
            outcome_of(findings),
            findings=findings,
            exchanges=(*((with_first,) if with_first else ()), number),
            answer=found.answer,
            failed=int(is_wrong),
            tries=1,
            failing=(number,) if is_wrong else (),
        )
        self.sink(result.as_event())
        for question, answer in found.observed:
            if (question, answer) not in self._observed:
                self._observed.add((question, answer))
                self.sink({"event": "observation", "question": question, "answer": answer})
        if result.outcome is Outcome.VIOLATED:
            self.told(result)
        return number

    def _cleaned(self, finding: Finding) -> Finding:
        """Return a finding without secrets: the names of members that were sent stand in it, beside our words."""
        clean, whole = self.masking.text, finding.cleaned(self.masking.text)
        return replace(whole, expected=clean(whole.expected), actual=clean(whole.actual))

    def _exchange(self, recorded: Recorded) -> Exchange:
        """Return an exchange as the record keeps it, secrets taken out of its URL and header fields."""
        began, ended = recorded.earliest, recorded.latest
        self._latest = began if began is not None and math.isfinite(began) else self._latest
        took = ended - began if began is not None and ended is not None and ended >= began else 0.0
        headers = masked_headers(recorded, recorded.headers)
        request = Request(recorded.method, masked_target(recorded.target), headers, recorded.body or b"")
        answer, response = recorded.answer, None
        if answer is not None:
            headers = masked_headers(recorded, answer.headers)
            response = Response(answer.status, answer.reason, headers, answer.body or b"")
        detail = "" if recorded.body is not None else "the request's body was not recorded for sure"
        return Exchange(request, response, None, detail, self._latest, took if math.isfinite(took) else 0.0)


def _is_wrong(found: Opinion) -> bool:
    return any(finding.kind is not Kind.ADVICE for finding in found.findings)


def _title(recorded: Recorded, found: Opinion) -> str:
    """Return what an exchange is called: by what is wrong with it for sure, and its place in the recording."""
    parts = " and ".join(WHAT.get(part, part) for part in found.wrong)
    wrong = f"wrong by its {parts}" if parts else "with nothing wrong for sure"
    return f"A request {wrong} ({recorded.source}) is answered as the document has it."
