"""Hostile answers to one request: each becomes an exchange that says what happened, in time and in bounds."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hostile_answers import (
    BROKEN,
    CLOSED,
    CUT,
    GATEWAY,
    HEAVY,
    LATE,
    OVERSIZED,
    WRONG,
    answering,
    dripping,
    message,
    silent,
)
from hostile_server import Peer, Serve, serving

from refund_conformance.contract import model as contracts
from refund_conformance.oracle.error_body import read
from refund_conformance.oracle.judge import Question, judge
from refund_conformance.oracle.permitted import permitted
from refund_conformance.oracle.situation import Situation
from refund_conformance.transport.connection import BODY_LIMIT, Wire
from refund_conformance.transport.exchange import Exchange, Failure, Request

TIMEOUT = 0.3
MOST_ERRORS = 1000
"""Errors of one answer that are read at most; the document knows of two fields."""
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
REQUEST = Request("POST", "/v1/order/730001/refund", (("Content-Type", "application/json"),), b"{}")

EXPECTED = [
    (name, make, failure)
    for catalogue, failure in (
        (CLOSED, Failure.CLOSED),
        (LATE, Failure.TIMEOUT),
        (BROKEN, Failure.BROKEN),
        (CUT, Failure.CUT),
        (OVERSIZED, Failure.OVERSIZED),
    )
    for name, make in catalogue.items()
]
ANSWERS = [*GATEWAY.items(), *WRONG.items()]


@contextmanager
def wire_to(url: str, timeout: float = TIMEOUT) -> Iterator[Wire]:
    wire = Wire(url, timeout, None, None)
    try:
        yield wire
    finally:
        wire.close()


def asked(url: str, timeout: float = TIMEOUT) -> Exchange:
    with wire_to(url, timeout) as wire:
        return wire.send(REQUEST)


@pytest.mark.parametrize(("name", "make", "failure"), EXPECTED, ids=[name for name, *_ in EXPECTED])
def test_failure_is_named(name: str, make: Callable[[], Serve], failure: Failure) -> None:
    with serving(make()) as server:
        exchange = asked(server.url, TIMEOUT if failure is Failure.TIMEOUT else 10)
    assert exchange.response is None
    assert exchange.failure is failure, exchange.detail
    assert 0 < len(exchange.detail) <= 300
    assert exchange.detail.isascii()
    assert exchange.detail.isprintable()


@pytest.mark.parametrize(("name", "make"), ANSWERS, ids=[name for name, _ in ANSWERS])
def test_answer_is_read_and_judged(name: str, make: Callable[[], Serve]) -> None:
    contract = contracts.load()
    with serving(make()) as server:
        response = asked(server.url, 10).response
    assert response is not None
    assert len(response.body) <= BODY_LIMIT
    question = Question("order.unknown", permitted(contract, Situation(order="unknown"), {}))
    verdict = judge(contract, question, read(response))
    assert verdict.findings
    assert verdict.matched is None


def test_wire_works_again_after_each_failure() -> None:
    turns = iter([silent, dripping(b"x" * 60), CUT["short-body"](), OVERSIZED["endless-body"]()])

    def serve(peer: Peer) -> None:
        hostile = next(turns, None)
        if hostile is None:
            lawful(peer)
        else:
            hostile(peer)

    lawful = WRONG["nothing-but-200"]()
    with serving(serve) as server, wire_to(server.url) as wire:
        exchanges = [wire.send(REQUEST) for _ in range(6)]
    assert [exchange.failure is None for exchange in exchanges] == [False] * 4 + [True] * 2
    assert server.connections == 5


def test_connection_that_comes_too_late_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a name takes long to resolve: the request must not go out, nor the answer be waited for."""
    resolve = socket.getaddrinfo

    def slowly(*args: Any, **options: Any) -> Any:
        threading.Event().wait(3 * TIMEOUT)
        return resolve(*args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with serving(dripping(b"x" * 60)) as server:
        exchange = asked(server.url)
    assert exchange.failure is Failure.UNREACHABLE
    assert server.received == b""


def test_negative_chunk_is_not_read_to_the_end() -> None:
    sent = []

    def serve(peer: Peer) -> None:
        peer.receive()
        peer.send(CHUNKED + b"-1\r\n")
        for _ in range(64):
            peer.send(bytes(1024 * 1024))
            sent.append(1)

    with serving(serve) as server:
        assert asked(server.url, 10).failure is Failure.BROKEN
    assert len(sent) < 32


def test_mirrored_header_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with serving(BROKEN["header-line-without-colon"]()) as server:
        asked(server.url)
    assert not caplog.records


def test_final_answer_after_interim_ones_counts() -> None:
    for interim in ("100 Continue", "102 Processing", "103 Early Hints"):
        answer = f"HTTP/1.1 {interim}\r\nLink: </x>\r\n\r\n".encode() * 3 + message(b"{}", "404 Not Found")
        with serving(answering(answer)) as server, wire_to(server.url) as wire:
            responses = [wire.send(REQUEST).response for _ in range(2)]
        assert [response and response.status for response in responses] == [404, 404]


def test_errors_that_are_read_are_bounded() -> None:
    with serving(HEAVY["errors-300000"]()) as server:
        response = asked(server.url, 10).response
    assert response is not None
    assert len(read(response).errors) <= MOST_ERRORS
