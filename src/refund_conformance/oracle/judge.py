"""Compare an answer with the permitted ones, and name the clause that fails: pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from refund_conformance.contract.model import Contract, Level
from refund_conformance.oracle.error_body import Reading
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.permitted import FIELD_ERROR, Permitted
from refund_conformance.oracle.words import describe, describe_reading, has_wording, quoted

__all__ = ["Question", "Verdict", "describe", "describe_reading", "judge", "silence"]


@dataclass(frozen=True)
class Question:
    """What is asked of an answer: the permitted ones, and the clause that each wrong part belongs to.

    ``clause`` is what the case is about. ``blame`` maps a wrong part to the clause that fails if that part is
    not refused; ``fields`` are all field names that a message may name. ``promises`` maps parts and fields with
    which nothing is wrong to the clause that fails if one of them is refused all the same.
    """

    clause: str
    permitted: frozenset[Permitted]
    blame: tuple[tuple[str, str], ...] = ()
    fields: frozenset[str] = frozenset()
    promises: tuple[tuple[str, str], ...] = ()

    @property
    def own(self) -> str:
        """The case's clause; but that of its wrong part if it strains the server, of which worse is expected."""
        strains = self.clause.startswith("server.") and len(self.blame) == 1
        return self.blame[0][1] if strains else self.clause


@dataclass(frozen=True)
class Verdict:
    """The findings on one answer, and the permitted answer that it is, if it is one."""

    findings: tuple[Finding, ...]
    matched: Permitted | None


def judge(contract: Contract, question: Question, reading: Reading) -> Verdict:
    """Return what is wrong with an answer; nothing, if it is permitted and keeps every general promise."""
    return Verdict(*_Judgement(contract, question, reading).result())


def silence(question: Question, detail: str) -> Finding:
    """Return the finding for an exchange without a whole answer (clause server.answers)."""
    expected = describe(question.permitted)
    return Finding("server.answers", Kind.SILENCE, expected, detail, (question.own,))


class _Judgement:
    """One question and one answer; the methods are the steps of the decision."""

    def __init__(self, contract: Contract, question: Question, reading: Reading) -> None:
        self.contract = contract
        self.question = question
        self.reading = reading

    @cached_property
    def expected(self) -> str:
        return describe(self.question.permitted)

    @cached_property
    def actual(self) -> str:
        return describe_reading(self.reading, self.field_code, self.question.fields)

    @cached_property
    def field_code(self) -> int | None:
        """The code of an invalid field."""
        errors = self.contract.outcomes[FIELD_ERROR].errors
        return errors if isinstance(errors, int) else None

    @cached_property
    def listed(self) -> frozenset[int]:
        own = {answer.errors for answer in self.question.permitted if isinstance(answer.errors, int)}
        return frozenset(self.contract.errors) | own

    def result(self) -> tuple[tuple[Finding, ...], Permitted | None]:
        matched = next((answer for answer in self._ordered() if self._is(answer)), None)
        if matched:
            return tuple(self._general(matched)), matched
        findings = tuple(self._diagnose())
        assert findings, f"no finding for {self.actual} against {self.expected}"  # noqa: S101
        return findings, None

    def _ordered(self) -> list[Permitted]:
        """Return the permitted answers, those that say the most first."""

        def rank(answer: Permitted) -> tuple[object, ...]:
            return answer.errors == "anything", answer.repeats, answer.part, sorted(answer.fields)

        return sorted(self.question.permitted, key=rank)

    # -- is it permitted? ---------------------------------------------------------------------------

    def _is(self, answer: Permitted) -> bool:
        if self.reading.status not in answer.statuses:
            return False
        if answer.success:
            return not self.reading.reports_errors
        if answer.errors == "anything":
            return True
        if answer.errors == "undemanded":
            return not self._misplaced() and not self._told_states() and self._is_whole() and self._leads_on()
        return self.reading.shape is None and self._has_codes_of(answer)

    def _is_whole(self) -> bool:
        """Whether there is an error body if the status never comes without one."""
        demanding = self.reading.status in self.contract.operation.error_body_statuses
        return not demanding or (self.reading.shape is None and bool(self.reading.codes))

    def _leads_on(self) -> bool:
        """Whether a redirect leads to the operation's own URL, without dot segments and empty ones."""
        if not 300 <= self.reading.status < 400:
            return True
        path = urlsplit(self.reading.response.header("Location") or "").path
        ending = self.contract.operation.path.partition("{order}")[2]
        return path.endswith(ending) and not {"", ".", ".."}.intersection(path.split("/")[1:])

    def _misplaced(self) -> bool:
        """Whether a code stands there whose own status this is not; codes that nobody documents may."""
        statuses = {self._status_of(code) for code in self.reading.codes} - {None}
        return self.reading.shape is None and not statuses <= {self.reading.status}

    def _told_states(self) -> bool:
        """Whether a code stands there that tells the state of an order, which was found then."""
        told = (o for o in self.contract.outcomes.values() if o.part == "order")
        not_found = self.contract.outcomes["order", "unknown"].statuses
        return not {o.errors for o in told if o.statuses != not_found}.isdisjoint(self.reading.codes)

    def _has_codes_of(self, answer: Permitted) -> bool:
        """Whether the codes, and the fields that a 15010 names, are those that a permitted answer demands."""
        codes = self.reading.codes
        if answer.errors == "some":
            own = {code for code in codes if self._status_of(code) in answer.statuses}
            return bool(own) and len(own) == len(set(codes))
        if answer.fields:
            return set(codes) == {answer.errors} and self._names_each(answer.fields, repeats=answer.repeats)
        return codes == (answer.errors,)

    def _names_each(self, fields: frozenset[str], *, repeats: bool = False) -> bool:
        """Whether errors and fields can be paired one to one, each error naming its field.

        Where errors may repeat, each further one must name one of the fields too.
        """
        errors = self.reading.errors
        if len(errors) < len(fields) or (len(errors) > len(fields) and not repeats):
            return False
        if not all(any(map(error.names, fields)) for error in errors):
            return False
        by_error: dict[int, str] = {}

        def place(field: str, tried: set[int]) -> bool:
            for number, error in enumerate(errors):
                if number not in tried and error.names(field):
                    tried.add(number)
                    if number not in by_error or place(by_error[number], tried):
                        by_error[number] = field
                        return True
            return False

        return all(place(field, set()) for field in sorted(fields))

    def _status_of(self, code: int) -> int | None:
        error = self.contract.errors.get(code)
        return error.status if error else None

    # -- it is permitted: the general promises --------------------------------------------------------

    def _general(self, matched: Permitted) -> Iterator[Finding]:
        if matched.errors in ("none", "undemanded", "anything"):
            return
        if matched.should and not matched.should & set(self.reading.codes):
            wanted = " or ".join(map(str, sorted(matched.should)))
            yield self._advice("auth.codes", f"{self.reading.status} with {wanted}")
        if self.reading.media_type != self.contract.operation.media_type:
            yield self._advice(
                "errors.media-type",
                f"Content-Type: {self.contract.operation.media_type}",
                f"Content-Type: {self.reading.media_type[:80] or 'none'}",
            )
        yield from self._wordings()

    def _wordings(self) -> Iterator[Finding]:
        for error in self.reading.errors:
            documented = self.contract.errors.get(error.code or 0)
            if documented is not None and not has_wording(error, documented):
                said = (
                    f"{error.code}: {quoted(error.message)}"
                    if error.message
                    else f"{error.code} without a message"
                )
                yield self._advice("errors.message", f"{error.code}: {documented.message}", said)
                return

    def _advice(self, clause: str, expected: str, actual: str | None = None) -> Finding:
        return Finding(clause, Kind.ADVICE, expected, actual or self.actual)

    # -- it is not permitted: what really went wrong --------------------------------------------------

    def _diagnose(self) -> Iterator[Finding]:
        status = self.reading.status
        success = any(answer.success for answer in self.question.permitted)
        if 500 <= status < 600:
            yield self._finding("server.no-5xx", Kind.CRASH, self._blamed())
            if self._codes_permitted():
                yield self._finding("errors.status", Kind.STATUS)
        elif not 200 <= status < 600 or 300 <= status < 400:
            yield self._finding("server.answers", Kind.SILENCE, self._blamed())
        elif self._codes_permitted():
            yield self._finding("errors.status", Kind.STATUS, self._blamed())
            yield from self._misshapen()
        elif status < 300 and success:
            yield from self._odd_success()
        elif status < 300 and self.reading.reports_errors:
            yield self._finding("errors.status", Kind.STATUS, self._blamed())
        elif status < 300:
            yield self._finding(self._blamed(), Kind.ACCEPTED)
        elif self.reading.shape is not None:
            yield from self._unreadable()
        else:
            yield from self._wrong_codes()

    def _odd_success(self) -> Iterator[Finding]:
        if self.reading.status not in {s for a in self.question.permitted if a.success for s in a.statuses}:
            yield self._finding("success.status", Kind.STATUS)
        if self.reading.reports_errors:
            yield self._finding("success.body", Kind.REFUSED, self.question.clause)

    def _codes_permitted(self) -> bool:
        """Whether the codes are right for a permitted answer whose status this is not."""
        return any(
            self.reading.status not in answer.statuses and self._has_codes_of(answer)
            for answer in self.question.permitted
        )

    def _misshapen(self) -> Iterator[Finding]:
        if self.reading.shape is not None:
            yield self._shape()

    def _unreadable(self) -> Iterator[Finding]:
        right_status = [a for a in self.question.permitted if self.reading.status in a.statuses]
        if not right_status:
            success = all(answer.success for answer in self.question.permitted)
            yield self._finding(self._blamed(), Kind.REFUSED if success else Kind.OTHER_ERROR)
            if any(answer.errors != "undemanded" for answer in self.question.permitted):
                yield self._shape()
        elif any(self._has_codes_of(answer) for answer in right_status):
            yield self._shape()
        else:
            yield self._shape(self._blamed())

    def _shape(self, also: str = "") -> Finding:
        return Finding(
            "errors.shape",
            Kind.SHAPE,
            "an error body as the document shapes it",
            f"{self.actual}; {self.reading.shape}",
            (also,) if also else (),
        )

    def _wrong_codes(self) -> Iterator[Finding]:
        codes = self.reading.codes
        right_status = [a for a in self.question.permitted if self.reading.status in a.statuses]
        unsure = any(answer.errors == "some" for answer in right_status)
        undemanded = right_status and all(answer.errors == "undemanded" for answer in right_status)
        if undemanded and self._misplaced() and not (self._mixed() and self.listed.issuperset(codes)):
            yield self._finding("errors.status", Kind.STATUS, self._blamed())
        elif any(code not in self.listed for code in codes):
            yield self._finding("errors.known-codes", Kind.UNKNOWN_CODE, self._blamed())
        elif self._mixed():
            right = unsure or any(answer.errors in ("undemanded", *codes) for answer in right_status)
            yield self._finding("errors.alone", Kind.MIXTURE, "" if right else self._blamed())
        elif unsure:
            yield self._finding("errors.status", Kind.STATUS, self._blamed())
        elif any(answer.errors == codes[0] and answer.fields for answer in right_status):
            yield from self._wrong_fields()
        else:
            success = all(answer.success for answer in self.question.permitted)
            yield self._finding(self._blamed(), Kind.REFUSED if success else Kind.OTHER_ERROR)

    def _mixed(self) -> bool:
        """Whether codes stand together that must not: one that interrupts, or a field's beside others."""
        codes = self.reading.codes
        own = self.field_code in codes and len(set(codes)) > 1
        return len(codes) > 1 and (any(map(self._interrupts, codes)) or own)

    def _interrupts(self, code: int) -> bool:
        error = self.contract.errors.get(code)
        return error is None or error.effect == "interrupts"

    def _wrong_fields(self) -> Iterator[Finding]:
        """The right code and status, but not one error for each invalid field, naming it."""
        wanted = min((a.fields for a in self.question.permitted if a.fields), key=len)
        named = Counter(
            field for error in self.reading.errors for field in self.question.fields if error.names(field)
        )
        silent = [error for error in self.reading.errors if not any(map(error.names, self.question.fields))]
        count = len(self.reading.errors)
        beside = named.keys() & self.question.fields - self.contract.fields.keys() - wanted
        if beside:  # a field of the request that the document does not have, in place of the one that is invalid
            yield self._finding("fields.all-reported", Kind.FIELDS, self._blamed())
            return
        if count == len(wanted) and (silent or not set(named) <= wanted or count == 1):
            yield self._finding("fields.message-names-field", Kind.UNNAMED)
            return
        if silent:
            yield self._finding("fields.message-names-field", Kind.UNNAMED)
        yield self._finding("fields.all-reported", Kind.FIELDS)

    def _blamed(self) -> str:
        """The clause of the wrong part that the answer's code belongs to, else of the first wrong part.

        It is the case's own if valid fields are called invalid, or if only one part is wrong and the code is of
        another.
        """
        blame = dict(self.question.blame)
        told = [o.part for code in self.reading.codes for o in self.contract.outcomes.values() if o.errors == code]
        for part in told:
            if part in blame:
                return blame[part]
        if not blame:
            return self._promised(told) or self.question.clause
        if told and (len(blame) == 1 or "field" in told):
            return self.question.own
        return next(iter(blame.values()), self.question.clause)

    def _promised(self, told: Iterable[str]) -> str | None:
        """Return the clause of a part or a field that is refused though nothing is wrong with it."""
        promises = dict(self.question.promises)
        shown = {o.part for o in self.contract.outcomes.values() if not o.should.isdisjoint(self.reading.codes)}
        told = (*told, *shown)
        fields = (name for error in self.reading.errors for name in self.contract.fields if error.names(name))
        refused = fields if "field" in told else told
        return next((promises[name] for name in refused if name in promises), None)

    def _finding(self, clause: str, kind: Kind, also: str = "") -> Finding:
        others = (also,) if also and also != clause else ()
        known = self.contract.clauses.get(clause)
        if known is not None and known.level is Level.SHOULD:
            kind = Kind.ADVICE
        return Finding(clause, kind, self.expected, self.actual, others)
