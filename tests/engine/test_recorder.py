"""The record keeps every exchange, bounded and without secrets, as events of the project's format."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refund_conformance.contract import documents
from refund_conformance.contract.errors import RunError
from refund_conformance.engine.recorder import BODY_KEPT, Event, Record
from refund_conformance.transport.exchange import Exchange, Failure, Headers, Request, Response
from refund_conformance.transport.redaction import MARK, Redactor, redacted

SECRET = "correct-horse-battery"
REQUEST = Request("POST", "/v1/order/1/refund", (("AuthorizationJWT", f"Bearer {SECRET}"),), b'{"email":"a@b.co"}')


def exchange(
    request: Request = REQUEST,
    response: Response | None = None,
    failure: Failure | None = None,
    detail: str = "",
) -> Exchange:
    return Exchange(request, response, failure, detail, started=1.5, seconds=0.1234567, attempts=2)


def kept(*exchanges: Exchange, secret: str = SECRET, first: int = 1) -> list[Event]:
    events: list[Event] = []
    record = Record(Redactor([secret]), events.append, first)
    for each in exchanges:
        record.exchange(each)
    return events


def answered(body: bytes = b"", headers: Headers = (), reason: str = "OK") -> Any:
    """Return the kept response of an exchange with this answer."""
    (event,) = kept(exchange(response=Response(200, reason, headers, body)))
    documents.check(event, "event", "event", RunError)
    return event["response"]


def test_an_exchange_is_kept_whole() -> None:
    response = Response(404, "Not Found", (("A", "1"), ("a", "2")), b'{"errors":[]}')
    (event,) = kept(exchange(response=response))
    assert event == {
        "event": "exchange",
        "number": 1,
        "started": 1.5,
        "seconds": 0.123457,
        "attempt": 2,
        "request": {
            "method": "POST",
            "target": "/v1/order/1/refund",
            "headers": [["AuthorizationJWT", f"Bearer {MARK}"]],
            "body": '{"email":"a@b.co"}',
            "encoding": "utf-8",
            "bytes": 18,
        },
        "response": {
            "status": 404,
            "reason": "Not Found",
            "headers": [["A", "1"], ["a", "2"]],
            "body": '{"errors":[]}',
            "encoding": "utf-8",
            "bytes": 13,
        },
        "failure": None,
        "detail": "",
    }


@pytest.mark.parametrize("failure", Failure)
def test_a_failure_is_kept_in_the_place_of_an_answer(failure: Failure) -> None:
    (event,) = kept(exchange(failure=failure, detail="why"))
    documents.check(event, "event", "event", RunError)
    assert (event["response"], event["failure"], event["detail"]) == (None, str(failure), "why")


def test_exchanges_are_numbered_from_the_first_number_on() -> None:
    events: list[Event] = []
    record = Record(Redactor(), events.append, 10_000_001)
    assert [record.exchange(exchange()) for _ in range(3)] == [10_000_001, 10_000_002, 10_000_003]
    assert [event["number"] for event in events] == [10_000_001, 10_000_002, 10_000_003]


def test_the_bytes_of_a_body_are_counted_before_it_is_cut() -> None:
    response = answered(b"x" * 100_000)
    assert response["body"] == "x" * BODY_KEPT
    assert response["bytes"] == 100_000


def test_a_body_that_is_not_utf_8_is_kept_byte_for_byte() -> None:
    raw = bytes(range(256))
    response = answered(raw)
    assert response["encoding"] == "latin-1"
    assert response["body"].encode("latin-1") == raw


@pytest.mark.parametrize("character", ["é", "退", "😀"])
@pytest.mark.parametrize("shift", range(4))
def test_a_body_cut_within_a_character_is_still_text(character: str, shift: int) -> None:
    body = ("x" * shift + character * BODY_KEPT).encode()
    response = answered(body)
    assert response["encoding"] == "utf-8"
    assert response["body"] == body[:BODY_KEPT].decode(errors="ignore")


def test_a_broken_end_of_a_whole_body_is_not_taken_for_a_cut() -> None:
    for body in (b"text\xe2\x82", b"x" * (BODY_KEPT - 1) + b"\xff", f"{SECRET * 9}\xff".encode("latin-1")):
        response = answered(body)
        assert response["encoding"] == "latin-1"
        assert response["body"].encode("latin-1") == body.replace(SECRET.encode(), MARK.encode())


def test_headers_and_reason_are_bounded() -> None:
    headers = tuple((f"X-{number}" + "n" * 1000, "v" * 100_000) for number in range(500))
    response = answered(b"", headers, "r" * 100_000)
    assert len(response["headers"]) <= 100
    assert len(json.dumps(response)) < 100_000


def everywhere(secret: str) -> Exchange:
    """Return an exchange with a secret in each place that there is, at the end of what is kept too."""
    long = "x" * (BODY_KEPT - len(secret) // 2) + secret
    request = Request("POST", f"/{secret}", (("A", secret), ("B", long)), long.encode())
    headers = (("A", secret), (f"n{secret}", "v"), ("B", "x" * (1000 - len(secret) // 2) + secret))
    reason = "x" * (200 - len(secret) // 2) + secret
    return exchange(request, Response(200, reason, headers, long.encode()), detail=secret)


@pytest.mark.parametrize("secret", [SECRET, "e" * 20 + "y" * 400, "pä ss/wörd"])
def test_no_secret_and_no_half_of_one_reaches_the_record(secret: str) -> None:
    (event,) = kept(everywhere(secret), secret=secret)
    text = json.dumps(event, ensure_ascii=False)
    assert MARK in text
    assert secret[: len(secret) // 2] not in text


@pytest.mark.parametrize("word", ["description.unicode", "violated", "held", "unicode", "case", "reason"])
def test_an_event_of_our_own_words_stays_as_it_is_whatever_the_secret(word: str) -> None:
    event = {"event": "case", "clause": "description.unicode", "outcome": "violated", "reason": "held unicode"}
    events: list[Event] = []
    Record(Redactor([word]), events.append).keep(dict(event))
    assert events == [event]


def test_the_keys_of_a_value_stay_as_they_are() -> None:
    value = {"event": SECRET, SECRET: [SECRET, {"a": f"<{SECRET}>"}, 1, None]}
    assert redacted(value, Redactor([SECRET])) == {"event": MARK, SECRET: [MARK, {"a": f"<{MARK}>"}, 1, None]}


def test_a_text_is_told_as_the_record_would_keep_it() -> None:
    assert Record(Redactor([SECRET]), print).clean(f"<{SECRET}>") == f"<{MARK}>"


def test_what_is_no_text_stays_as_it_is() -> None:
    value: list[Any] = [1, 2.5, True, None, [], {}, "text"]
    assert redacted(value, Redactor([SECRET])) == value


@given(
    target=st.text(st.characters(codec="latin-1"), max_size=20),
    headers=st.lists(
        st.tuples(st.text(max_size=5), st.text(st.characters(codec="latin-1"), max_size=5)), max_size=3
    ),
    body=st.binary(max_size=30) | st.binary(max_size=8).map(lambda raw: b"x" * (BODY_KEPT - 4) + raw),
    status=st.integers(100, 999),
)
def test_whatever_was_exchanged_becomes_an_event_of_the_format(
    target: str, headers: list[tuple[str, str]], body: bytes, status: int
) -> None:
    request = Request("POST", target, tuple(headers), body)
    (event,) = kept(exchange(request, Response(status, "", tuple(headers), body)))
    documents.check(event, "event", "event", RunError)
    line = json.loads(json.dumps(event))
    assert line == event
    if len(body) <= BODY_KEPT:
        for side in ("request", "response"):
            assert event[side]["body"].encode(event[side]["encoding"]) == body
