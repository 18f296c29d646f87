"""Requests of which each byte is ours: in chunks, with trailer fields, cut short."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from refund_conformance.transport import raw
from refund_conformance.transport.exchange import Failure, Request

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok"
CHUNKED = (("Transfer-Encoding", "chunked"),)


def request(framed: bytes, *, cut: bool = False) -> Request:
    return Request("POST", "/a", CHUNKED, b"body", framed, cut)


@contextmanager
def answering(answer: Callable[[socket.socket], bytes]) -> Iterator[str]:
    """Serve one connection; yield the base URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(5)
                connection.sendall(answer(connection))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/base"
        thread.join(5)


def until(end: bytes, seen: list[bytes]) -> Callable[[socket.socket], bytes]:
    """Read up to some bytes, or to the end of the stream if there are none, and answer then."""

    def read(connection: socket.socket) -> bytes:
        data = b""
        while not (end and data.endswith(end)):
            block = connection.recv(65_536)
            if not block:
                break
            data += block
        seen.append(data)
        return WHOLE

    return read


def test_a_body_is_sent_in_chunks_with_its_trailers_behind_them() -> None:
    seen: list[bytes] = []
    framed = raw.chunks(b"abcde") + raw.last_chunk((("X-End", "1"),))
    with answering(until(b"X-End: 1\r\n\r\n", seen)) as url:
        exchange = raw.send_raw(url, 5, None, request(framed))
    assert exchange.response is not None
    assert (exchange.response.status, exchange.response.body) == (200, b"ok")
    assert exchange.response.header("x-a") == "b"
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /base/a HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nTransfer-Encoding: chunked\r\n" in head
    assert b"Content-Length" not in head
    assert body == b"2\r\nab\r\n3\r\ncde\r\n0\r\nX-End: 1\r\n\r\n"


def test_of_a_request_that_is_cut_the_sending_half_is_closed_and_the_answer_read() -> None:
    seen: list[bytes] = []
    with answering(until(b"", seen)) as url:
        exchange = raw.send_raw(url, 5, None, request(raw.chunks(b"abcde"), cut=True))
    assert exchange.response is not None
    assert seen[0].endswith(b"3\r\ncde\r\n")


@pytest.mark.parametrize(
    ("answer", "failure"),
    [(b"", Failure.CLOSED), (b"what?\r\n\r\n", Failure.BROKEN), (b"HTTP/1.1 200", Failure.CUT)],
)
def test_what_is_no_answer_is_a_failure_and_not_raised(answer: bytes, failure: Failure) -> None:
    def read(connection: socket.socket) -> bytes:
        connection.recv(65_536)
        return answer

    with answering(read) as url:
        exchange = raw.send_raw(url, 5, None, request(raw.last_chunk()))
    assert (exchange.response, exchange.failure) == (None, failure)
    assert "what" not in exchange.detail


def test_an_answer_to_a_cut_request_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "CUT_SECONDS", 0.2)
    done = threading.Event()

    def wait(connection: socket.socket) -> bytes:
        done.wait(5)
        return b""

    with answering(wait) as url:
        exchange = raw.send_raw(url, 30, None, request(b"", cut=True))
        done.set()
    assert exchange.failure is Failure.TIMEOUT
    assert exchange.seconds < 5


def test_where_nobody_listens_there_is_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    exchange = raw.send_raw(f"http://127.0.0.1:{port}", 5, None, request(b""))
    assert exchange.failure is Failure.UNREACHABLE
