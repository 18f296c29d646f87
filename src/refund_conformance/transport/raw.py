"""One request of which each byte is ours: in chunks, with trailer fields, or cut short."""

import http.client
import socket
import time
import zlib
from contextlib import suppress
from urllib.parse import urlsplit

from refund_conformance.transport import tls
from refund_conformance.transport.connection import BODY_LIMIT, DETAILS, Answer, decoded, failure_of
from refund_conformance.transport.deadline import Guard
from refund_conformance.transport.exchange import Exchange, Failure, Headers, Request, Response

CUT_SECONDS = 2.0
"""Seconds to wait at most for an answer to a request that breaks off, which need not get one."""


def chunks(body: bytes) -> bytes:
    """Return a body in chunks, one of which ends inside of it, without the last chunk (RFC 9112, 7.1)."""
    half = len(body) // 2
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part)


def last_chunk(trailers: Headers = ()) -> bytes:
    """Return the end of a body in chunks, with its trailer fields (RFC 9112, 7.1.2)."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in trailers)
    return f"0\r\n{fields}\r\n".encode("latin-1")


def send_raw(base_url: str, timeout: float, ca_bundle: str | None, request: Request) -> Exchange:
    """Send a request on a connection of its own, and return what came of it. Never raises for what a target does.

    Of a request that is cut the connection's sending half is closed behind it.
    """
    started, clock = time.time(), time.perf_counter()
    seconds = min(timeout, CUT_SECONDS) if request.cut else timeout
    guard = Guard()
    try:
        with guard.deadline(seconds):
            response, failure, detail = _attempt(base_url, seconds, ca_bundle, request, guard)
        if guard.struck:
            response, failure, detail = None, Failure.TIMEOUT, f"no whole answer within {seconds:g} s"
    finally:
        guard.release()
    return Exchange(request, response, failure, detail, started, time.perf_counter() - clock)


def _attempt(
    base_url: str, timeout: float, ca_bundle: str | None, request: Request, guard: Guard
) -> tuple[Response | None, Failure | None, str]:
    parts = urlsplit(base_url)
    try:
        plain = socket.create_connection(
            (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)), timeout
        )
    except OSError as problem:
        return None, Failure.UNREACHABLE, problem.strerror or type(problem).__name__
    try:
        guard.watch(plain)
        ending = plain.dup()  # TLS closes the whole connection where its own socket is asked to end one half
        secure = parts.scheme == "https"
        connection = tls.context(ca_bundle).wrap_socket(plain, server_hostname=parts.hostname) if secure else plain
    except OSError as problem:
        plain.close()
        return None, Failure.UNREACHABLE, f"TLS: {problem.strerror or type(problem).__name__}"
    with connection, ending:
        try:
            connection.sendall(_written(base_url, request))
            if request.cut:
                ending.shutdown(socket.SHUT_WR)
            return _answer(connection, request)
        except TimeoutError:
            return None, Failure.TIMEOUT, f"no whole answer within {timeout:g} s"
        except (OSError, http.client.HTTPException, ValueError, zlib.error) as problem:
            failure = Failure.CLOSED if isinstance(problem, OSError) else failure_of(problem)
            return None, failure, DETAILS.get(failure, "the answer is no HTTP message")
        finally:
            with suppress(OSError):
                ending.shutdown(socket.SHUT_RDWR)


def _written(base_url: str, request: Request) -> bytes:
    parts = urlsplit(base_url)
    lines = [f"{request.method} {parts.path}{request.target} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    body = request.body if request.framed is None else request.framed
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body


def _answer(connection: socket.socket, request: Request) -> tuple[Response | None, Failure | None, str]:
    answer = Answer(connection, method=request.method)
    answer.begin()
    body = decoded(answer.read(BODY_LIMIT), answer.getheader("Content-Encoding", ""))
    if body is None:
        return None, Failure.OVERSIZED, f"the decompressed body is over {BODY_LIMIT} bytes"
    headers = tuple((str(name), str(value)) for name, value in answer.getheaders())
    return Response(answer.status, answer.reason, headers, body), None, ""
