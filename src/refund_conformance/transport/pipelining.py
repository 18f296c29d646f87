"""Several requests on one connection, each sent before the one before it is answered (RFC 9112, 9.3.2)."""

import http.client
import io
import socket
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from refund_conformance.transport import tls
from refund_conformance.transport.connection import BODY_LIMIT, Answer, decoded
from refund_conformance.transport.deadline import Guard
from refund_conformance.transport.exchange import Exchange, Failure, Request, Response


def pipelined(
    base_url: str, timeout: float, proxy: str | None, ca_bundle: str | None, requests: Sequence[Request]
) -> list[Exchange]:
    """Send requests at once and return the exchanges that were answered, in order: a server may close between.

    Nothing is sent through a proxy, which would not keep them together: the list is then empty.
    """
    if proxy:
        return []
    started, clock = time.time(), time.perf_counter()
    guard = Guard()
    done: list[Exchange] = []
    try:
        with guard.deadline(timeout), closing(connected(base_url, timeout, ca_bundle, guard)) as connection:
            connection.sendall(b"".join(written(base_url, request) for request in requests))
            for request, response in zip(requests, _responses(connection, requests), strict=False):
                done.append(Exchange(request, response, None, "", started, time.perf_counter() - clock))
    except (OSError, http.client.HTTPException, ValueError, zlib.error):
        if not done:
            detail = "no answer to requests that were sent one after the other at once"
            return [Exchange(requests[0], None, Failure.CLOSED, detail, started, time.perf_counter() - clock)]
    finally:
        guard.release()
    return done


def connected(base_url: str, timeout: float, ca_bundle: str | None, guard: Guard) -> socket.socket:
    """Connect; the guard watches the plain socket, since one of TLS cannot be duplicated."""
    parts = urlsplit(base_url)
    secure = parts.scheme == "https"
    address = (parts.hostname or "", parts.port or (443 if secure else 80))
    plain = socket.create_connection(address, timeout)
    guard.watch(plain)
    if not secure:
        return plain
    return tls.context(ca_bundle).wrap_socket(plain, server_hostname=parts.hostname)


def written(base_url: str, request: Request) -> bytes:
    parts = urlsplit(base_url)
    lines = [f"{request.method} {parts.path}{request.target} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    head = "\r\n".join([*lines, f"Content-Length: {len(request.body)}", "", ""])
    return head.encode("latin-1") + request.body


class _Shared:
    """Stands for a socket whose one buffered reader serves an answer after another, each of which may close it."""

    def __init__(self, reader: io.BufferedReader) -> None:
        self._reader = reader

    def makefile(self, mode: str) -> "_Shared":
        return self

    def close(self) -> None:
        """Leave the reader open for the next answer."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


def _responses(connection: socket.socket, requests: Sequence[Request]) -> Iterator[Response]:
    reader = connection.makefile("rb")
    for request in requests:
        answer = Answer(_Shared(reader), method=request.method)  # type: ignore[arg-type]
        answer.begin()
        body = decoded(answer.read(BODY_LIMIT), answer.getheader("Content-Encoding", ""))
        if body is None:
            return
        headers = tuple((str(name), str(value)) for name, value in answer.getheaders())
        yield Response(answer.status, answer.reason, headers, body)
        if answer.will_close:
            return
