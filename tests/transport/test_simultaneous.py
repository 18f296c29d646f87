"""Requests that arrive together: the last bytes come at one moment, and each has its own answer."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from refund_conformance.transport import simultaneous as module
from refund_conformance.transport.connection import BODY_LIMIT
from refund_conformance.transport.exchange import Failure, Request
from refund_conformance.transport.simultaneous import simultaneous

PATIENCE = 20.0
MOMENT = 0.05
"""Seconds within which the last bytes came together, on a machine that has other things to do."""

BODIES = (b'{"email":"a@b"}', b"{}", b'{"email":"c@d"}')
REQUESTS = [
    Request("POST", f"/v1/order/{number}/refund", (("AuthorizationJWT", "Bearer aaa"),), body)
    for number, body in enumerate(BODIES, 1)
]
PLAIN = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"


class Seen:
    """What a server saw of one connection: how much came before the last byte, and when that came."""

    def __init__(self) -> None:
        self.data = b""
        self.times: list[float] = []

    @property
    def request(self) -> bytes:
        return self.data.split(b"\r\n\r\n")[1]


@contextmanager
def answering(answers: Sequence[bytes], context: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[Seen]]]:
    """Serve a connection for each answer, side by side: take a whole request, then answer it and close."""
    seen = [Seen() for _ in answers]
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as threads:
        listener.settimeout(PATIENCE)

        def serve(connection: socket.socket, noted: Seen, answer: bytes) -> None:
            whole = context.wrap_socket(connection, server_side=True) if context else connection
            with whole:
                whole.settimeout(PATIENCE)
                while not noted.data.endswith(b"}"):
                    piece = whole.recv(65536)
                    if not piece:
                        return
                    noted.data += piece
                    noted.times.append(time.monotonic())
                whole.sendall(answer)

        def accept() -> None:
            for noted, answer in zip(seen, answers, strict=True):
                thread = threading.Thread(target=serve, args=(listener.accept()[0], noted, answer), daemon=True)
                thread.start()
                threads.callback(thread.join, PATIENCE)

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        scheme = "https" if context else "http"
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", seen
        acceptor.join(PATIENCE)


def reply(status: int) -> bytes:
    return f"HTTP/1.1 {status} Some\r\nContent-Length: 2\r\n\r\n{{}}".encode()


def test_each_request_has_its_own_answer_in_order() -> None:
    with answering([reply(status) for status in (401, 402, 403)]) as (url, seen):
        exchanges = simultaneous(url, PATIENCE, None, REQUESTS)
    assert [exchange.request for exchange in exchanges] == REQUESTS
    assert [exchange.response and exchange.response.status for exchange in exchanges] == [401, 402, 403]
    assert [noted.request for noted in seen] == list(BODIES)


def test_the_last_bytes_come_together_after_all_the_rest() -> None:
    with answering([PLAIN] * len(REQUESTS)) as (url, seen):
        simultaneous(url, PATIENCE, None, REQUESTS)
    last = [noted.times[-1] for noted in seen]
    rest = [noted.times[-2] for noted in seen]
    assert max(rest) < min(last)
    assert max(last) - min(last) < MOMENT


def test_they_come_together_over_tls_too(tmp_path: Path) -> None:
    authority = trustme.CA()
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with answering([PLAIN] * len(REQUESTS), context) as (url, seen):
        exchanges = simultaneous(url, PATIENCE, str(bundle), REQUESTS)
    assert [exchange.response and exchange.response.status for exchange in exchanges] == [400] * 3
    last = [noted.times[-1] for noted in seen]
    assert max(last) - min(last) < MOMENT


def test_an_untrusted_certificate_is_told_as_such() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with suppress(OSError):  # the client ends it
                context.wrap_socket(connection, server_side=True).recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        (exchange,) = simultaneous(f"https://127.0.0.1:{listener.getsockname()[1]}", PATIENCE, None, REQUESTS[:1])
        thread.join(PATIENCE)
    assert exchange.failure is Failure.UNTRUSTED


def test_a_server_that_takes_one_connection_after_the_other_gets_them_all() -> None:
    """Such a server ends a connection only when its client does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in REQUESTS:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(PATIENCE)
                    data = b""
                    while not data.endswith(b"}"):
                        data += connection.recv(65536)
                    connection.sendall(PLAIN)
                    assert connection.recv(1) == b""

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        exchanges = simultaneous(f"http://127.0.0.1:{listener.getsockname()[1]}", PATIENCE, None, REQUESTS)
        thread.join(PATIENCE)
    assert [exchange.response and exchange.response.status for exchange in exchanges] == [400] * 3


def test_what_cannot_be_opened_beside_others_is_sent_after_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of one blocking worker makes no second handshake before it has the first request."""
    monkeypatch.setattr(module, "OPENING", 0.3)
    authority = trustme.CA()
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        answered: list[bytes] = []

        def serve() -> None:
            while len(answered) < 2:
                connection, _ = listener.accept()
                connection.settimeout(PATIENCE)
                try:
                    with context.wrap_socket(connection, server_side=True) as whole:
                        data = b""
                        while not data.endswith(b"}"):
                            data += whole.recv(65536)
                        whole.sendall(PLAIN)
                        answered.append(data)
                except OSError:
                    continue  # it was given up

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        exchanges = simultaneous(url, PATIENCE, str(bundle), REQUESTS[:2])
        thread.join(PATIENCE)
    assert [exchange.response and exchange.response.status for exchange in exchanges] == [400, 400]


def test_without_a_server_nothing_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    exchanges = simultaneous(f"http://127.0.0.1:{port}", PATIENCE, None, REQUESTS)
    assert [exchange.failure for exchange in exchanges] == [Failure.UNREACHABLE] * 3


LARGE = BODY_LIMIT + 1


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"", Failure.CLOSED),
        (b"SSH-2.0-OpenSSH\r\n\r\n", Failure.BROKEN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", Failure.CUT),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE + b" " * LARGE, Failure.OVERSIZED),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", Failure.BROKEN),
    ],
    ids=["none", "no HTTP", "cut", "large", "no gzip"],
)
def test_an_answer_that_is_none_takes_no_other_with_it(answer: bytes, failure: Failure) -> None:
    with answering([PLAIN, answer, PLAIN]) as (url, _):
        exchanges = simultaneous(url, PATIENCE, None, REQUESTS)
    assert [exchange.failure for exchange in exchanges] == [None, failure, None]
    assert exchanges[1].response is None


def test_an_answer_that_does_not_come_ends_with_the_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        begun = time.monotonic()
        exchanges = simultaneous(url, 0.5, None, REQUESTS)
        assert time.monotonic() - begun < PATIENCE
    assert [exchange.failure for exchange in exchanges] == [Failure.TIMEOUT] * 3
