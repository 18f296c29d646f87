"""Every open question of the contract has a switch with each lawful answer."""

import json
from collections.abc import Callable
from dataclasses import fields

import pytest
from mock_wire import Reply, Wire

from refund_conformance.contract.errors import UsageError
from refund_conformance.contract.model import load
from refund_conformance.mock.answers import Answers, answers_from, answers_of
from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings

pytestmark = pytest.mark.whole

CONTRACT = load()
QUESTIONS = {id_: question for id_, question in CONTRACT.questions.items() if question.answers}


def _typed(wire: Wire, content_type: str) -> Reply:
    return wire.refund(wire.ids("refundable")[0], headers=[wire.headers()[0], ("Content-Type", content_type)])


def _raw(body: bytes) -> Callable[[Wire], Reply]:
    return lambda wire: wire.refund(wire.ids("refundable")[0], body=body)


def _member(member: str) -> Callable[[Wire], Reply]:
    return _raw(b'{"email": "a@b.c", ' + member.encode() + b"}")


def _scheme(wire: Wire) -> Reply:
    headers = [("AuthorizationJWT", f"bEARER {wire.token()}"), wire.headers()[1]]
    return wire.refund(wire.ids("refundable")[0], headers=headers)


def _unconfigured(wire: Wire) -> Reply:
    return wire.refund(wire.ids("refundable")[0], headers=wire.headers(wire.token("unconfigured_token")))


def _chunked(wire: Wire) -> Reply:
    connection = wire.fresh()
    path = f"/v1/order/{wire.ids('refundable')[0]}/refund"
    connection.request("POST", path, iter([b'{"email": ', b'"a@b.c"}']), dict(wire.headers()), encode_chunked=True)
    answer = connection.getresponse()
    reply = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    connection.close()
    return reply


PROBES: dict[str, Callable[[Wire], Reply]] = {
    "content-type-parameters": lambda wire: _typed(wire, "application/json; charset=utf-8"),
    "content-type-case": lambda wire: _typed(wire, "Application/JSON"),
    "byte-order-mark": _raw(b'\xef\xbb\xbf{"email": "a@b.c"}'),
    "utf16-json": _raw('{"email": "a@b.c"}'.encode("utf-16-le")),
    "duplicate-keys": _raw(b'{"email": "a@b.c", "email": "a@b.c"}'),
    "lone-surrogate": _member(r'"description": "\ud800"'),
    "nul-character": _member(r'"description": "\u0000"'),
    "character-unit": _member(f'"description": {json.dumps("😀" * 500)}'),
    "unknown-field": _member('"colour": "red"'),
    "empty-description": _member('"description": ""'),
    "bearer-case": _scheme,
    "international-email": _raw('{"email": "почта@пример.рф"}'.encode()),
    "deep-nesting": _member('"x": ' + "[" * 200 + "]" * 200),
    "number-range": _raw(b'{"email": 1e999}'),
    "malformed-order-id": lambda wire: wire.refund("abc"),
    "order-not-found-code": lambda wire: wire.refund(wire.ids("unknown")[0]),
    "unconfigured-order": _unconfigured,
    "repeated-field-errors": _raw(json.dumps({"email": "x" * 81}).encode()),
    "oversized-request": _raw(b'{"email": "a@b.c", "x": "' + b"x" * 70_000 + b'"}'),
    "email-surrounding-space": _raw(rb'{"email": "a@b.c\n"}'),
    "path-cleaning": lambda wire: wire.refund(""),
    "unsupported-encoding": lambda wire: _typed(wire, "application/json; charset=iso-8859-1"),
    "chunked-body": _chunked,
    "unusual-members": _member(", ".join(f'"member{number}": 1' for number in range(200))),
}
ACCEPTED = {"accepted", "code-points", "ignored", "as-documented", "trimmed"}
EXPECTED = {
    "401": (401, [1007]),
    "404": (404, [15060]),
    "400": (400, [15010]),
    "15060": (404, [15060]),
    "15020": (404, [15020]),
    "utf-16-units": (400, [15010]),
    "once": (400, [15010]),
    "each-reason": (400, [15010, 15010]),
    "http-status": (413, []),
    "redirect": (301, []),
    "411": (411, []),
}
OF_QUESTIONS: dict[tuple[str, str], tuple[int, list[int]]] = {
    ("path-cleaning", "404"): (404, []),
    ("unsupported-encoding", "refused"): (415, []),
}
OF_QUESTIONS |= {("unusual-members", "refused"): (400, [110])}
"""Answers whose name stands for another one elsewhere."""


def test_the_switches_are_the_contracts_questions() -> None:
    assert {row.name.replace("_", "-") for row in fields(Answers)} == set(QUESTIONS)
    answers_of({row.name.replace("_", "-"): str(row.default) for row in fields(Answers)}, CONTRACT)


@pytest.mark.parametrize(
    ("question", "answer"), [(id_, answer) for id_, question in QUESTIONS.items() for answer in question.answers]
)
def test_each_answer_is_given(question: str, answer: str) -> None:
    with running(MockSettings(answers={question: answer}, refundable=1)) as mock, Wire(mock) as wire:
        reply = PROBES[question](wire)
    if (question, answer) in OF_QUESTIONS:
        assert reply.short == OF_QUESTIONS[question, answer]
    elif answer in ACCEPTED:
        assert reply.short == (200, [])
    else:
        assert reply.short == EXPECTED.get(answer, (400, [int(answer) if answer.isdigit() else 0]))


@pytest.mark.parametrize("chosen", [{"colour": "red"}, {"precedence": "route"}, {"bearer-case": "maybe"}])
def test_an_unknown_question_or_answer_is_a_usage_error(chosen: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"colour|precedence|maybe"):
        answers_of(chosen, CONTRACT)


def test_pairs_are_read() -> None:
    assert answers_from(("a=b", "c=d=e")) == {"a": "b", "c": "d=e"}
    with pytest.raises(UsageError, match="has no ="):
        answers_from(("a",))
