"""What a recorded exchange shows: nothing, that clauses hold, or that one is broken whatever the situation was."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from refund_conformance.cases.recorded.evidence import shown_clauses
from refund_conformance.cases.recorded.exchange import Answer, Recorded, Shown
from refund_conformance.cases.recorded.possibilities import (
    Possibilities,
    clauses_of,
    looks_permitted,
    permitted_answers,
    possibilities,
    promises_of,
)
from refund_conformance.cases.recorded.route import Place
from refund_conformance.contract.model import Contract
from refund_conformance.oracle.error_body import Reading, read
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.judge import Question, describe, describe_reading
from refund_conformance.oracle.permitted import Permitted
from refund_conformance.oracle.unsure import judge_unsure
from refund_conformance.transport.exchange import Response

FRONT = frozenset({203, 403, 406, 407, 408, 412, 417, 421, 423, 425, 426, 429, 444, 451, 502, 503, 504, 511})
"""Statuses that something in front of a server may answer with by itself, whatever was asked."""

PAGES = frozenset({*range(200, 300), 404, 405, 413, 414, 431})
"""Statuses with which something in front of a server may send a page of its own."""


ELSE = "or what its token, its caller or its order's state calls for"
"""What else may be the answer to a request of which only what it says is known."""


@dataclass(frozen=True)
class Opinion:
    """What a recorded exchange shows.

    ``nothing`` says why it shows nothing, "" if it shows something. ``clause`` is what it is about: the one that
    is broken, or else the most special of those that are ``shown`` to hold. ``answer`` is "success", "error",
    "bare" or "", as in a result. ``accepted`` says that the request was accepted, and may have been;
    ``refused_for`` is the part for which it was refused, if that is sure. ``observed`` are
    the answers to open questions that it reveals, and ``wrong`` the parts that are wrong for sure.
    """

    nothing: str = ""
    clause: str = ""
    findings: tuple[Finding, ...] = ()
    shown: tuple[str, ...] = ()
    answer: str = ""
    accepted: bool = False
    refused_for: str = ""
    codes: tuple[int, ...] = ()
    observed: tuple[tuple[str, str], ...] = ()
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """How a recording is looked at: the authorization header's name, and the pinned answers to open questions."""

    contract: Contract
    header: str
    pins: Mapping[str, str]


def opinion(view: View, recorded: Recorded, place: Place, shown: Shown) -> Opinion:
    """Return what a recorded exchange with the operation shows."""
    answer = recorded.answer
    if answer is None or not 100 <= answer.status < 600:
        return Opinion("no answer was recorded")
    reading = read(Response(answer.status, answer.reason, answer.headers, answer.body or b""))
    if reason := _inconclusive(answer, recorded, reading):
        return Opinion(reason)
    found = possibilities(view.contract, view.header, recorded, place, shown)
    return _opinion(view, recorded, found, reading, is_whole=_is_whole(recorded))


def _is_whole(recorded: Recorded) -> bool:
    """Whether the body of the answer is known; that of an answer to HEAD never is."""
    return recorded.answer is not None and recorded.answer.body is not None and recorded.method != "HEAD"


def _inconclusive(answer: Answer, recorded: Recorded, reading: Reading) -> str:
    """Return why an answer says nothing about the contract, "" if it does."""
    status, is_known = answer.status, reading.shape is None and bool(reading.codes)
    if 100 <= status < 200 or 300 <= status < 400:
        return f"only {status} came, which leads elsewhere"
    if status in (502, 503, 504) or status not in _REGISTERED or (status in FRONT and not is_known):
        return f"only {status} came, which something in front may have answered"
    if status in PAGES and reading.media_type == "text/html":
        return f"{status} came with a page, which something in front may have sent"
    if status == 401 and not is_known and _asks_for_other_scheme(answer):
        return "only 401 came, for another scheme of authorization"
    if not _is_whole(recorded) and not (200 <= status < 300 or 500 <= status < 600):
        return "the body of the answer was not recorded"
    return ""


_REGISTERED = frozenset(map(int, HTTPStatus)) - {511}


def _asks_for_other_scheme(answer: Answer) -> bool:
    asked = [
        value.partition(" ")[0].lower() for name, value in answer.headers if name.lower() == "www-authenticate"
    ]
    return bool(asked) and "bearer" not in asked


def _opinion(view: View, recorded: Recorded, found: Possibilities, reading: Reading, *, is_whole: bool) -> Opinion:
    contract = view.contract
    answers = permitted_answers(contract, found, view.pins)
    sure = clauses_of(contract, found, recorded)
    question = Question(
        clause=next(iter(sure.values()), "errors.shape"),
        permitted=answers,
        blame=tuple(sure.items()),
        fields=frozenset(contract.fields) | found.names,
        promises=tuple(promises_of(contract, found.document).items()),
    )
    judged = judge_unsure(contract, question, reading)
    told = _answer(reading) if is_whole else ""
    looks = looks_permitted(contract, found, view.pins)
    known = [answer for answer in looks if answer.fields <= contract.fields.keys()]
    expected = f"{describe(known or looks)}, {ELSE}"
    findings = tuple(
        replace(finding, expected=expected) if finding.expected == describe(answers) else finding
        for finding in judged.findings
    )
    findings += _out_of_order(contract, found, reading, judged.matched)
    if any(finding.kind is not Kind.ADVICE for finding in findings):
        return Opinion("", findings[0].clause, findings, (), told, codes=reading.codes, wrong=tuple(sure))
    shown = shown_clauses(contract, found, recorded, judged.matched)
    parts = {answer.part for answer in judged.matched}
    refused = parts & sure.keys() if len(parts) == 1 else set()
    fallback = {"success": "success.status", "error": "errors.shape"}.get(told, "server.answers")
    return Opinion(
        "",
        next(iter(shown), fallback),
        findings,
        shown,
        told,
        accepted="" in parts,
        refused_for=next(iter(refused), ""),
        codes=reading.codes,
        observed=tuple(_observed(view, found, judged.matched)),
        wrong=tuple(sure),
    )


def _answer(reading: Reading) -> str:
    if reading.shape is None:
        return "error"
    return "bare" if reading.status >= 300 else "success"


def _out_of_order(
    contract: Contract, found: Possibilities, reading: Reading, matched: frozenset[Permitted]
) -> tuple[Finding, ...]:
    """Return the advice that a request without valid authorization is to be refused for that first."""
    if not matched or "authorization" not in found.wrong or {"authorization", ""} & {a.part for a in matched}:
        return ()
    (status,) = contract.outcomes["authorization", "missing"].statuses
    expected = f"{status} before anything else is looked at"
    return (Finding("auth.first", Kind.ADVICE, expected, describe_reading(reading)),)


def _observed(view: View, found: Possibilities, matched: frozenset[Permitted]) -> list[tuple[str, str]]:
    """Return the answers to open questions that are the only ones by which the answer is permitted."""
    revealed: list[tuple[str, str]] = []
    for name in () if found.is_open else found.asked:
        answers = [
            answer
            for answer in view.contract.questions[name].answers
            if matched & permitted_answers(view.contract, found, {**view.pins, name: answer})
        ]
        if len(answers) == 1:
            revealed.append((name, answers[0]))
    return revealed
