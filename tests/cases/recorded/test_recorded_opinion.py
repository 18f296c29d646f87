"""What a recorded exchange shows: nothing, that clauses hold, or that one is broken whatever the situation was."""

from dataclasses import replace

import pytest
from recorded_samples import (
    BASE,
    CONTRACT,
    DATE,
    HEADER,
    NOW,
    SERVED,
    TOKEN,
    answered,
    body,
    clauses,
    judged,
    token,
    with_header,
)

from refund_conformance.cases.recorded.authorization import token_of
from refund_conformance.cases.recorded.body import is_ordinary_email
from refund_conformance.cases.recorded.evidence import is_unusual
from refund_conformance.cases.recorded.exchange import Answer, Recorded, Shown

LONG = body({"email": "a@shop.com", "description": "x" * 501})


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (200, ()),
        (401, (1007,)),
        (401, (1009, 1007)),
        (400, (15000,)),
        (400, (15030,)),
        (400, (15040,)),
        (400, (15050,)),
        (404, (15060,)),
    ],
)
def test_what_depends_on_what_nobody_recorded_is_lawful(status: int, codes: tuple[int, ...]) -> None:
    found = judged(answered(BASE, status, *codes))
    assert not found.nothing
    assert found.findings == ()


@pytest.mark.parametrize(
    ("status", "codes", "clause"),
    [
        (500, (), "server.no-5xx"),
        (201, (), "success.status"),
        (200, (15050,), "errors.status"),
        (400, (110,), "json.valid-forms"),
        (400, (111,), "content-type.exact"),
        (400, (15010,), "email.accepts"),
        (400, (15999,), "errors.known-codes"),
        (400, (15030, 15050), "errors.alone"),
        (400, (15060,), "errors.status"),
        (404, (15020,), "errors.known-codes"),
        (400, (), "errors.shape"),
        (401, (), "errors.shape"),
        (404, (), "errors.shape"),
        (409, (), "errors.shape"),
    ],
)
def test_what_no_situation_permits_breaks_the_clause_that_it_is_about(
    status: int, codes: tuple[int, ...], clause: str
) -> None:
    found = judged(answered(BASE, status, *codes))
    assert clauses(found) == [clause]
    assert all(finding.also == () for finding in found.findings)


def test_an_error_for_a_valid_field_that_names_none_is_about_all_fields() -> None:
    assert clauses(judged(answered(BASE, 400, 15010, field="nothing"))) == ["fields.all-reported"]


@pytest.mark.parametrize(
    ("recorded", "clause"),
    [
        (with_header(HEADER, None), "auth.missing"),
        (with_header(HEADER, TOKEN), "auth.malformed"),
        (with_header(HEADER, "Basic dXNlcjpwYXNz"), "auth.malformed"),
        (with_header(HEADER, f"Bearer {token(alg='nOnE')}"), "auth.forged"),
        (with_header("Content-Type", "text/plain"), "content-type.other"),
        (replace(BASE, body=b"{"), "json.malformed"),
        (replace(BASE, method="PUT"), "route.method"),
        (replace(BASE, target="/v1/order/1.0/refund"), "route.order-id"),
        (LONG, "description.max-length"),
        (body({"description": "text"}), "email.required"),
    ],
)
def test_what_is_wrong_for_sure_must_not_be_accepted(recorded: Recorded, clause: str) -> None:
    found = judged(answered(recorded, 200))
    assert clauses(found) == [clause]
    assert found.clause == clause
    without_body = replace(recorded, answer=Answer(200, "OK", (), None))
    assert clauses(judged(without_body)) == [clause]


@pytest.mark.parametrize(
    ("recorded", "status", "code", "clause"),
    [
        (with_header(HEADER, None), 401, 1008, "auth.missing"),
        (with_header("Content-Type", "text/plain"), 400, 111, "content-type.other"),
        (replace(BASE, body=b"{"), 400, 110, "json.malformed"),
        (LONG, 400, 15010, "description.max-length"),
    ],
)
def test_a_refusal_for_its_own_reason_shows_the_clause(
    recorded: Recorded, status: int, code: int, clause: str
) -> None:
    found = judged(answered(recorded, status, code, field="description"))
    assert found.findings == ()
    assert found.shown[0] == clause
    assert found.refused_for


@pytest.mark.parametrize("recorded", [LONG, replace(BASE, body=b"{")], ids=["field", "json"])
@pytest.mark.parametrize("code", [1007, 15050, 15060, 15000])
def test_a_refusal_for_another_reason_shows_nothing_of_the_clause(recorded: Recorded, code: int) -> None:
    found = judged(answered(recorded, CONTRACT.errors[code].status, code))
    assert found.findings == ()
    assert found.shown == ()
    assert found.clause == "errors.shape"


def test_an_acceptance_shows_what_is_right_for_sure() -> None:
    assert judged(BASE).shown == ("email.accepts", "content-type.exact")
    accepted = {
        "description.unicode": body({"email": "a@shop.com", "description": "退货"}),
        "description.max-length": body({"email": "a@shop.com", "description": "x" * 500}),
        "description.optional": body({"email": "a@shop.com"}),
    }
    for clause, recorded in accepted.items():
        assert clause in judged(recorded).shown, clause
    unknown = replace(BASE, body=None)
    assert judged(unknown).shown == ()
    assert judged(unknown).clause == "success.status"


def test_what_an_open_question_is_about_shows_nothing_but_its_answer() -> None:
    more = body({"email": "a@shop.com", "comment": "x"})
    assert ("unknown-field", "ignored") in judged(more).observed
    refused = answered(more, 400, 15010, field="comment")
    assert judged(refused).findings == ()
    assert ("unknown-field", "15010") in judged(refused).observed
    assert clauses(judged(refused, unknown_field="ignored")) == ["fields.all-reported"]
    typed = with_header("Content-Type", "application/json; charset=utf-8")
    assert "content-type.exact" not in judged(typed).shown
    assert judged(answered(typed, 400, 111)).findings == ()


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504, 520, 524, 599, 301, 302, 307, 403, 407, 511, 0, 101])
def test_what_something_in_front_may_have_said_shows_nothing(status: int) -> None:
    found = judged(answered(BASE, status))
    assert found.nothing
    assert found.findings == ()


def test_an_error_body_of_ours_comes_from_the_server_whatever_its_status() -> None:
    assert clauses(judged(answered(BASE, 403, 1007))) == ["errors.status"]


@pytest.mark.parametrize("status", [200, 404, 405])
def test_a_page_may_be_that_of_something_in_front(status: int) -> None:
    page = Answer(status, "", (("content-type", "text/html; charset=utf-8"),), b"<h1>Maintenance</h1>")
    assert "page" in judged(replace(LONG, answer=page)).nothing


def test_no_answer_and_an_answer_without_its_body_show_nothing() -> None:
    assert judged(replace(BASE, answer=None)).nothing
    assert judged(replace(BASE, answer=Answer(400, "", (), None))).nothing
    assert clauses(judged(replace(BASE, answer=Answer(500, "", (), None)))) == ["server.no-5xx"]


def test_the_answer_to_head_has_no_body() -> None:
    head = replace(BASE, method="HEAD")
    assert judged(replace(head, answer=Answer(401, "", (), b""))).nothing
    assert clauses(judged(replace(head, answer=Answer(200, "", (), b"")))) == ["route.method"]


def test_a_404_without_a_code_may_come_from_where_no_endpoint_is() -> None:
    nowhere = answered(BASE, 404)
    assert judged(nowhere, Shown()).findings == ()
    assert clauses(judged(nowhere, SERVED)) == ["errors.shape"]


# ---- authorization

END = NOW - 1000


def test_a_token_has_expired_if_the_servers_own_clock_says_so() -> None:
    old = with_header(HEADER, f"Bearer {token(END)}")
    assert clauses(judged(answered(old, 200, headers=(DATE,)))) == ["auth.expired"]
    assert clauses(judged(answered(old, 200))) == []  # the recorder's clock may be wrong
    ancient = with_header(HEADER, f"Bearer {token(NOW - 100_000)}")
    assert clauses(judged(answered(ancient, 200))) == ["auth.expired"]
    assert clauses(judged(replace(answered(ancient, 200), earliest=None))) == []
    fresh = with_header(HEADER, f"Bearer {token(NOW - 100)}")
    assert clauses(judged(answered(fresh, 200, headers=(DATE,)))) == []


def test_an_expired_token_is_to_be_told_so_unless_it_may_be_invalid_too() -> None:
    old = with_header(HEADER, f"Bearer {token(NOW - 100_000)}")
    assert judged(answered(old, 401, 1009)).shown == ("auth.expired", "auth.codes")
    assert judged(answered(old, 401, 1007)).findings == ()
    assert [finding.clause for finding in judged(answered(old, 401, 1008)).findings] == []


MASKS = [
    "",
    "***",
    "[REDACTED]",
    "<hidden>",
    "Sanitized by the browser",
    "xxx xxx",
    "Bearer ***",
    "Bearer",
    "redacted",
]


@pytest.mark.parametrize("value", MASKS)
def test_a_masked_token_may_be_a_valid_one(value: str) -> None:
    assert judged(answered(with_header(HEADER, value), 200)).findings == ()
    assert judged(answered(with_header(HEADER, value), 401, 1007)).findings == ()


def test_our_own_mask_stands_for_a_token_alone() -> None:
    masked = replace(with_header(HEADER, "[redacted]"), masks_tokens=True)
    assert clauses(judged(answered(masked, 200))) == ["auth.malformed"]
    whole = replace(with_header(HEADER, "Bearer [redacted]"), masks_tokens=True)
    assert judged(answered(whole, 200)).findings == ()


def test_a_header_is_missing_only_where_the_recorder_keeps_it() -> None:
    browser = replace(answered(with_header(HEADER, None), 200), keeps_headers=False)
    assert judged(browser).findings == ()
    assert clauses(judged(browser, Shown(has_tokens=True))) == ["auth.missing"]
    bare = replace(browser, headers=())
    assert judged(bare, Shown(has_tokens=True)).findings == ()


def test_a_token_from_a_login_just_before_is_valid() -> None:
    refused = answered(BASE, 401, 1007)
    assert clauses(judged(refused, Shown(token_is_valid=True, is_served=True))) == ["auth.accepts"]


def test_without_authorization_anything_but_401_is_advised_against() -> None:
    both = replace(with_header(HEADER, None), body=b"{")
    found = judged(answered(both, 400, 110))
    assert [(finding.clause, str(finding.kind)) for finding in found.findings] == [("auth.first", "advice")]
    assert judged(answered(both, 401, 1008)).shown[0] == "auth.first"


@pytest.mark.parametrize("value", ["xxx", "redacted", "[redacted]", "***"])
def test_a_mask_is_no_token_that_tells_who_calls(value: str) -> None:
    assert token_of(CONTRACT, HEADER, with_header(HEADER, f"Bearer {value}")) == ""
    assert token_of(CONTRACT, HEADER, BASE) == TOKEN


# ---- orders


def test_after_an_acceptance_another_one_breaks_the_promise() -> None:
    known = Shown(order="refund-open", is_owner=True, is_served=True)
    assert clauses(judged(answered(BASE, 200), known)) == ["order.once"]
    assert judged(answered(BASE, 400, 15050), known).shown == ("order.once",)
    assert clauses(judged(answered(BASE, 404, 15060), known)) == ["order.once"]
    stranger = Shown(order="refund-open", is_served=True)
    assert clauses(judged(answered(BASE, 200), stranger)) == ["order.once"]
    assert judged(answered(BASE, 404, 15060), stranger).shown == ()


# ---- values


@pytest.mark.parametrize("value", ["first.o'last_2+tag@mail.shop-1.example.com", "Q@9A.Co", "a@b.de"])
def test_ordinary_addresses_must_be_accepted(value: str) -> None:
    assert is_ordinary_email(value)


@pytest.mark.parametrize(
    "value",
    ["a@b", "a..b@c.de", ".a@b.de", '"a b"@c.de', "a@[127.0.0.1]", "a@b.test", "a@b.c1", "ä@b.de", "a!b@c.de"],
)
def test_odd_addresses_may_be_refused(value: str) -> None:
    assert not is_ordinary_email(value)
    assert judged(answered(body({"email": value}), 200)).findings == ()
    assert judged(answered(body({"email": value}), 400, 15010)).findings == ()


@pytest.mark.parametrize("text", ["\x01", "\u0378", "\ue000", " ", "", "a\0b"])
def test_odd_descriptions_may_be_refused(text: str) -> None:
    odd = body({"email": "a@shop.com", "description": text})
    assert judged(answered(odd, 200)).findings == ()
    assert judged(answered(odd, 400, 15010, field="description")).findings == ()


def test_of_a_name_that_stands_twice_either_value_may_count() -> None:
    twice = replace(BASE, body=b'{"email":"a@shop.com","email":1}')
    for answer in (answered(twice, 200), answered(twice, 400, 15010), answered(twice, 400, 110)):
        assert judged(answer).findings == ()


@pytest.mark.parametrize(
    ("raw", "unusual"),
    [
        (b'{"description":"a","email":"b"}', False),
        (b'{"description": "a", "email": "b"}', False),
        (b'{"email":"b","description":"a"}', True),
        (b'{"description":"\\u0041","email":"b"}', True),
        (b'{\n  "description": "a",\n  "email": "b"\n}', True),
        (b"[", False),
    ],
)
def test_spellings_are_told_apart(raw: bytes, unusual: bool) -> None:
    assert is_unusual(CONTRACT, raw) == unusual
