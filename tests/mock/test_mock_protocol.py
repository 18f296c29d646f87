"""Only whole requests count, only their heads decide, and none may be too long or take too long."""

import socket
import time
from collections.abc import Iterator

import pytest
from mock_wire import Wire

from refund_conformance.mock import protocol
from refund_conformance.mock.server import running

BODY = b'{"email": "merchant@example.com"}'
CHUNKS = b"%x\r\n%s\r\n" % (len(BODY), BODY)
LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = "Transfer-Encoding: chunked"
JSON = "Content-Type: application/json"


class Socket:
    """Sends bytes to a mock, and reads what comes back until the mock closes."""

    def __init__(self, wire: Wire) -> None:
        fresh = wire.fresh()
        self.socket = socket.create_connection((fresh.host, fresh.port or 0), timeout=10)

    def talk(self, *pieces: bytes, half_closed: bool = False) -> bytes:
        with self.socket:
            for piece in pieces:
                self.socket.sendall(piece)
                time.sleep(0.01)
            if half_closed:
                self.socket.shutdown(socket.SHUT_WR)
            return self.rest()

    def rest(self) -> bytes:
        found = b""
        try:
            while piece := self.socket.recv(65536):
                found += piece
        except ConnectionResetError:
            pass
        return found


@pytest.fixture
def order(wire: Wire) -> str:
    return str(wire.ask("POST", "/_mock/orders").json["orders"][0])


def head(wire: Wire, order: str, *lines: str, authorized: bool = True) -> bytes:
    own = [f"POST /v1/order/{order}/refund HTTP/1.1", "Host: localhost"]
    own += [f"AuthorizationJWT: Bearer {wire.token()}"] if authorized else []
    return ("\r\n".join([*own, *lines]) + "\r\n\r\n").encode()


def created(wire: Wire, order: str) -> int:
    return len(wire.ask("GET", f"/_mock/orders/{order}").json["refund_requests"])


INCOMPLETE: dict[str, tuple[str, bytes]] = {
    "a length that is not reached": (f"Content-Length: {len(BODY) + 1}", BODY),
    "no chunk": (CHUNKED, b""),
    "no last chunk": (CHUNKED, CHUNKS),
    "half a last chunk": (CHUNKED, CHUNKS + b"0\r\n"),
    "trailers without an end": (CHUNKED, CHUNKS + b"0\r\nX: y\r\n"),
    "a chunk shorter than its size": (CHUNKED, b"40\r\n" + BODY),
    "a chunk longer than its size": (CHUNKED, b"%x\r\n%sXX\r\n0\r\n\r\n" % (len(BODY), BODY)),
    "no size": (CHUNKED, CHUNKS + b"size\r\n\r\n"),
}


@pytest.mark.parametrize("name", INCOMPLETE)
@pytest.mark.parametrize("pieces", [1, 2])
def test_a_request_that_is_not_whole_creates_nothing(wire: Wire, order: str, name: str, pieces: int) -> None:
    framing, body = INCOMPLETE[name]
    start = head(wire, order, JSON, framing)
    sent = [start + body] if pieces == 1 else [start, body]
    assert Socket(wire).talk(*sent, half_closed=True).startswith(b"HTTP/1.1 400 ")
    assert created(wire, order) == 0
    assert wire.refund(order).status == 200


@pytest.mark.parametrize("name", INCOMPLETE)
def test_neither_does_one_whose_client_has_gone(wire: Wire, order: str, name: str) -> None:
    framing, body = INCOMPLETE[name]
    with Socket(wire).socket as gone:
        gone.sendall(head(wire, order, JSON, framing) + body)
    before = time.monotonic()
    while wire.ask("GET", "/_mock/requests").json["requests"][-1]["check"] != "body":
        assert time.monotonic() < before + 10
    assert created(wire, order) == 0


def test_who_has_sent_a_whole_request_may_close_that_side(wire: Wire, order: str) -> None:
    answer = Socket(wire).talk(head(wire, order, JSON, LENGTH) + BODY, half_closed=True)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert created(wire, order) == 1


def test_a_token_in_a_trailer_is_none(wire: Wire, order: str) -> None:
    start = head(wire, order, JSON, CHUNKED, "Connection: close", authorized=False)
    trailer = f"0\r\nAuthorizationJWT: Bearer {wire.token()}\r\n\r\n".encode()
    for sent in ([start + CHUNKS + trailer], [start, CHUNKS, trailer]):
        answer = Socket(wire).talk(*sent)
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"1008" in answer


def test_neither_is_a_content_type(wire: Wire, order: str) -> None:
    start = head(wire, order, CHUNKED, "Connection: close")
    answer = Socket(wire).talk(start + CHUNKS + b"0\r\nContent-Type: application/json\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"111" in answer
    assert created(wire, order) == 0


def test_trailers_do_no_harm(wire: Wire, order: str) -> None:
    start = head(wire, order, JSON, CHUNKED, "Connection: close")
    assert Socket(wire).talk(start + CHUNKS + b"0\r\nX: y\r\n\r\n").startswith(b"HTTP/1.1 200 ")


LONG = b"x" * protocol.LONGEST_HEAD
TOO_LONG: dict[str, tuple[bytes, ...]] = {
    "one field": (CHUNKS + b"0\r\nX: " + LONG + b"\r\n\r\n",),
    "many fields": (CHUNKS + b"0\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",),
    "a field without an end": (CHUNKS + b"0\r\nX: ", *[LONG[:8000]] * 6),
    "a chunk's extension without an end": (CHUNKS + b"1;", *[LONG[:8000]] * 6),
}


@pytest.mark.parametrize("name", TOO_LONG)
def test_long_trailers_are_431_and_create_nothing(wire: Wire, order: str, name: str) -> None:
    answer = Socket(wire).talk(head(wire, order, JSON, CHUNKED), *TOO_LONG[name])
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert created(wire, order) == 0


def test_head_and_trailers_share_the_limit(wire: Wire, order: str) -> None:
    half = "x" * (protocol.LONGEST_HEAD // 2)
    start = head(wire, order, JSON, CHUNKED, "Connection: close", f"X: {half}")
    assert Socket(wire).talk(start, CHUNKS + b"0\r\nY: y\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert Socket(wire).talk(start, CHUNKS + f"0\r\nY: {half}\r\n\r\n".encode()).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("second", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + LONG, b"GET"])
def test_what_follows_a_request_never_takes_its_answer(wire: Wire, order: str, second: bytes) -> None:
    whole = head(wire, order, JSON, LENGTH) + BODY
    answers = Socket(wire).talk(whole + second, half_closed=True).split(b"HTTP/1.1 ")[1:]
    assert [answer[:1] for answer in answers] == [b"2", b"4"]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(protocol, "BODY_SECONDS", 0.3)
    with running() as mock, Wire(mock) as wire:
        yield wire


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"POST /v1/order/1/refund HTTP/1.1\r\nX: ", b"HTTP/1.1 408 "),
        (b"POST /v1/order/1/refund HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", b"HTTP/1.1 408 "),
    ],
)
def test_slow_requests_end_by_a_time_limit(hurried: Wire, sent: bytes, answer: bytes) -> None:
    slow = Socket(hurried)
    started = time.monotonic()
    with slow.socket:
        slow.socket.sendall(sent)
        for _ in range(5 if sent else 0):  # a byte now and then buys no time
            time.sleep(0.04)
            slow.socket.sendall(b"x")
        found = slow.rest()
    assert found.startswith(answer)
    assert bool(found) is bool(answer)
    assert time.monotonic() < started + 5


def test_a_connection_without_a_request_under_way_may_wait(hurried: Wire) -> None:
    order = hurried.ids("not_paid")[0]
    for _ in range(2):
        assert hurried.refund(order).status == 400
        time.sleep(0.5)
    assert hurried.refund(order).status == 400
