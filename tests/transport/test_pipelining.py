"""Requests that are sent on one connection, none waiting for an answer."""

import gzip
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from refund_conformance.transport.connection import BODY_LIMIT
from refund_conformance.transport.exchange import Failure, Request
from refund_conformance.transport.pipelining import pipelined

PATIENCE = 20.0
REQUESTS = [
    Request("POST", "/v1/order/1/refund", (("AuthorizationJWT", "Bearer aaa"),), b'{"email":"a@b"}'),
    Request("POST", "/v1/order/2/refund", (), b"{}"),
]
PLAIN = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
LAST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def answering(answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Serve one connection: take both requests, then send the answers at once and close."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(20)
                data = b""
                while not data.endswith(b"\r\n\r\n{}"):
                    data += connection.recv(65536)
                received.append(data)
                connection.sendall(answers)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
        thread.join(20)


@pytest.mark.parametrize("answers", [(PLAIN, CHUNKED), (CHUNKED, PLAIN), (PLAIN, PLAIN), (PLAIN, LAST)])
def test_answers_belong_to_their_requests_in_order(answers: Sequence[bytes]) -> None:
    with answering(b"".join(answers)) as (url, received):
        exchanges = pipelined(url, PATIENCE, None, None, REQUESTS)
    assert [exchange.request for exchange in exchanges] == REQUESTS
    told = [(exchange.response.status, exchange.response.body) for exchange in exchanges if exchange.response]
    assert told == [(401, b"abc") if answer == CHUNKED else (400, b"{}") for answer in answers]
    (data,) = received
    assert data.count(b"POST ") == 2
    assert data.count(b"Host: 127.0.0.1:") == 2
    assert data.count(b"AuthorizationJWT") == 1


def packed(body: bytes) -> bytes:
    head = f"HTTP/1.1 401 Unauthorized\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_an_answer_that_is_compressed_is_read_all_the_same() -> None:
    with answering(packed(gzip.compress(b"abc")) + PLAIN) as (url, _):
        exchanges = pipelined(url, PATIENCE, None, None, REQUESTS)
    assert [exchange.response.body for exchange in exchanges if exchange.response] == [b"abc", b"{}"]


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"0" * (BODY_LIMIT + 1))], ids=["broken", "bomb"])
def test_an_answer_that_cannot_be_unpacked_tells_nothing(body: bytes) -> None:
    with answering(PLAIN + packed(body)) as (url, _):
        assert [exchange.request for exchange in pipelined(url, PATIENCE, None, None, REQUESTS)] == REQUESTS[:1]


@pytest.mark.parametrize("answers", [LAST, LAST + PLAIN, PLAIN])
def test_a_server_may_answer_the_first_alone(answers: bytes) -> None:
    with answering(answers) as (url, _):
        exchanges = pipelined(url, PATIENCE, None, None, REQUESTS)
    assert len(exchanges) == 1
    assert exchanges[0].response is not None


def test_no_answer_at_all_is_a_lost_connection() -> None:
    with answering(b"") as (url, _):
        (exchange,) = pipelined(url, PATIENCE, None, None, REQUESTS)
    assert exchange.failure is Failure.CLOSED
    assert exchange.response is None


def test_nothing_is_sent_through_a_proxy() -> None:
    assert pipelined("http://127.0.0.1:1", PATIENCE, "http://127.0.0.1:2", None, REQUESTS) == []
