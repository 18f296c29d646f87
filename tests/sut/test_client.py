"""The client says exactly what a draft says, repeats only what it may, and hands every exchange to the record."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from refund_conformance.cases.case import plain_draft
from refund_conformance.cases.payloads import headers
from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import TargetError
from refund_conformance.sut import client as client_module
from refund_conformance.sut.client import Client
from refund_conformance.sut.settings import Settings
from refund_conformance.sut.tokens import Tokens
from refund_conformance.transport import retry
from refund_conformance.transport.connection import Wire
from refund_conformance.transport.exchange import Exchange, Failure, Headers, Request, Response
from refund_conformance.transport.redaction import MARK, Redactor
from refund_conformance.transport.retry import (
    FIRST_PATIENCE,
    GATEWAY_TRIES,
    LONGEST_WAIT,
    PATIENCE,
    is_inconclusive,
)

CONTRACT = contracts.load()
DRAFT = replace(plain_draft(CONTRACT), body=b'{"email":"a@b.example"}')
TOKEN = "0123456789abcdef0123456789abcdef"
SETTINGS = Settings(
    "http://127.0.0.1:9", header="X-Token", tokens={"token": TOKEN, "expired_token": "expired-token"}
)
REQUEST = Request("POST", "/", (), b"")
GATEWAY = (408, 429, 502, 503, 504)


class Scripted(Wire):
    """A wire to no target at all: each request gets the next of the answers that are written down."""

    def __init__(self, *answers: Response | Failure) -> None:
        super().__init__("http://127.0.0.1:9", 1, None, None)
        self.answers = iter(answers)
        self.requests: list[Request] = []
        self.closed = False

    def send(self, request: Request) -> Exchange:
        self.requests.append(request)
        answer = next(self.answers)
        if isinstance(answer, Failure):
            return Exchange(request, None, answer, "why", 0, 0)
        return Exchange(request, answer, None, "", 0, 0)

    def close(self) -> None:
        self.closed = True
        super().close()


def answer(status: int, headers_: Headers = ()) -> Response:
    return Response(status, "", headers_, b"")


def client(
    settings: Settings = SETTINGS, record: list[Exchange] | None = None, redactor: Redactor | None = None
) -> Client:
    kept: list[Exchange] = [] if record is None else record

    def keep(exchange: Exchange) -> int:
        kept.append(exchange)
        return len(kept)

    return Client(settings, Tokens(settings, CONTRACT.operation), redactor or Redactor(), keep, "run-1")


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were to be waited, in place of the waiting."""
    seconds: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(seconds))
    monkeypatch.setattr(retry, "time", clock)
    monkeypatch.setattr(client_module, "monotonic", clock.monotonic)
    monkeypatch.setattr("tenacity.nap.time.sleep", seconds.append)
    monkeypatch.setattr(client_module, "sleep", seconds.append)
    return seconds


# ---- the request of a draft


def made(**changes: Any) -> Request:
    request = client().request(replace(DRAFT, **changes), "730001")
    assert request is not None
    return request


def values(request: Request, name: str) -> list[str]:
    return [value for key, value in request.headers if key.lower() == name.lower()]


def test_a_draft_becomes_a_request_with_its_method_path_and_body() -> None:
    request = made(method="PUT", path=lambda order: f"/odd/../{order}?")
    assert (request.method, request.target) == ("PUT", "/odd/../730001?")
    assert request.body == b'{"email":"a@b.example"}'
    assert made().target == "/v1/order/730001/refund"


def test_the_headers_are_the_general_ones_then_the_content_type_and_the_token() -> None:
    names = [name for name, _ in made().headers]
    assert names[-2:] == ["Content-Type", "X-Token"]
    assert names[:3] == ["User-Agent", "Accept", "Accept-Encoding"]
    assert len(set(names)) == len(names)
    assert values(made(), "content-type") == ["application/json"]
    assert values(made(), "x-token") == [f"Bearer {TOKEN}"]
    assert values(made(), "accept-encoding") == ["identity"]
    assert values(made(), "authorization") == values(made(), "cookie") == []


def test_a_content_type_is_left_out_or_sent_empty_as_the_draft_says() -> None:
    assert values(made(content_type=None), "content-type") == []
    assert values(made(content_type=""), "content-type") == [""]
    assert values(made(content_type="a/b; c=d"), "content-type") == ["a/b; c=d"]


def test_the_token_is_the_one_that_the_draft_names() -> None:
    assert values(made(credential="expired_token"), "x-token") == ["Bearer expired-token"]


def test_the_form_of_the_authorization_is_the_drafts() -> None:
    assert values(made(authorization=headers.absent), "x-token") == []
    assert values(made(authorization=headers.standard_header), "authorization") == [f"Bearer {TOKEN}"]
    assert values(made(authorization=headers.form("Basic {token}")), "x-token") == [f"Basic {TOKEN}"]


def test_a_forgery_that_the_token_does_not_allow_makes_no_request() -> None:
    assert client().request(replace(DRAFT, authorization=headers.forged("weak-secret")), "5") is None


# ---- repetition


def exchange_of(given: Response | Failure) -> Exchange:
    return Scripted(given).send(REQUEST)


def test_only_a_gateways_status_is_inconclusive() -> None:
    silent = [status for status in range(100, 1000) if is_inconclusive(exchange_of(answer(status)))]
    assert silent == list(GATEWAY)


def test_only_the_lack_of_a_connection_is_inconclusive() -> None:
    silent = {failure for failure in Failure if is_inconclusive(exchange_of(failure))}
    assert silent == {Failure.UNREACHABLE, Failure.UNTRUSTED, Failure.CLOSED, Failure.CUT}


NOT_TAKEN: list[Response | Failure] = [answer(408), answer(429), Failure.UNREACHABLE]
GATEWAYS: list[Response | Failure] = [answer(502), answer(503), answer(504)]
SOMETHING: list[Response | Failure] = [
    *map(answer, (200, 400, 401, 404, 500, 501)),
    Failure.TIMEOUT,
    Failure.BROKEN,
    Failure.OVERSIZED,
    Failure.CLOSED,
    Failure.CUT,
    Failure.UNTRUSTED,
]


@pytest.mark.parametrize("given", GATEWAYS, ids=str)
def test_what_a_gateway_answers_is_repeated_a_few_times(given: Response | Failure, slept: list[float]) -> None:
    record: list[Exchange] = []
    sender, wire = client(record=record), Scripted(*[given] * 10)
    exchange = sender.send(REQUEST, wire)
    assert wire.requests == [REQUEST] * GATEWAY_TRIES
    assert (exchange.response or exchange.failure) == given
    assert [kept.attempts for kept in record] == list(range(1, GATEWAY_TRIES + 1))
    assert (exchange.attempts, exchange.number, sender.sent) == (GATEWAY_TRIES,) * 3
    assert len(slept) == GATEWAY_TRIES - 1


@pytest.mark.parametrize("given", NOT_TAKEN, ids=str)
@pytest.mark.parametrize("repeatable", [True, False])
def test_a_target_that_is_away_is_waited_for_as_long_as_there_is_patience(
    given: Response | Failure, repeatable: bool, slept: list[float]
) -> None:
    sender, wire = client(), Scripted(*[given] * 100_000)
    exchange = sender.send(REQUEST, wire, repeatable=repeatable)
    assert (exchange.response or exchange.failure) == given
    waited = sum(slept)
    bound = PATIENCE if isinstance(given, Response) else FIRST_PATIENCE
    assert bound / 3 < waited < 2 * bound


@pytest.mark.parametrize("given", SOMETHING, ids=str)
@pytest.mark.parametrize("repeatable", [True, False])
def test_what_says_something_is_never_repeated(
    given: Response | Failure, repeatable: bool, slept: list[float]
) -> None:
    sender, wire = client(), Scripted(given)
    exchange = sender.send(REQUEST, wire, repeatable=repeatable)
    assert (exchange.response or exchange.failure) == given
    assert (exchange.attempts, exchange.number, sender.sent, slept) == (1, 1, 1, [])


@pytest.mark.parametrize("given", GATEWAYS, ids=str)
def test_a_request_that_may_have_been_done_is_not_repeated(given: Response | Failure, slept: list[float]) -> None:
    wire = Scripted(given)
    assert client().send(REQUEST, wire, repeatable=False).attempts == 1
    assert (wire.requests, slept) == ([REQUEST], [])


@pytest.mark.parametrize("status", [408, 429])
def test_after_a_status_that_says_so_nothing_was_done_and_any_request_is_repeated(
    status: int, slept: list[float]
) -> None:
    exchange = client().send(REQUEST, Scripted(answer(status), answer(200)), repeatable=False)
    assert exchange.response == answer(200)
    assert 1 <= len(slept) <= 2  # a target that has too many is sent fewer from then on


def test_the_first_answer_that_says_something_counts(slept: list[float]) -> None:
    record: list[Exchange] = []
    wire = Scripted(answer(503), Failure.UNREACHABLE, answer(404))
    exchange = client(record=record).send(REQUEST, wire)
    assert exchange.response == answer(404)
    assert (exchange.attempts, exchange.number) == (3, 3)
    assert [kept.failure for kept in record] == [None, Failure.UNREACHABLE, None]


def waited(retry_after: str | None, slept: list[float], times: int = 1) -> list[float]:
    fields = () if retry_after is None else (("retry-AFTER", retry_after),)
    client().send(REQUEST, Scripted(*[answer(503, fields)] * times, answer(200)))
    return slept


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        *[("0", 0), ("2", 2), ("5", 5), ("6", LONGEST_WAIT), ("3600", LONGEST_WAIT), ("9" * 5000, LONGEST_WAIT)],
        *[("Wed, 21 Oct 2065 07:28:00 GMT", LONGEST_WAIT), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
    ],
)
def test_a_retry_after_is_honoured_up_to_a_bound(retry_after: str, seconds: float, slept: list[float]) -> None:
    assert waited(retry_after, slept) == [seconds]


@pytest.mark.parametrize("retry_after", [None, "", "soon", "-1", "1.5", "٣", "Wed, 99 Oct 2065", "inf"])
def test_any_other_retry_after_is_a_short_wait_of_our_own(retry_after: str | None, slept: list[float]) -> None:
    (seconds,) = waited(retry_after, slept)
    assert 0 < seconds <= 2 * retry.FIRST_WAIT


def test_where_there_are_too_many_all_requests_are_held_back(slept: list[float]) -> None:
    sender = client()
    busy = answer(429, (("Retry-After", "2"),))
    sender.send(REQUEST, Scripted(busy, answer(200)))
    assert slept[0] == 2
    slept.clear()
    sender.send(REQUEST, Scripted(answer(200)))
    assert len(slept) == 1
    assert 0 < slept[0] <= 2.5


def test_our_own_wait_grows(slept: list[float]) -> None:
    first, second = waited(None, slept, times=2)
    unit = retry.FIRST_WAIT
    assert unit <= first <= 1.2 * unit < 2 * unit <= second <= 2.2 * unit


# ---- connections


@pytest.fixture
def wires(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Scripted]]:
    """The wires that the client makes."""
    made_: list[Scripted] = []

    def make(*args: object) -> Scripted:
        made_.append(Scripted(*[answer(200)] * 5))
        return made_[-1]

    monkeypatch.setattr(client_module, "Wire", make)
    yield made_
    for wire in made_:
        wire.close()


def test_a_thread_keeps_its_connection(wires: list[Scripted]) -> None:
    sender = client()
    for _ in range(3):
        sender.send(REQUEST)
    assert [len(wire.requests) for wire in wires] == [3]
    sender.close()
    assert wires[0].closed


def test_each_thread_has_a_connection_of_its_own(wires: list[Scripted]) -> None:
    sender = client()
    sender.send(REQUEST)
    thread = threading.Thread(target=lambda: sender.send(REQUEST))
    thread.start()
    thread.join()
    assert [len(wire.requests) for wire in wires] == [1, 1]
    assert sender.sent == 2


def test_a_fresh_connection_is_closed_afterwards(wires: list[Scripted]) -> None:
    sender = client()
    with sender.fresh_wire() as wire:
        sender.send(REQUEST, wire)
        assert [each.closed for each in wires] == [False]
    assert [each.closed for each in wires] == [True]


def test_a_fresh_connection_is_closed_after_a_failure_too(wires: list[Scripted]) -> None:
    with pytest.raises(KeyError), client().fresh_wire():
        raise KeyError
    assert wires[0].closed


def test_closing_a_client_that_sent_nothing_closes_nothing(wires: list[Scripted]) -> None:
    client().close()
    assert wires == []


# ---- pace


class Clock:
    """A clock that goes on only when someone sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.starts: list[float] = []

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds
        self.starts.append(self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(client_module, "monotonic", lambda: clock.now)
    monkeypatch.setattr(client_module, "sleep", clock.sleep)
    return clock


def send_all(sender: Client, answers: Iterable[Response]) -> None:
    for each in answers:
        sender.send(REQUEST, Scripted(each))


def test_requests_keep_the_distance_that_the_settings_ask_for(clock: Clock) -> None:
    send_all(client(replace(SETTINGS, max_requests_per_second=4)), [answer(200)] * 5)
    assert clock.starts == [100.0, 100.25, 100.5, 100.75, 101.0]


def test_a_pause_is_not_made_up_for(clock: Clock) -> None:
    sender = client(replace(SETTINGS, max_requests_per_second=4))
    send_all(sender, [answer(200)])
    clock.now += 10
    send_all(sender, [answer(200)] * 2)
    assert clock.starts == [100.0, 110.0, 110.25]


def test_without_a_limit_nobody_waits(clock: Clock) -> None:
    send_all(client(), [answer(200)] * 5)
    assert clock.starts == []


# ---- secrets


def test_tokens_and_all_that_is_forged_from_them_are_kept_out_of_the_record() -> None:
    redactor = Redactor()
    client(redactor=redactor)
    for secret in (TOKEN, "expired-token", *headers.forgeries(TOKEN).values()):
        assert redactor.text(f"<{secret}>") == f"<{MARK}>"


# ---- requests that arrive together


def together(monkeypatch: pytest.MonkeyPatch, *answers: Response) -> list[int]:
    """Have ``simultaneous`` return these answers; return what it is asked for, as a number of requests."""
    asked: list[int] = []

    def answered(url: str, timeout: float, bundle: str | None, requests: Sequence[Request]) -> list[Exchange]:
        asked.append(len(requests))
        return [Exchange(r, a, None, "", 0, 0) for r, a in zip(requests, answers, strict=True)]

    monkeypatch.setattr(client_module, "simultaneous", answered)
    return asked


def test_requests_that_arrive_together_are_kept_and_counted_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Exchange] = []
    ours = client(record=kept)
    asked = together(monkeypatch, answer(200), answer(400))
    exchanges = ours.send_together([REQUEST] * 2)
    assert (asked, ours.sent) == ([2], 2)
    assert [exchange.number for exchange in exchanges] == [1, 2]
    assert [e.response and e.response.status for e in kept] == [200, 400]


@pytest.mark.usefixtures("slept")
def test_they_are_not_repeated_though_there_were_too_many(
    monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    ours = client()
    asked = together(monkeypatch, answer(429, (("Retry-After", "2"),)), answer(200))
    ours.send_together([REQUEST] * 2)
    assert asked == [2]
    together(monkeypatch, answer(200))
    ours.send_together([REQUEST])
    assert max(slept) == pytest.approx(2, abs=1)


def test_through_a_proxy_they_are_sent_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = client(replace(SETTINGS, proxy="http://127.0.0.1:9"))
    asked = together(monkeypatch)
    wires: list[Scripted] = []

    def new_wire() -> Scripted:
        wires.append(Scripted(answer(200)))
        ours._wires.append(wires[-1])
        return wires[-1]

    monkeypatch.setattr(ours, "_new_wire", new_wire)
    exchanges = ours.send_together([REQUEST] * 3)
    assert [e.response and e.response.status for e in exchanges] == [200] * 3
    assert (asked, len(wires), all(wire.closed for wire in wires)) == ([], 3, True)


def test_a_closed_client_sends_none_together(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = together(monkeypatch)
    ours = client()
    ours.close()
    with pytest.raises(TargetError):
        ours.send_together([REQUEST])
    assert asked == []
