"""What goes out is what was meant, byte for byte; what comes in is bounded, and followed nowhere."""

import contextlib
import datetime
import gzip
import ipaddress
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from refund_conformance.transport.connection import BODY_LIMIT, Wire
from refund_conformance.transport.exchange import Exchange, Failure, Headers, Request

PATIENCE = 10.0
"""Seconds after which a test's server or client gives up; no test waits for it."""

SHORT = 0.3
OWN: Headers = (("User-Agent", "test"), ("Accept", "*/*"), ("Accept-Encoding", "identity"))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

Handler = Callable[[socket.socket], None]


class Server:
    """Serves one connection after the other on the loopback address, and keeps what came in on each."""

    def __init__(self, *handlers: Handler, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[bytes] = []
        self.over = threading.Event()
        self._handlers = handlers
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        for handler in self._handlers:
            with contextlib.suppress(OSError):  # the listener or the connection was closed: the test is over
                connection, _ = self._listener.accept()
                connection.settimeout(PATIENCE)
                self.received.append(b"")
                with connection, self._secured(connection) as secured:
                    handler(secured)

    def _secured(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection

    def answering(self, *answers: bytes) -> Handler:
        """Return a handler that answers one request after the other on its connection."""

        def handle(connection: socket.socket) -> None:
            for answer in answers:
                self.receive(connection)
                connection.sendall(answer)

        return handle

    def receive(self, connection: socket.socket) -> None:
        """Read one request, its body by Content-Length."""
        raw = b""
        while b"\r\n\r\n" not in raw:
            raw += self._more(connection)
        head, _, body = raw.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += self._more(connection)

    def _more(self, connection: socket.socket) -> bytes:
        data = connection.recv(65536)
        if not data:
            raise ConnectionError
        self.received[-1] += data
        return data

    def close(self) -> None:
        self.over.set()
        # Closing alone does not wake an accept that waits in another thread.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)


@contextmanager
def serving(*handlers: Callable[[Server], Handler], tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    made: list[Server] = []
    bound = [lambda connection, make=make: make(made[0])(connection) for make in handlers]
    made.append(Server(*bound, tls=tls))
    try:
        yield made[0]
    finally:
        made[0].close()


def answering(*answers: bytes) -> Callable[[Server], Handler]:
    return lambda server: server.answering(*answers)


@contextmanager
def wire_to(
    url: str, timeout: float = PATIENCE, proxy: str | None = None, ca_bundle: str | None = None
) -> Iterator[Wire]:
    wire = Wire(url, timeout, proxy, ca_bundle)
    try:
        yield wire
    finally:
        wire.close()


def request(target: str = "/", headers: Headers = OWN, body: bytes = b"", method: str = "POST") -> Request:
    return Request(method, target, headers, body)


def exchanged(answer: bytes, timeout: float = PATIENCE) -> Exchange:
    """Return the exchange with a server that answers one request so, and closes."""
    with serving(answering(answer)) as server, wire_to(server.url, timeout) as wire:
        return wire.send(request())


def sent(asked: Request, path: str = "") -> bytes:
    """Return the bytes that a request goes out as, with the server's port put as PORT."""
    with serving(answering(OK)) as server:
        with wire_to(server.url + path) as wire:
            exchange = wire.send(asked)
        assert exchange.failure is None, exchange.detail
        assert exchange.request == asked
        return server.received[0].replace(str(server.port).encode(), b"PORT")


# ---- exact bytes


def test_a_request_goes_out_byte_for_byte_with_nothing_added_but_host_and_length() -> None:
    headers = (*OWN, ("Content-Type", "application/json"), ("AuthorizationJWT", "Bearer a.b.c"))
    assert sent(request("/v1/order/5/refund", headers, b'{"email": "\xff"}')) == (
        b"POST /v1/order/5/refund HTTP/1.1\r\n"
        b"Host: 127.0.0.1:PORT\r\n"
        b"User-Agent: test\r\n"
        b"Accept: */*\r\n"
        b"Accept-Encoding: identity\r\n"
        b"Content-Type: application/json\r\n"
        b"AuthorizationJWT: Bearer a.b.c\r\n"
        b"Content-Length: 14\r\n"
        b"\r\n"
        b'{"email": "\xff"}'
    )


@pytest.mark.parametrize(
    "target",
    [
        *(
            "/v1/order/%2e%2e%2f5/refund",
            "/v1/order/%2E%2E%2F5/refund",
            "/a/../b",
            "/./a",
            "//a//b/",
            "/a?",
            "/a?b=c",
        ),
        *(
            "/%zz",
            "/%",
            "/{a}|^`",
            "/a%00b",
            "/a;b='c'--",
            "/%D9%A1",
            "/a%20b",
            "/a+b",
            '/"a"',
            "/<a>",
            "/a\\b",
            "/[",
        ),
    ],
)
def test_a_target_goes_out_as_it_is_written(target: str) -> None:
    assert sent(request(target)).startswith(f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n".encode())


def test_the_path_of_the_base_url_stands_before_the_target() -> None:
    assert sent(request("/v1/../a%2f"), "/api").startswith(b"POST /api/v1/../a%2f HTTP/1.1\r\n")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "POST", "OPTIONS"])
def test_any_method_goes_out_with_its_body(method: str) -> None:
    raw = sent(request(body=b"body", method=method))
    assert raw.startswith(f"{method} / HTTP/1.1\r\n".encode())
    assert raw.endswith(b"\r\nContent-Length: 4\r\n\r\nbody")


def test_an_empty_body_has_a_length_of_zero() -> None:
    assert sent(request()).endswith(b"\r\nContent-Length: 0\r\n\r\n")


def test_without_a_content_type_none_is_sent() -> None:
    assert b"content-type" not in sent(request(body=b"{}")).lower()


def test_an_empty_content_type_is_sent_empty() -> None:
    assert b"\r\nContent-Type: \r\n" in sent(request(headers=(*OWN, ("Content-Type", ""))))


def test_headers_keep_their_order_their_letters_and_their_number() -> None:
    headers = (*OWN, ("zz", "1"), ("X-Token", "2"), ("X-Token", "3"), ("aA", "\xe9"))
    assert b"\r\nzz: 1\r\nX-Token: 2\r\nX-Token: 3\r\naA: \xe9\r\nContent-Length: 0\r\n" in sent(
        request(headers=headers)
    )


@pytest.mark.parametrize(
    "asked",
    [
        request("/a b"),
        request("/a\r\nX: y"),
        request("/\0"),
        request("/é"),
        request(headers=(*OWN, ("X", "a\r\nY: b"))),
        request(headers=(*OWN, ("X", "Ω"))),
        request(method="PO ST"),
        request(method="POST / HTTP/1.1\r\nX:"),
    ],
    ids=range(8),
)
def test_what_cannot_be_written_is_not_sent_at_all(asked: Request) -> None:
    with serving(answering(OK)) as server, wire_to(server.url) as wire:
        exchange = wire.send(asked)
        assert (exchange.response, exchange.failure) == (None, Failure.BROKEN)
        assert exchange.detail
    assert b"\r\n\r\n" not in b"".join(server.received)


# ---- nothing is added, followed, repeated or taken from elsewhere


def test_a_cookie_is_not_sent_back() -> None:
    answer = OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: session=secret; Path=/\r\n\r\n")
    with serving(answering(answer, answer)) as server, wire_to(server.url) as wire:
        assert [wire.send(request()).failure for _ in range(2)] == [None, None]
    assert b"cookie" not in server.received[0].lower()
    assert server.received[0].count(b"POST / ") == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(status: int) -> None:
    with serving(answering(OK)) as elsewhere:
        answer = f"HTTP/1.1 {status} Moved\r\nLocation: {elsewhere.url}/\r\nContent-Length: 0\r\n\r\n"
        exchange = exchanged(answer.encode())
    assert exchange.response is not None
    assert exchange.response.status == status
    assert exchange.response.header("location") == f"{elsewhere.url}/"
    assert elsewhere.received == []


@pytest.mark.parametrize("status", ["401 No", "429 No", "503 No\r\nRetry-After: 0", "407 No", "408 No"])
def test_a_refusal_is_not_repeated(status: str) -> None:
    answer = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
    with serving(answering(answer), answering(OK)) as server, wire_to(server.url) as wire:
        exchange = wire.send(request())
    assert exchange.response is not None
    assert exchange.response.status == int(status[:3])
    assert exchange.attempts == 1
    assert [raw.count(b"POST") for raw in server.received] == [1]


def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password sesame\n", encoding="utf-8")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    raw = sent(request(headers=(*OWN, ("AuthorizationJWT", "Bearer abc"))))
    assert b"\r\nAuthorization:" not in raw
    assert b"AuthorizationJWT: Bearer abc\r\n" in raw


def test_an_explicit_proxy_is_used_and_told_the_target_as_it_is_written() -> None:
    with serving(answering(OK)) as proxy:
        with wire_to("http://target.example:8080", proxy=proxy.url) as wire:
            exchange = wire.send(request("/a/../%2e"))
        assert exchange.failure is None, exchange.detail
        assert proxy.received[0].startswith(
            b"POST http://target.example:8080/a/../%2e HTTP/1.1\r\nHost: target.example:8080\r\n"
        )


# ---- what comes in


def test_an_answer_is_told_whole() -> None:
    exchange = exchanged(
        b"HTTP/1.1 404 Not Here\r\nContent-Type: a/b\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 4\r\n\r\n\xff\0ab"
    )
    assert exchange.response is not None
    assert (exchange.response.status, exchange.response.reason) == (404, "Not Here")
    assert exchange.response.body == b"\xff\0ab"
    assert [value for name, value in exchange.response.headers if name.lower() == "x-a"] == ["1", "2"]
    assert exchange.response.header("CONTENT-TYPE") == "a/b"
    assert (exchange.failure, exchange.detail, exchange.attempts) == (None, "", 1)
    assert exchange.seconds >= 0


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def zipped(body: bytes) -> bytes:
    """Return a body in gzip, the same bytes each time: pytest-xdist compares what tests are called."""
    return gzip.compress(body, 1, mtime=0)


def coded(coding: str, body: bytes, plain: bytes = b"") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body + plain


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (CHUNKED + b"2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.0 200 OK\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x"),
        (coded("gzip", zipped(b"text")), b"text"),
        (coded(" GZIP ", zipped(b"text")), b"text"),
        (coded("x-gzip", zipped(b"text")), b"text"),
        (coded("deflate", zlib.compress(b"text")), b"text"),
        (coded("identity", b"text"), b"text"),
        (coded("unheard-of", b"text"), b"text"),
        (coded("gzip", b""), b""),
    ],
    ids=range(11),
)
def test_a_body_is_read_whatever_its_framing_and_coding(answer: bytes, body: bytes) -> None:
    exchange = exchanged(answer)
    assert exchange.response is not None, exchange.detail
    assert exchange.response.body == body


def test_a_body_of_the_largest_size_is_read() -> None:
    body = b"x" * BODY_LIMIT
    for answer in (
        coded("identity", body),
        coded("gzip", zipped(body)),
        CHUNKED + f"{BODY_LIMIT:x}\r\n".encode() + body + b"\r\n0\r\n\r\n",
    ):
        exchange = exchanged(answer)
        assert exchange.response is not None, exchange.detail
        assert exchange.response.body == body


BOMB = zipped(bytes(20 * BODY_LIMIT))


@pytest.mark.parametrize(
    "answer",
    [
        coded("identity", b"x" * (BODY_LIMIT + 1)),
        coded("gzip", zipped(b"x" * (BODY_LIMIT + 1))),
        coded("deflate", zlib.compress(b"x" * (BODY_LIMIT + 1))),
        coded("gzip", BOMB[:BODY_LIMIT]),
        b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * (BODY_LIMIT + 1),
    ],
    ids=["plain", "gzip", "deflate", "bomb", "to-the-end"],
)
def test_a_body_over_the_largest_size_is_given_up(answer: bytes) -> None:
    exchange = exchanged(answer)
    assert (exchange.response, exchange.failure) == (None, Failure.OVERSIZED)
    assert str(BODY_LIMIT) in exchange.detail


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        CHUNKED + b"5\r\nabc",
        CHUNKED + b"5",
        CHUNKED,
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nX: y\r\n",
    ],
)
def test_an_answer_that_ends_in_the_middle_is_cut(answer: bytes) -> None:
    exchange = exchanged(answer)
    assert (exchange.response, exchange.failure) == (None, Failure.CUT)
    assert exchange.failure is not None
    assert exchange.failure.lost


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
        coded("gzip", zipped(b"text" * 99)[:-9]),
        coded("gzip", b"no gzip at all"),
        coded("deflate", b"no deflate at all"),
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"NewConnectionError SSLError ProxyError RemoteDisconnected\r\n\r\n",
    ],
    ids=range(11),
)
def test_what_is_no_http_message_is_broken(answer: bytes) -> None:
    exchange = exchanged(answer)
    assert (exchange.response, exchange.failure) == (None, Failure.BROKEN)
    assert 0 < len(exchange.detail) <= 300
    assert "0x" not in exchange.detail


@given(answer=st.binary(max_size=40) | st.binary(max_size=20).map(lambda raw: b"HTTP/1.1 200 OK\r\n" + raw))
def test_no_answer_makes_the_wire_raise(answer: bytes) -> None:
    exchange = exchanged(answer)
    assert (exchange.response is None) == (exchange.failure is not None)
    assert bool(exchange.detail) == (exchange.failure is not None)


# ---- time


def dripping(server: Server) -> Handler:
    def handle(connection: socket.socket) -> None:
        server.receive(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b"x")
            server.over.wait(0.02)

    return handle


def dripping_the_head(server: Server) -> Handler:
    def handle(connection: socket.socket) -> None:
        server.receive(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(1000):
            connection.sendall(b"x")
            server.over.wait(0.02)

    return handle


def silent(server: Server) -> Handler:
    def handle(connection: socket.socket) -> None:
        server.receive(connection)
        connection.recv(1)

    return handle


def deaf(server: Server) -> Handler:
    def handle(connection: socket.socket) -> None:
        server.over.wait(PATIENCE)

    return handle


@pytest.mark.parametrize("handler", [dripping, dripping_the_head, silent, deaf])
def test_the_whole_answer_has_one_time_limit(handler: Callable[[Server], Handler]) -> None:
    with serving(handler, answering(OK)) as server, wire_to(server.url, SHORT) as wire:
        exchange = wire.send(request(body=b"x" * 5_000_000 if handler is deaf else b""))
        assert (exchange.response, exchange.failure) == (None, Failure.TIMEOUT)
        assert exchange.detail == f"no whole answer within {SHORT} s"


# ---- connections


def test_a_connection_is_kept_for_the_next_request() -> None:
    with serving(answering(OK, OK, OK)) as server, wire_to(server.url) as wire:
        assert [wire.send(request(f"/{number}")).failure for number in range(3)] == [None] * 3
    assert len(server.received) == 1
    assert [line for line in server.received[0].split(b"\r\n") if line.startswith(b"POST")] == [
        b"POST /0 HTTP/1.1",
        b"POST /1 HTTP/1.1",
        b"POST /2 HTTP/1.1",
    ]


@pytest.mark.parametrize(
    "first",
    [
        OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"",
        b"no HTTP\r\n\r\n",
        coded("identity", b"x" * (BODY_LIMIT + 1)),
    ],
    ids=["closing", "old", "closed", "broken", "oversized"],
)
def test_after_a_connection_has_ended_the_next_request_gets_a_new_one(first: bytes) -> None:
    with serving(answering(first), answering(OK)) as server, wire_to(server.url) as wire:
        wire.send(request())
        assert wire.send(request()).failure is None
    assert len(server.received) == 2


def test_a_connection_that_was_closed_while_idle_is_noticed() -> None:
    closed = threading.Event()

    def closing(server: Server) -> Handler:
        def handle(connection: socket.socket) -> None:
            server.answering(OK)(connection)
            connection.close()
            closed.set()

        return handle

    with serving(closing, answering(OK)) as server, wire_to(server.url) as wire:
        assert wire.send(request()).failure is None
        assert closed.wait(PATIENCE)
        assert wire.send(request()).failure is None
    assert len(server.received) == 2


def test_two_wires_have_a_connection_each() -> None:
    with serving(answering(OK), answering(OK)) as server:
        for _ in range(2):
            with wire_to(server.url) as wire:
                assert wire.send(request()).failure is None
    assert len(server.received) == 2


def test_a_connection_that_is_closed_before_an_answer_is_told_as_closed() -> None:
    exchange = exchanged(b"")
    assert (exchange.response, exchange.failure) == (None, Failure.CLOSED)
    assert exchange.detail


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 400 Bad Request\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n{"])
def test_a_connection_that_is_reset_is_told_as_closed_however_far_its_answer_had_come(begun: bytes) -> None:
    def resetting(server: Server) -> Handler:
        def handle(connection: socket.socket) -> None:
            server.receive(connection)
            connection.sendall(begun)
            time.sleep(SHORT)  # so that what was begun is read first
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        return handle

    with serving(resetting) as server, wire_to(server.url) as wire:
        exchange = wire.send(request())
    assert (exchange.response, exchange.failure) == (None, Failure.CLOSED)


def test_a_failed_exchange_ends_its_connection_at_once() -> None:
    ended = threading.Event()

    def handler(server: Server) -> Handler:
        def handle(connection: socket.socket) -> None:
            server.receive(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc")
            assert connection.recv(1) == b""
            ended.set()

        return handle

    with serving(handler) as server, wire_to(server.url) as wire:
        assert wire.send(request()).failure is Failure.BROKEN
        assert ended.wait(PATIENCE)


def test_nobody_listening_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with wire_to(f"http://127.0.0.1:{port}") as wire:
        exchange = wire.send(request())
    assert (exchange.response, exchange.failure) == (None, Failure.UNREACHABLE)
    assert "refused" in exchange.detail


# ---- TLS


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server's TLS context for 127.0.0.1, and the file of the certificate that it is known by."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context, str(folder / "certificate.pem")


def test_a_certificate_that_is_in_the_bundle_is_trusted(certified: tuple[ssl.SSLContext, str]) -> None:
    context, bundle = certified
    with serving(answering(OK, OK), tls=context) as server, wire_to(server.url, ca_bundle=bundle) as wire:
        assert [wire.send(request()).failure for _ in range(2)] == [None, None]
    assert len(server.received) == 1


def test_any_other_certificate_is_not_and_nothing_is_sent(
    certified: tuple[ssl.SSLContext, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, bundle = certified
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, bundle)
    with serving(answering(OK), tls=context) as server, wire_to(server.url) as wire:
        exchange = wire.send(request())
        assert (exchange.response, exchange.failure) == (None, Failure.UNTRUSTED)
        assert exchange.detail.startswith("TLS: ")
    assert server.received == [b""]


def test_the_time_limit_holds_with_tls_too(certified: tuple[ssl.SSLContext, str]) -> None:
    context, bundle = certified
    with serving(dripping, tls=context) as server, wire_to(server.url, 3 * SHORT, ca_bundle=bundle) as wire:
        assert wire.send(request()).failure is Failure.TIMEOUT
