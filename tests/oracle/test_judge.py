"""The judge finds nothing wrong with any lawful answer, and names the exact clause that any other one breaks."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refund_conformance.contract import model as contracts
from refund_conformance.contract.model import Field, Level
from refund_conformance.oracle.error_body import Reading, read
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.judge import Question, Verdict, describe_reading, judge, silence
from refund_conformance.oracle.permitted import Permitted, permitted
from refund_conformance.oracle.situation import Situation
from refund_conformance.transport.exchange import Response

CONTRACT = contracts.load()

# ---- answers, written by hand from the document

MESSAGES = {
    110: "JSON is not valid. The request cannot be processed.",
    111: "Invalid data format (Content-type). The request cannot be processed.",
    15000: "Unable to identify your configuration for accessing this API. Please contact technical support.",
    15030: 'Order refund is impossible. Order status is not equal to "paid".',
    15040: "Order refund is impossible. Order price amount is equal to zero.",
    15050: "Order refund is impossible. Order refund request already exists.",
    15060: "Order refund is impossible. Order not found.",
    1007: "Your token is invalid.",
    1008: "Missing token.",
    1009: "Your token is expired.",
}
Entry = tuple[int, str]
"""One error of an answer: its code, and the field that a 15010 names ("" for none)."""

HTML = "<h1>Error</h1>"


@cache
def raw(status: int, body: str, media_type: str = "application/json") -> Reading:
    headers = (("Content-Type", media_type),) if media_type else ()
    return read(Response(status, "", headers, body.encode()))


def errors(*entries: Entry) -> str:
    rows = [
        {"error": code, "message": MESSAGES.get(code) or f"Invalid field value: {field}"}
        for code, field in entries
    ]
    return json.dumps({"errors": rows})


def told(status: int, *entries: Entry) -> Reading:
    return raw(status, errors(*entries))


def coded(status: int, *codes: int) -> Reading:
    return told(status, *((code, "") for code in codes))


def fields(*names: str, status: int = 400) -> Reading:
    return told(status, *((15010, name) for name in names))


# ---- situations, and who is to blame

PART_CLAUSES = {
    "route": "route.method",
    "authorization": "auth.forged",
    "content_type": "content-type.other",
    "body": "json.malformed",
    "caller": "caller.configuration",
    "order": "order.zero-price",
    "field": "email.format",
}


def asked(situation: Situation, clause: str = "order.refundable", **pins: str) -> Question:
    """Ask as a case would: with one wrong part it is the case's own clause, with several each has its own."""
    wrong = situation.wrong
    blame = {part: clause if len(wrong) == 1 else PART_CLAUSES[part] for part in wrong}
    return Question(
        clause,
        permitted(CONTRACT, situation, {name.replace("_", "-"): pin for name, pin in pins.items()}),
        tuple(blame.items()),
        frozenset({"description", "email"} | {name for _, name in situation.questions if name}),
    )


def verdict(question: Question, reading: Reading) -> Verdict:
    return judge(CONTRACT, question, reading)


Named = tuple[str, Kind, tuple[str, ...]]


def named(question: Question, reading: Reading) -> list[Named]:
    return [(found.clause, found.kind, found.also) for found in verdict(question, reading).findings]


def musts(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.kind is not Kind.ADVICE]


# ---- every lawful answer in every situation

ROUTES = {
    "refund": (),
    "unknown-url": (404,),
    "other-method": (404, 405),
    "malformed-order-id": (404, 400),
    "number-of-no-order": (404, 400),
}
AUTHORIZATIONS = {
    "valid": (),
    "missing": (1008,),
    "malformed": (1007, 1008),
    "forged": (1007,),
    "expired": (1009,),
}
CONTENT_TYPES = ("json", "other", "missing")
BODIES = ("object", "malformed", "not-an-object")
CALLERS = ("configured", "unconfigured")
ORDERS = {
    "refundable": (),
    "not-paid": (400, 15030),
    "zero-price": (400, 15040),
    "refund-open": (400, 15050),
    "unknown": (404, 15060),
    "foreign": (404, 15060),
}
INVALID = (frozenset[str](), frozenset({"description"}), frozenset({"email"}), frozenset({"description", "email"}))
NO_ERROR_BODIES = ("", "{}", '{"id": 5}', "[]", '"accepted"', "15060", '{"errors": []}', HTML)


def lawful_answers(situation: Situation) -> Iterator[tuple[str, Reading]]:
    """Yield each answer that the contract permits, with the part that answers."""
    for status in ROUTES[situation.route]:
        yield from (("route", raw(status, body)) for body in ("", HTML) if status != 400)
        yield "route", coded(status, 99999)
        if status == 404 and situation.order not in ("unknown", "foreign"):
            yield from (("route", coded(status, code)) for code in (15060, 15020))
    for code in AUTHORIZATIONS[situation.authorization]:
        yield "authorization", coded(401, code)
    if situation.content_type != "json":
        yield "content_type", coded(400, 111)
    if situation.body != "object":
        yield "body", coded(400, 110)
    if situation.caller != "configured":
        yield "caller", coded(400, 15000)
    if situation.order != "refundable":
        yield "order", coded(*ORDERS[situation.order])
    if situation.invalid and situation.body == "object":
        yield from (("field", fields(*names)) for names in permutations(sorted(situation.invalid)))
    if not situation.wrong:
        yield from (("", raw(200, body)) for body in NO_ERROR_BODIES)


@pytest.mark.whole
@pytest.mark.parametrize("authorization", AUTHORIZATIONS)
@pytest.mark.parametrize("route", ROUTES)
def test_no_lawful_answer_is_found_wrong_in_any_situation(route: str, authorization: str) -> None:
    for values in product(CONTENT_TYPES, BODIES, CALLERS, ORDERS, INVALID):
        situation = Situation(route, authorization, *values)
        question = asked(situation)
        for part, reading in lawful_answers(situation):
            found = verdict(question, reading)
            assert found.findings == (), (situation, describe_reading(reading))
            assert found.matched is not None
            assert found.matched.part == part, (situation, describe_reading(reading))


# ---- each kind of wrong answer, where one part is wrong

CODED: dict[str, tuple[Situation, int, int]] = {
    "content-type.other": (Situation(content_type="other"), 400, 111),
    "content-type.missing": (Situation(content_type="missing"), 400, 111),
    "json.malformed": (Situation(body="malformed"), 400, 110),
    "json.structure": (Situation(body="not-an-object"), 400, 110),
    "caller.configuration": (Situation(caller="unconfigured"), 400, 15000),
    "order.not-paid": (Situation(order="not-paid"), 400, 15030),
    "order.zero-price": (Situation(order="zero-price"), 400, 15040),
    "order.refund-open": (Situation(order="refund-open"), 400, 15050),
    "order.unknown": (Situation(order="unknown"), 404, 15060),
    "order.foreign": (Situation(order="foreign"), 404, 15060),
    "auth.missing": (Situation(authorization="missing"), 401, 1008),
    "auth.malformed": (Situation(authorization="malformed"), 401, 1007),
    "auth.forged": (Situation(authorization="forged"), 401, 1007),
    "auth.expired": (Situation(authorization="expired"), 401, 1009),
    "email.format": (Situation(invalid=frozenset({"email"})), 400, 15010),
}
"""Situations with one wrong part, by clause, with the status and the code of the lawful answer."""

INTERRUPTING = ("content-type.other", "json.malformed", "caller.configuration", "order.unknown", "order.not-paid")
CLAUSES = pytest.mark.parametrize("clause", CODED)


def right(clause: str) -> tuple[Question, int, Entry]:
    situation, status, code = CODED[clause]
    return asked(situation, clause), status, (code, "email" if code == 15010 else "")


def alike(code: int) -> dict[str, object]:
    """Return the one error of a lawful body, to be misshapen."""
    return {"error": code, "message": MESSAGES.get(code, "Invalid field value: email")}


@CLAUSES
def test_a_2xx_for_what_must_be_refused_is_an_acceptance(clause: str) -> None:
    question, *_ = right(clause)
    for status, body in product((200, 201, 202, 204, 226, 299), ("", "{}", '{"id": 5}', '{"errors": []}', HTML)):
        assert named(question, raw(status, body)) == [(clause, Kind.ACCEPTED, ())], (status, body)


@CLAUSES
def test_a_5xx_is_a_crash_whatever_its_body(clause: str) -> None:
    question, _, entry = right(clause)
    crash: Named = ("server.no-5xx", Kind.CRASH, (clause,))
    for status in (500, 501, 502, 503, 505, 599):
        for reading in (raw(status, ""), raw(status, HTML), coded(status, 99999)):
            assert named(question, reading) == [crash]
        assert named(question, told(status, entry)) == [crash, ("errors.status", Kind.STATUS, ())]


@CLAUSES
def test_a_redirect_or_no_final_status_at_all_is_no_answer(clause: str) -> None:
    question, _, entry = right(clause)
    for status in (100, 199, 300, 301, 302, 303, 304, 307, 308, 399, 600, 999):
        for reading in (raw(status, ""), told(status, entry)):
            assert named(question, reading) == [("server.answers", Kind.SILENCE, (clause,))]


@CLAUSES
def test_the_right_code_with_another_status_breaks_the_status(clause: str) -> None:
    question, own, entry = right(clause)
    for status in {200, 201, 400, 401, 402, 403, 404, 405, 409, 415, 422, 429} - {own}:
        assert named(question, told(status, entry)) == [("errors.status", Kind.STATUS, (clause,))], status


@CLAUSES
def test_the_right_code_misshapen_with_another_status_breaks_both(clause: str) -> None:
    question, _, (code, _) = right(clause)
    for status in (200, 422):
        reading = raw(status, json.dumps({"errors": [{**alike(code), "error": str(code)}]}))
        assert named(question, reading) == [
            ("errors.status", Kind.STATUS, (clause,)),
            ("errors.shape", Kind.SHAPE, ()),
        ]


@CLAUSES
def test_the_right_status_without_any_code_breaks_the_shape_and_leaves_the_clause_unproven(clause: str) -> None:
    question, status, _ = right(clause)
    for body in (
        "",
        HTML,
        "{}",
        "[]",
        "null",
        '{"errors": []}',
        '{"errors": null}',
        '{"message": 5}',
        '{"errors":',
    ):
        assert named(question, raw(status, body)) == [("errors.shape", Kind.SHAPE, (clause,))], body


@pytest.mark.parametrize("clause", [clause for clause in CODED if clause != "email.format"])
def test_the_right_code_in_a_body_of_another_shape_breaks_the_shape_alone(clause: str) -> None:
    question, status, (code, _) = right(clause)
    row = alike(code)
    misshapen: dict[str, object] = {
        "code as text": {"errors": [{**row, "error": str(code)}]},
        "null message": {"errors": [{**row, "message": None}]},
        "no list": {"errors": row},
        "list alone": [row],
        "codes only": {"errors": [code]},
    }
    for form, body in misshapen.items():
        assert named(question, raw(status, json.dumps(body))) == [("errors.shape", Kind.SHAPE, ())], form


@CLAUSES
def test_another_code_in_a_misshapen_body_leaves_the_clause_unproven_too(clause: str) -> None:
    question, status, (code, _) = right(clause)
    other = 15040 if code != 15040 else 15030
    reading = raw(status, json.dumps({"errors": [{"error": str(other), "message": "x"}]}))
    assert named(question, reading) == [("errors.shape", Kind.SHAPE, (clause,))]


@CLAUSES
def test_another_status_without_a_body_is_another_error_and_has_no_shape(clause: str) -> None:
    question, *_ = right(clause)
    expected: list[Named] = [(clause, Kind.OTHER_ERROR, ()), ("errors.shape", Kind.SHAPE, ())]
    for status in (403, 405, 409, 422):
        assert named(question, raw(status, "")) == expected


@CLAUSES
def test_a_code_that_the_document_does_not_have_is_named_as_such(clause: str) -> None:
    question, status, entry = right(clause)
    for code in (0, -1, 15020, 15011, 99999, 10**30):
        for reading in (coded(status, code), told(status, entry, (code, "")), coded(418, code)):
            assert named(question, reading) == [("errors.known-codes", Kind.UNKNOWN_CODE, (clause,))]


@CLAUSES
def test_another_listed_code_with_its_own_status_is_another_error(clause: str) -> None:
    question, status, (code, _) = right(clause)
    for other, own in (
        (110, 400),
        (111, 400),
        (15000, 400),
        (15050, 400),
        (15060, 404),
        (1007, 401),
        (15010, 400),
    ):
        if other != code and own != status:
            assert named(question, coded(own, other)) == [(clause, Kind.OTHER_ERROR, ())]


@pytest.mark.parametrize("clause", INTERRUPTING)
def test_a_listed_code_with_the_status_of_the_right_one_is_another_error(clause: str) -> None:
    question, status, (code, _) = right(clause)
    for other in (110, 111, 15000, 15050, 15060, 1007, 15010):
        if other != code:
            assert named(question, coded(status, other)) == [(clause, Kind.OTHER_ERROR, ())]


@pytest.mark.parametrize("clause", INTERRUPTING)
def test_a_wrong_code_with_a_2xx_is_no_acceptance_but_a_status_of_another(clause: str) -> None:
    question, _, (code, _) = right(clause)
    other = 15040 if code != 15040 else 15030
    for status in (200, 201):
        assert named(question, coded(status, other)) == [("errors.status", Kind.STATUS, (clause,))]


@pytest.mark.parametrize("clause", INTERRUPTING)
def test_an_interrupting_code_twice_does_not_stand_alone(clause: str) -> None:
    question, status, entry = right(clause)
    assert named(question, told(status, entry, entry)) == [("errors.alone", Kind.MIXTURE, ())]


@CLAUSES
def test_the_right_code_beside_an_interrupting_one_is_a_mixture(clause: str) -> None:
    question, status, entry = right(clause)
    for beside in (110, 111, 15000, 15030, 15040, 15050, 15060):
        for reading in (told(status, entry, (beside, "")), told(status, (beside, ""), entry)):
            assert named(question, reading) == [("errors.alone", Kind.MIXTURE, ())]


@pytest.mark.parametrize("clause", [clause for clause in CODED if clause != "email.format"])
def test_a_15010_beside_any_other_code_is_a_mixture(clause: str) -> None:
    question, status, entry = right(clause)
    assert named(question, told(status, entry, (15010, "email"))) == [("errors.alone", Kind.MIXTURE, ())]


@pytest.mark.parametrize("clause", INTERRUPTING)
def test_a_mixture_without_the_right_code_leaves_the_clause_unproven_too(clause: str) -> None:
    question, status, (code, _) = right(clause)
    one, other = [each for each in (110, 15030, 15040) if each != code][:2]
    expected: list[Named] = [("errors.alone", Kind.MIXTURE, (clause,))]
    assert named(question, coded(status, one, other)) == expected
    assert named(question, coded(status, one, one)) == expected
    assert named(question, coded(409, code, one)) == expected


def test_the_codes_of_authorization_may_stand_together() -> None:
    question, *_ = right("auth.missing")
    assert verdict(question, coded(401, 1007, 1008)).findings == ()


@pytest.mark.parametrize("clause", ["auth.missing", "auth.malformed", "auth.forged", "auth.expired"])
@pytest.mark.parametrize("code", [110, 111, 15000, 15010, 15030, 15060])
def test_a_401_with_the_code_of_another_status_breaks_the_status(clause: str, code: int) -> None:
    question, *_ = right(clause)
    assert named(question, coded(401, code)) == [("errors.status", Kind.STATUS, (clause,))]


# ---- the route, of which no code is demanded


@pytest.mark.parametrize(
    ("route", "clause", "statuses"),
    [
        ("unknown-url", "route.unknown-url", {404}),
        ("other-method", "route.method", {404, 405}),
        ("malformed-order-id", "route.order-id", {404, 400}),
        ("number-of-no-order", "route.order-id", {404, 400}),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 422])
def test_a_wrong_route_is_known_by_its_status_alone(
    route: str, clause: str, statuses: set[int], status: int
) -> None:
    question = asked(Situation(route=route), clause)
    expected: list[Named] = [] if status in statuses else [(clause, Kind.OTHER_ERROR, ())]
    if status == 400 and status in statuses:
        expected = [("errors.shape", Kind.SHAPE, (clause,))]
    for reading in (raw(status, ""), raw(status, HTML)):
        assert named(question, reading) == expected
    assert named(question, raw(200, "")) == [(clause, Kind.ACCEPTED, ())]
    assert named(question, raw(500, HTML)) == [("server.no-5xx", Kind.CRASH, (clause,))]
    assert named(question, raw(301, "")) == [("server.answers", Kind.SILENCE, (clause,))]


OWN_STATUS = {110: 400, 111: 400, 1007: 401, 1008: 401, 1009: 401, 15000: 400, 15010: 400, 15060: 404}
"""Codes that tell nothing of an order's state, with the status that each comes with."""
STATES = (15030, 15040, 15050)
ROUTE_CLAUSES = {
    "unknown-url": "route.unknown-url",
    "other-method": "route.method",
    "malformed-order-id": "route.order-id",
    "number-of-no-order": "route.order-id",
}
EACH_ROUTE = pytest.mark.parametrize(("route", "clause"), ROUTE_CLAUSES.items())


@EACH_ROUTE
def test_a_code_with_the_status_of_a_wrong_route_comes_with_its_own_status(route: str, clause: str) -> None:
    question = asked(Situation(route=route), clause)
    for status, (code, own) in product(ROUTES[route], OWN_STATUS.items()):
        expected: list[Named] = [] if own == status else [("errors.status", Kind.STATUS, (clause,))]
        for codes in ((code,), (code, 99999), (99999, code)):
            assert named(question, coded(status, *codes)) == expected, (status, codes)


@EACH_ROUTE
def test_several_codes_with_the_status_of_a_wrong_route_must_stand_alone_if_one_comes_with_another(
    route: str, clause: str
) -> None:
    question = asked(Situation(route=route), clause)
    for status in ROUTES[route]:
        own, other = (110, 15060) if status == 400 else (15060, 110)
        for codes in ((own, other), (other, own)):
            assert named(question, coded(status, *codes)) == [("errors.alone", Kind.MIXTURE, ())], codes
        if status == OWN_STATUS[own]:
            assert named(question, coded(status, own, own)) == []


@EACH_ROUTE
def test_a_code_that_nobody_documents_may_stand_in_the_answer_of_a_wrong_route(route: str, clause: str) -> None:
    question = asked(Situation(route=route), clause)
    for status, code in product(ROUTES[route], (0, -1, 404, 99999)):
        assert named(question, coded(status, code)) == []
        if status != 400:
            assert named(question, raw(status, json.dumps({"errors": [{"error": str(code)}]}))) == []


@EACH_ROUTE
def test_what_is_no_error_body_has_no_code_with_the_status_of_another(route: str, clause: str) -> None:
    question = asked(Situation(route=route), clause)
    for status, code in product(set(ROUTES[route]) - {400}, OWN_STATUS):
        assert named(question, raw(status, json.dumps({"errors": [{"error": str(code)}]}))) == []


@EACH_ROUTE
def test_a_wrong_route_does_not_tell_the_state_of_an_order(route: str, clause: str) -> None:
    question = asked(Situation(route=route), clause)
    for status, code in product(ROUTES[route], STATES):
        expected: Named = ("errors.status", Kind.STATUS, (clause,))
        if status == 400:
            expected = (clause, Kind.OTHER_ERROR, ())
        assert named(question, coded(status, code)) == [expected], (status, code)
        misshapen = raw(status, json.dumps({"errors": [{"error": str(code)}]}))
        assert named(question, misshapen) == [("errors.shape", Kind.SHAPE, (clause,))], (status, code)


@EACH_ROUTE
def test_with_another_status_a_code_in_the_answer_of_a_wrong_route_is_another_error(
    route: str, clause: str
) -> None:
    question = asked(Situation(route=route), clause)
    for status, code in product({400, 401, 403, 404, 405, 422} - set(ROUTES[route]), OWN_STATUS):
        assert named(question, coded(status, code)) == [(clause, Kind.OTHER_ERROR, ())], (status, code)
        assert named(question, coded(status, 99999)) == [("errors.known-codes", Kind.UNKNOWN_CODE, (clause,))]


def test_the_code_of_another_wrong_part_excuses_no_code_with_a_status_not_its_own() -> None:
    question = asked(Situation("other-method", "missing", order="unknown"), "errors.alone")
    assert named(question, coded(404, 15060)) == []
    assert named(question, coded(401, 1008)) == []
    assert named(question, coded(401, 15060)) == [("errors.status", Kind.STATUS, ("order.zero-price",))]
    assert named(question, coded(404, 1008)) == [("errors.status", Kind.STATUS, ("route.method",))]


# ---- invalid fields

EMAIL, BOTH = frozenset({"email"}), frozenset({"description", "email"})
UNNAMED: Named = ("fields.message-names-field", Kind.UNNAMED, ())
NOT_EACH: Named = ("fields.all-reported", Kind.FIELDS, ())


@pytest.mark.parametrize(
    ("invalid", "names", "expected"),
    [
        (EMAIL, [""], [UNNAMED]),
        (EMAIL, ["description"], [UNNAMED]),
        (EMAIL, ["emails"], [UNNAMED]),
        (EMAIL, ["email", "email"], []),
        (EMAIL, ["email", "description"], [NOT_EACH]),
        (EMAIL, ["email", ""], [UNNAMED, NOT_EACH]),
        (EMAIL, ["", ""], [UNNAMED, NOT_EACH]),
        (BOTH, ["email"], [NOT_EACH]),
        (BOTH, ["description"], [NOT_EACH]),
        (BOTH, ["email and description"], [NOT_EACH]),
        (BOTH, [""], [UNNAMED, NOT_EACH]),
        (BOTH, ["email", "email"], [NOT_EACH]),
        (BOTH, ["email", ""], [UNNAMED]),
        (BOTH, ["", ""], [UNNAMED]),
        (BOTH, ["email", "description", "email"], []),
        (BOTH, ["email", "description", ""], [UNNAMED, NOT_EACH]),
        (EMAIL, ["email"], []),
        (EMAIL, ["email or description"], []),
        (BOTH, ["email or description", "email"], []),
        (BOTH, ["description", "email"], []),
    ],
)
def test_each_invalid_field_has_one_error_that_names_it(
    invalid: frozenset[str], names: list[str], expected: list[Named]
) -> None:
    question = asked(Situation(invalid=invalid), "email.format")
    assert named(question, fields(*names)) == expected


@pytest.mark.parametrize("code", [15030, 15040, 110])
def test_another_code_alone_is_no_matter_of_the_fields(code: int) -> None:
    question = asked(Situation(invalid=EMAIL), "email.format")
    assert named(question, coded(400, code)) == [("email.format", Kind.OTHER_ERROR, ())]


def test_valid_fields_that_are_called_invalid_are_the_cases_own_clause() -> None:
    question = asked(Situation(order="refund-open"), "email.accepts")
    question = replace(question, blame=(("order", "order.refund-open"),))
    assert named(question, fields("email")) == [("email.accepts", Kind.OTHER_ERROR, ())]
    blamed = replace(question, blame=(*question.blame, ("field", "email.format")))
    assert named(blamed, fields("email")) == [("email.format", Kind.OTHER_ERROR, ())]
    assert named(question, coded(400, 15030)) == [("order.refund-open", Kind.OTHER_ERROR, ())]
    assert named(blamed, coded(400, 110)) == [("order.refund-open", Kind.OTHER_ERROR, ())]


@pytest.mark.parametrize("code", [110, 111])
def test_a_code_of_a_part_that_is_right_is_the_cases_own_clause(code: int) -> None:
    question = replace(
        asked(Situation(order="refund-open"), "content-type.exact"), blame=(("order", "order.once"),)
    )
    assert named(question, coded(400, code)) == [("content-type.exact", Kind.OTHER_ERROR, ())]
    assert named(question, raw(200, "")) == [("order.once", Kind.ACCEPTED, ())]
    assert named(question, raw(500, "")) == [("server.no-5xx", Kind.CRASH, ("order.once",))]


def test_valid_fields_called_invalid_are_the_cases_own_clause_where_two_parts_are_wrong_as_well() -> None:
    question = asked(Situation(content_type="other", order="not-paid"), "errors.alone")
    assert named(question, fields("email")) == [("errors.alone", Kind.OTHER_ERROR, ())]


THREE = frozenset({"amount", "description", "email"})


@pytest.mark.parametrize(
    ("invalid", "names", "expected"),
    [
        (BOTH, ["email", "amount"], [UNNAMED]),
        (BOTH, ["email", "email and description", "amount"], [NOT_EACH]),
        (THREE, ["email", "email", "amount and description"], [NOT_EACH]),
        (THREE, ["email", "amount", ""], [UNNAMED]),
        (THREE, ["email", "amount", "description"], []),
    ],
)
def test_so_has_each_where_the_document_has_more_fields(
    invalid: frozenset[str], names: list[str], expected: list[Named]
) -> None:
    contract = replace(CONTRACT, fields={name: Field(name, True, {"type": "string"}) for name in THREE})
    answers = permitted(contract, Situation(invalid=invalid), {})
    question = Question("email.format", answers, (("field", "email.format"),), THREE)
    found = judge(contract, question, fields(*names)).findings
    assert [(each.clause, each.kind, each.also) for each in found] == expected


@given(
    rows=st.lists(st.lists(st.sampled_from("abcd"), max_size=4, unique=True), max_size=4),
    wanted=st.sets(st.sampled_from("abcd"), min_size=1),
)
def test_errors_are_paired_with_fields_if_any_pairing_there_is(rows: list[list[str]], wanted: set[str]) -> None:
    question = Question("a.type", frozenset({Permitted("field", frozenset({400}), 15010, frozenset(wanted))}))
    reading = fields(*(" ".join(row) for row in rows))
    pairing = len(rows) == len(wanted) and any(
        all(field in row for field, row in zip(order, rows, strict=True)) for order in permutations(wanted)
    )
    assert (verdict(question, reading).matched is not None) == pairing


def test_with_an_open_question_either_set_of_fields_will_do() -> None:
    situation = Situation(invalid=EMAIL, questions=(("unknown-field", "comment"),))
    question = asked(situation, "fields.name")
    assert verdict(question, fields("email")).findings == ()
    assert verdict(question, fields("email", "comment")).findings == ()
    assert named(question, fields("comment")) == [("fields.all-reported", Kind.FIELDS, ("fields.name",))]


# ---- strains

STRAIN = Question(
    "server.no-5xx",
    permitted(CONTRACT, Situation(invalid=frozenset({"description"})), {}),
    (("field", "description.type"),),
    frozenset({"description", "email"}),
)


def test_a_strain_that_is_misjudged_breaks_the_clause_of_its_wrong_part() -> None:
    assert named(STRAIN, coded(400, 110)) == [("description.type", Kind.OTHER_ERROR, ())]
    assert named(STRAIN, raw(200, "")) == [("description.type", Kind.ACCEPTED, ())]
    assert named(STRAIN, raw(500, HTML)) == [("server.no-5xx", Kind.CRASH, ("description.type",))]
    assert silence(STRAIN, "no answer").also == ("description.type",)
    assert silence(replace(STRAIN, clause="email.type"), "no answer").also == ("email.type",)


# ---- success

NOT_200 = [201, 202, 203, 204, 206, 226]


@pytest.mark.parametrize("status", NOT_200)
def test_success_is_exactly_200(status: int) -> None:
    assert named(asked(Situation()), raw(status, "")) == [("success.status", Kind.STATUS, ())]


@pytest.mark.parametrize("status", [301, 302, 307, 100, 600])
def test_a_redirect_is_no_success_either(status: int) -> None:
    assert named(asked(Situation()), raw(status, "")) == [
        ("server.answers", Kind.SILENCE, ("order.refundable",)),
    ]


def test_a_crash_in_place_of_a_success_is_a_crash_alone() -> None:
    for reading in (raw(500, HTML), coded(500, 15060)):
        assert named(asked(Situation()), reading) == [("server.no-5xx", Kind.CRASH, ("order.refundable",))]


@pytest.mark.parametrize(
    "body",
    [
        errors((15060, "")),
        errors((99999, "")),
        '{"errors": [{"error": "15060", "message": "x"}]}',
        '{"errors": ["not found"]}',
        '{"errors": {"email": ["invalid"]}}',
        '{"status": "ok", "errors": [{"error": 15060, "message": "x"}]}',
    ],
)
def test_a_success_has_no_error_body_however_misshapen(body: str) -> None:
    question = asked(Situation())
    assert named(question, raw(200, body)) == [("success.body", Kind.REFUSED, ("order.refundable",))]
    assert [clause for clause, *_ in named(question, raw(201, body))] == ["success.status", "success.body"]


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 110), (400, 111), (401, 1007), (400, 15000), (400, 15010), (400, 15050), (404, 15060), (403, 15060)],
)
def test_a_refusal_of_what_must_be_accepted_breaks_the_cases_own_clause(status: int, code: int) -> None:
    question = asked(Situation(), "json.valid-forms")
    assert named(question, coded(status, code)) == [("json.valid-forms", Kind.REFUSED, ())]


def test_several_codes_for_what_must_be_accepted_are_a_refusal_if_they_may_stand_together() -> None:
    question = asked(Situation())
    refused: list[Named] = [("order.refundable", Kind.REFUSED, ())]
    assert named(question, fields("email", "description")) == refused
    assert named(question, coded(401, 1007, 1009)) == refused
    assert named(question, coded(400, 110, 111)) == [("errors.alone", Kind.MIXTURE, ("order.refundable",))]
    assert named(question, coded(400, 15010, 110)) == [("errors.alone", Kind.MIXTURE, ("order.refundable",))]
    assert named(question, coded(400, 15010, 99999)) == [
        ("errors.known-codes", Kind.UNKNOWN_CODE, ("order.refundable",))
    ]


def test_a_refusal_without_an_error_body_breaks_the_shape_too() -> None:
    assert named(asked(Situation()), raw(404, HTML)) == [
        ("order.refundable", Kind.REFUSED, ()),
        ("errors.shape", Kind.SHAPE, ()),
    ]


# ---- several wrong parts

PARTS: dict[str, tuple[Situation, int, Entry]] = {
    "authorization": (Situation(authorization="forged"), 401, (1007, "")),
    "content_type": (Situation(content_type="other"), 400, (111, "")),
    "body": (Situation(body="malformed"), 400, (110, "")),
    "caller": (Situation(caller="unconfigured"), 400, (15000, "")),
    "order": (Situation(order="zero-price"), 400, (15040, "")),
    "field": (Situation(invalid=EMAIL), 400, (15010, "email")),
}
PAIRS = [pair for pair in combinations(PARTS, 2) if pair != ("body", "field")]


def both(one: str, other: str) -> Situation:
    situation = PARTS[one][0]
    if other == "field":
        return situation.with_invalid("email")
    return situation.with_part(other, getattr(PARTS[other][0], other))


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_wrong_parts_never_answer_together(one: str, other: str) -> None:
    question = asked(both(one, other), "errors.alone")
    (_, status, entry), (_, other_status, other_entry) = PARTS[one], PARTS[other]
    for each in {status, other_status}:
        for entries in ((entry, other_entry), (other_entry, entry)):
            assert named(question, told(each, *entries)) == [("errors.alone", Kind.MIXTURE, ())]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_of_two_wrong_parts_the_first_is_blamed_for_an_acceptance(one: str, other: str) -> None:
    question = asked(both(one, other), "errors.alone")
    assert named(question, raw(200, "")) == [(PART_CLAUSES[one], Kind.ACCEPTED, ())]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_of_two_wrong_parts_the_one_is_blamed_whose_code_comes_with_another_status(one: str, other: str) -> None:
    question = asked(both(one, other), "errors.alone")
    for part in (one, other):
        _, _, entry = PARTS[part]
        blamed = PART_CLAUSES[one if part == "authorization" else part]
        assert named(question, told(422, entry)) == [("errors.status", Kind.STATUS, (blamed,))]


# ---- exactly what is lawful passes: an independent reading of the table over a grid of answers

STATUSES = (200, 201, 204, 302, 400, 401, 403, 404, 405, 409, 422, 500, 503)
ENTRIES: tuple[Entry, ...] = (
    *((code, "") for code in (110, 111, 1007, 1009, 15000, 15040, 15060, 15020, 99999)),
    *((15010, name) for name in ("", "email", "description")),
)
BODIES_TOLD: tuple[tuple[Entry, ...], ...] = ((), *((entry,) for entry in ENTRIES), *product(ENTRIES, ENTRIES))
CODES = {
    "other": 111,
    "missing": 111,
    "malformed": 110,
    "not-an-object": 110,
    "unconfigured": 15000,
    **{state: found[1] for state, found in ORDERS.items() if found},
}


def is_lawful(situation: Situation, status: int, entries: tuple[Entry, ...]) -> bool:
    """Whether contract.md's table has this answer; no entries stand for a body that reports no errors."""
    codes = tuple(code for code, _ in entries)
    if status in ROUTES[situation.route]:
        own = {OWN_STATUS[code] for code in codes if code in OWN_STATUS}
        return own <= {status} and not set(codes) & set(STATES) and (status != 400 or bool(codes))
    if situation.authorization != "valid" and status == 401 and codes and set(codes) <= {1007, 1008, 1009}:
        return True
    for part in ("content_type", "body", "caller", "order"):
        code = CODES.get(getattr(situation, part), 0)
        if code and codes == (code,) and status == (404 if code == 15060 else 400):
            return True
    if situation.invalid and situation.body == "object" and status == 400 and set(codes) == {15010}:
        return {name for _, name in entries} == situation.invalid
    return not situation.wrong and status == 200 and not entries


SINGLES = [
    Situation(),
    *(Situation(route=route) for route in ROUTES if route != "refund"),
    *(Situation(invalid=invalid) for invalid in INVALID if invalid),
    *(situation for situation, _, code in CODED.values() if code != 15010),
]


@pytest.mark.whole
@pytest.mark.parametrize("situation", SINGLES, ids=lambda s: "-".join(s.wrong) or "nothing")
def test_exactly_the_lawful_answers_pass_where_one_part_is_wrong(situation: Situation) -> None:
    question = asked(situation)
    for status, entries in product(STATUSES, BODIES_TOLD):
        if situation.route != "refund" and (15020, "") in entries:
            continue  # whether it tells of an order is an open question (order-not-found-code)
        found = verdict(question, told(status, *entries) if entries else raw(status, ""))
        lawful = is_lawful(situation, status, entries)
        assert (not musts(found.findings), found.matched is not None) == (lawful, lawful), (status, entries)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_exactly_the_lawful_answers_pass_where_two_parts_are_wrong(one: str, other: str) -> None:
    situation = both(one, other)
    question = asked(situation)
    for status, entries in product((200, 400, 401, 404, 422), BODIES_TOLD):
        found = verdict(question, told(status, *entries) if entries else raw(status, ""))
        lawful = is_lawful(situation, status, entries)
        assert (not musts(found.findings), found.matched is not None) == (lawful, lawful), (status, entries)


CLAUSES_OF_THE_CONTRACT = frozenset(CONTRACT.clauses)


@given(
    status=st.integers(100, 999),
    body=st.sampled_from([errors(*entries) for entries in BODIES_TOLD])
    | st.text(max_size=20)
    | st.lists(st.integers() | st.text(max_size=3) | st.none(), max_size=3).map(
        lambda v: json.dumps({"errors": v})
    ),
    situation=st.builds(
        Situation,
        st.sampled_from(list(ROUTES)),
        st.sampled_from(list(AUTHORIZATIONS)),
        st.sampled_from(CONTENT_TYPES),
        st.sampled_from(BODIES),
        st.sampled_from(CALLERS),
        st.sampled_from(list(ORDERS)),
        st.sampled_from(INVALID),
    ),
)
def test_any_answer_at_all_is_permitted_or_breaks_clauses_of_the_contract(
    status: int, body: str, situation: Situation
) -> None:
    found = verdict(asked(situation), read(Response(status, "", (), body.encode())))
    assert (found.matched is None) == bool(musts(found.findings))
    for finding in found.findings:
        assert {finding.clause, *finding.also} <= CLAUSES_OF_THE_CONTRACT
        assert finding.clause not in finding.also
        is_advice = CONTRACT.clauses[finding.clause].level is Level.SHOULD
        assert is_advice == (finding.kind is Kind.ADVICE)


# ---- advice


def advice(question: Question, reading: Reading) -> list[tuple[str, str, str]]:
    found = verdict(question, reading)
    assert not musts(found.findings)
    return [(finding.clause, finding.expected, finding.actual) for finding in found.findings]


@pytest.mark.parametrize(
    ("authorization", "wanted"), [(kind, codes) for kind, codes in AUTHORIZATIONS.items() if codes]
)
@pytest.mark.parametrize("code", [1007, 1008, 1009])
def test_a_401_with_another_of_its_codes_is_worth_a_warning(
    authorization: str, wanted: tuple[int, ...], code: int
) -> None:
    question = asked(Situation(authorization=authorization))
    expected = ("auth.codes", f"401 with {' or '.join(map(str, wanted))}", f"401 with {code}")
    assert advice(question, coded(401, code)) == ([] if code in wanted else [expected])


@pytest.mark.parametrize(
    ("media_type", "actual"),
    [
        ("text/html", "Content-Type: text/html"),
        ("", "Content-Type: none"),
        ("application/problem+json", "Content-Type: application/problem+json"),
    ],
)
def test_an_error_body_of_another_media_type_is_worth_a_warning(media_type: str, actual: str) -> None:
    question, status, entry = right("order.unknown")
    reading = raw(status, errors(entry), media_type)
    assert advice(question, reading) == [("errors.media-type", "Content-Type: application/json", actual)]


def test_a_media_type_with_a_parameter_is_the_same() -> None:
    question, status, entry = right("order.unknown")
    assert advice(question, raw(status, errors(entry), "Application/JSON; charset=utf-8")) == []


@CLAUSES
def test_another_wording_is_worth_a_warning(clause: str) -> None:
    question, status, (code, _) = right(clause)
    reading = raw(status, json.dumps({"errors": [{"error": code, "message": "The email is a refund."}]}))
    documented = CONTRACT.errors[code].message
    assert advice(question, reading) == [
        ("errors.message", f"{code}: {documented}", f"{code}: The email is a refund.")
    ]


@pytest.mark.parametrize(("order", "code"), [("zero-price", 15040), ("unknown", 15060)])
def test_so_is_the_documented_wording_with_something_after_it(order: str, code: int) -> None:
    question = asked(Situation(order=order))
    status = CONTRACT.errors[code].status
    row = {"error": code, "message": f"{MESSAGES[code]} Really."}
    found = advice(question, raw(status, json.dumps({"errors": [row]})))
    assert found == [("errors.message", f"{code}: {MESSAGES[code]}", f"{code}: {MESSAGES[code]} Really.")]


@pytest.mark.parametrize(
    ("message", "said"), [("\x1b[31m\u202eBad", "15060: \ufffd[31m\ufffdBad"), ("", "15060 without a message")]
)
def test_a_wording_is_told_as_a_terminal_can_show_it(message: str, said: str) -> None:
    reading = raw(404, json.dumps({"errors": [{"error": 15060, "message": message}]}))
    assert advice(asked(Situation(order="unknown")), reading)[0][2] == said


def test_a_long_wording_is_not_cut_for_half_a_secret_would_stay_unseen() -> None:
    reading = raw(404, json.dumps({"errors": [{"error": 15060, "message": "x" * 300}]}))
    assert advice(asked(Situation(order="unknown")), reading)[0][2] == "15060: a text of 300 characters"


def test_an_error_without_a_message_is_worth_a_warning_and_that_of_a_field_more() -> None:
    bare = raw(404, json.dumps({"errors": [{"error": 15060}]}))
    found = verdict(asked(Situation(order="unknown")), bare).findings
    assert [(each.clause, each.kind) for each in found] == [("errors.message", Kind.ADVICE)]
    bare = raw(400, json.dumps({"errors": [{"error": 15010}]}))
    assert [clause for clause, *_ in named(asked(Situation(invalid=BOTH - {"email"})), bare)] == [
        "fields.message-names-field"
    ]


def test_what_was_got_names_the_fields_as_what_was_expected_does() -> None:
    rows = [{"error": 15010, "message": "email"}, {"error": 15010, "message": "nothing"}]
    reading = raw(400, json.dumps({"errors": rows}))
    finding, *_ = verdict(asked(Situation(invalid=BOTH)), reading).findings
    assert finding.expected == "400 with one 15010 for description and one for email"
    assert finding.actual == "400 with 15010 for email, 15010 that names no field"


def test_a_status_that_is_about_a_header_says_so() -> None:
    finding, *_ = verdict(asked(Situation(order="unknown")), raw(406, "")).findings
    assert finding.actual == "406 without an error code, which is about the header Accept"


@pytest.mark.parametrize("body", ["", '{"message": "Validation failed"}', '{"errors": []}'])
def test_a_400_has_an_error_body_for_a_malformed_order_id_too(body: str) -> None:
    question = asked(Situation(route="malformed-order-id"))
    assert "errors.shape" in [clause for clause, *_ in named(question, raw(400, body))]
    assert named(question, raw(404, body)) == []
    assert named(question, told(400, (15010, "id"))) == []


@pytest.mark.parametrize(
    ("location", "lawful"),
    [
        ("/v1/order/refund", True),
        ("https://example.com/v1/5/refund?x=1", True),
        ("/v1/order//refund", False),
        ("/v1/./refund", False),
        ("/login", False),
        (None, False),
    ],
)
def test_only_a_redirect_to_the_cleaned_path_is_lawful(location: str | None, lawful: bool) -> None:
    question = asked(Situation(route="malformed-order-id", questions=(("path-cleaning", ""),)))
    fields = () if location is None else (("Location", location),)
    reading = read(Response(301, "", fields, b""))
    assert (named(question, reading) == []) == lawful


def test_errors_of_a_field_may_repeat_but_only_for_the_fields_that_are_invalid() -> None:
    question = asked(Situation(invalid=frozenset({"email"})))
    assert named(question, told(400, (15010, "email"), (15010, "email"))) == []
    assert named(question, told(400, (15010, "email"), (15010, "description"))) != []


def test_a_valid_part_that_is_refused_is_named_by_its_own_promise() -> None:
    promises = (("authorization", "auth.accepts"), ("description", "description.unicode"))
    question = replace(asked(Situation()), promises=promises)
    assert [clause for clause, *_ in named(question, told(401, (1008, "")))] == ["auth.accepts"]
    assert [clause for clause, *_ in named(question, told(400, (15010, "description")))] == ["description.unicode"]
    assert [clause for clause, *_ in named(question, told(400, (15010, "email")))] == [question.clause]


def test_a_body_that_breaks_off_may_get_any_answer_but_success() -> None:
    question = asked(Situation(body="incomplete"))
    for status in (400, 408, 413, 500):
        assert named(question, raw(status, HTML)) == []
    assert named(question, raw(200, "")) != []


def test_several_other_wordings_are_worth_one_warning() -> None:
    question = asked(Situation(invalid=BOTH))
    rows = [{"error": 15010, "message": name} for name in BOTH]
    assert len(advice(question, raw(400, json.dumps({"errors": rows})))) == 1


def test_no_advice_is_given_on_a_success_or_a_wrong_route() -> None:
    assert advice(asked(Situation()), raw(200, "{}", "text/html")) == []
    assert advice(asked(Situation(route="unknown-url")), raw(404, HTML, "text/html")) == []


# ---- words


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        (Situation(), "200 without errors"),
        (Situation(route="other-method"), "404 or 405"),
        (Situation(authorization="missing"), "401 with an error code"),
        (Situation(order="unknown"), "404 with 15060 alone"),
        (Situation(invalid=BOTH), "400 with one 15010 for description and one for email"),
        (Situation(content_type="other", order="unknown"), "400 with 111 alone, or 404 with 15060 alone"),
    ],
)
def test_what_was_expected_is_told_in_words(situation: Situation, expected: str) -> None:
    assert {finding.expected for finding in verdict(asked(situation), coded(418, 99999)).findings} == {expected}


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (coded(400, 110, 111), "400 with 110, 111"),
        (raw(200, ""), "200 without errors"),
        (raw(299, ""), "299 without errors"),
        (raw(300, ""), "300 without an error code"),
        (raw(400, HTML), "400 without an error code"),
        (coded(400, *[15010] * 6), "400 with 15010, 15010, 15010, 15010, 15010, 1 more"),
        (coded(400, *[15010] * 5), "400 with 15010, 15010, 15010, 15010, 15010"),
        (coded(400, 10**9 - 1), "400 with 999999999"),
        (coded(400, 10**9), "400 with a huge code"),
        (coded(400, 10**400), "400 with a huge code"),
        (raw(404, '{"errors": [{"error": "15060"}]}'), "404 with 15060"),
    ],
)
def test_what_came_back_is_told_in_few_words(reading: Reading, words: str) -> None:
    assert describe_reading(reading) == words


def test_nothing_that_the_target_wrote_but_numbers_stands_in_the_words() -> None:
    rows = [{"error": 15010, "message": "SECRET email"}, {"error": 15010, "message": "SECRET"}]
    for finding in verdict(asked(Situation(invalid=EMAIL)), raw(400, json.dumps({"errors": rows}))).findings:
        assert "SECRET" not in finding.expected + finding.actual


def test_a_huge_answer_gives_a_short_finding() -> None:
    reading = coded(400, *range(20_000, 22_000))
    findings = verdict(asked(Situation()), reading).findings
    assert findings
    assert all(len(finding.actual) < 200 for finding in findings)


def test_silence_is_held_against_the_server_and_leaves_the_clause_unproven() -> None:
    question, *_ = right("order.unknown")
    finding = silence(question, "no whole answer within 10 s")
    assert (finding.clause, finding.kind, finding.also) == ("server.answers", Kind.SILENCE, ("order.unknown",))
    assert (finding.expected, finding.actual) == ("404 with 15060 alone", "no whole answer within 10 s")


# ---- pinned answers


def test_a_pinned_code_is_listed_and_the_other_one_is_not() -> None:
    situation = Situation(order="unknown")
    by_example = asked(situation, "order.unknown", order_not_found_code="15020")
    by_table = asked(situation, "order.unknown", order_not_found_code="15060")
    assert named(by_example, coded(404, 15020)) == []
    assert named(by_example, coded(404, 15060)) == [("order.unknown", Kind.OTHER_ERROR, ())]
    assert named(by_table, coded(404, 15020)) == [("errors.known-codes", Kind.UNKNOWN_CODE, ("order.unknown",))]


def test_an_open_question_makes_both_of_its_answers_lawful_and_a_pin_only_one() -> None:
    situation = Situation(questions=(("utf16-json", ""),))
    for pin, accepted, refused in ((None, True, True), ("accepted", True, False), ("110", False, True)):
        question = asked(situation, "json.encoding", **({"utf16_json": pin} if pin else {}))
        assert (not verdict(question, raw(200, "")).findings) == accepted
        assert (not verdict(question, coded(400, 110)).findings) == refused
        assert verdict(question, coded(400, 111)).findings


def test_the_code_of_an_open_question_with_a_success_status_breaks_the_status() -> None:
    question = asked(Situation(questions=(("utf16-json", ""),)), "json.encoding")
    assert named(question, coded(200, 110)) == [("errors.status", Kind.STATUS, ("json.encoding",))]
    assert named(question, coded(200, 111)) == [("success.body", Kind.REFUSED, ("json.encoding",))]
