"""One exchange over HTTP: exact bytes out, at most so many bytes and seconds in, no following, no repeating."""

import http
import http.client
import re
import socket
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from io import BufferedReader
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.response import assert_header_parsing

from refund_conformance.transport import tls
from refund_conformance.transport.deadline import Guard
from refund_conformance.transport.exchange import Exchange, Failure, Headers, Request, Response

BODY_LIMIT = 1024 * 1024
"""Bytes of an answer's body that are read at most, compressed or not."""

_BLOCK = 64 * 1024
_LONGEST_LINE = 65536
"""Bytes of a line with the size of a chunk."""

_BODILESS = frozenset({101, 204, 304})
"""Statuses after which no body comes, whatever the header says."""

_CODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class Wire:
    """A connection to a target, kept alive between exchanges. Not for use by two threads at once.

    ``timeout`` is the time in seconds for one whole answer. ``proxy`` and ``ca_bundle`` are honoured as given;
    nothing is taken from the environment.
    """

    def __init__(self, base_url: str, timeout: float, proxy: str | None, ca_bundle: str | None) -> None:
        self._base_url = base_url
        self._base_path = urlsplit(base_url).path
        self._timeout = timeout
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._guard = Guard()
        self._line = _Line()
        trusted = tls.context(ca_bundle) if base_url.startswith("https:") else None
        self._adapter = _Adapter(self._guard, self._line, trusted)

    def send(self, request: Request) -> Exchange:
        """Send a request once and return what came of it. Never raises for anything that the target does."""
        started, clock = time.time(), time.perf_counter()
        with self._guard.deadline(self._timeout) as guard:
            response, failure, detail = self._attempt(request)
        if guard.struck:
            connected = failure is None or failure.connected
            response, failure = None, Failure.TIMEOUT if connected else Failure.UNREACHABLE
            detail = f"no {'whole answer' if connected else 'connection'} within {self._timeout:g} s"
        if failure:
            self.close()
        return Exchange(request, response, failure, detail, started, time.perf_counter() - clock)

    def cut(self) -> None:
        """End the exchange that another thread waits for, if there is one."""
        self._guard.strike()

    def close(self) -> None:
        """Close the connection."""
        self._adapter.close()
        self._guard.release()

    def _attempt(self, request: Request) -> tuple[Response | None, Failure | None, str]:
        try:
            prepared = requests.PreparedRequest()  # not prepare(), which would normalize the URL
            prepared.method = request.method
            self._line.begun = False
            prepared.url = self._line.absolute = self._base_url + request.target
            self._line.path = self._base_path + request.target
            prepared.headers = _mapped((*request.headers, ("Content-Length", str(len(request.body)))))
            prepared.body = request.body
            answer: Any = self._adapter.send(prepared, stream=True, timeout=self._timeout, proxies=self._proxies)
            return _read(answer, request.method)
        except requests.exceptions.SSLError as problem:
            if self._line.begun:
                return None, Failure.CLOSED, f"TLS: {_reason(problem)}"
            untrusted = any(isinstance(link, ssl.SSLCertVerificationError) for link in _chain(problem))
            return None, Failure.UNTRUSTED if untrusted else Failure.UNREACHABLE, f"TLS: {_reason(problem)}"
        except requests.exceptions.ConnectTimeout:
            return None, Failure.UNREACHABLE, f"no connection within {self._timeout:g} s"
        except (requests.exceptions.Timeout, urllib3.exceptions.ReadTimeoutError, TimeoutError):
            return None, Failure.TIMEOUT, f"no whole answer within {self._timeout:g} s"
        except requests.exceptions.ConnectionError as problem:
            return None, failure_of(problem), _reason(problem)
        except (
            *(requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException),
            *(OSError, ValueError, zlib.error),
        ) as problem:
            return None, failure_of(problem), _reason(problem)


def _read(raw: urllib3.HTTPResponse, method: str) -> tuple[Response | None, Failure | None, str]:
    lengths = [length.strip(" \t") for length in raw.headers.getlist("Content-Length")]
    for length in lengths:
        if not length.isdecimal():
            return None, Failure.BROKEN, f"Content-Length is no number: {_printable(length[:200])}"
    body = bytearray()
    while block := raw.read(_BLOCK, decode_content=False):
        body += block
        if len(body) > BODY_LIMIT:
            raw.close()
            return None, Failure.OVERSIZED, f"the body is over {BODY_LIMIT} bytes"
    bodiless = method == "HEAD" or raw.status in _BODILESS
    for length in lengths:
        if len(body) < int(length) and not bodiless:
            return None, Failure.CUT, f"the body ended after {len(body)} of {length[:20]} bytes"
    plain = decoded(bytes(body), raw.headers.get("Content-Encoding", ""))
    if plain is None:
        return None, Failure.OVERSIZED, f"the decompressed body is over {BODY_LIMIT} bytes"
    headers = tuple((str(name), str(value)) for name, value in raw.headers.items())
    return Response(raw.status, str(raw.reason or ""), headers, plain), None, ""


def _mapped(fields: Headers) -> Any:
    """Return header fields as a mapping: a plain one, which is quicker, unless a field stands there twice."""
    mapped = dict(fields)
    return mapped if len(mapped) == len(fields) else urllib3.HTTPHeaderDict(fields)


def decoded(body: bytes, coding: str) -> bytes | None:
    """Undo a content coding, up to the size limit; None if it goes over. Raises zlib.error if it is broken."""
    window = _CODINGS.get(coding.strip().lower())
    if window is None or not body:
        return body
    stream = zlib.decompressobj(window)
    plain = stream.decompress(body, BODY_LIMIT + 1)
    if len(plain) > BODY_LIMIT:
        return None
    if not stream.eof:
        raise zlib.error("the compressed body ends too early")
    return plain


class EndedError(http.client.HTTPException):
    """The connection ended in the middle of the status line, a header, or the size of a chunk."""


_KINDS: dict[Failure, tuple[type[BaseException], ...]] = {
    Failure.UNREACHABLE: (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ProxyError,
    ),
    Failure.TIMEOUT: (urllib3.exceptions.ReadTimeoutError, TimeoutError),
    Failure.CUT: (urllib3.exceptions.IncompleteRead, http.client.IncompleteRead, EndedError),
    Failure.CLOSED: (ConnectionError, ssl.SSLError, urllib3.exceptions.SSLError),
}


DETAILS = {
    Failure.CLOSED: "the connection ended before an answer",
    Failure.CUT: "the connection ended in the middle of the answer",
}
"""How the loss of a connection is reported where the exception says nothing more."""


def failure_of(problem: BaseException) -> Failure:
    """Return the failure that an exception stands for, by types alone: its text may be what the target sent."""
    links = list(_chain(problem))
    for failure, types in _KINDS.items():
        if any(isinstance(link, types) for link in links):
            return failure
    return Failure.BROKEN


def _reason(problem: BaseException) -> str:
    """Return the innermost reason, without addresses of objects and of bounded length."""
    *_, innermost = _chain(problem)
    text = str(innermost) or type(innermost).__name__
    return _printable(text.rpartition(">: ")[2][:200])


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it stems from, one after the other."""
    yield problem
    inner = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)
    nested = next((arg for arg in problem.args if isinstance(arg, BaseException)), None)
    following = nested or getattr(problem, "reason", None) or inner
    if isinstance(following, BaseException) and following is not problem:
        yield from _chain(following)


def _printable(text: str) -> str:
    """Return a text that a terminal shows and does not obey."""
    return re.sub(r"[^ -~]", lambda match: ascii(match[0])[1:-1], text)


class Answer(http.client.HTTPResponse):
    """http.client's answer, without its trust in what is sent."""

    def begin(self) -> None:
        """Read the header, and refuse one that is cut, or has a line that is no field.

        urllib3 would let it pass, and log what is left over with a traceback, secrets and all.
        """
        lines = _Lines(self.fp)
        self.fp = lines  # type: ignore[assignment]
        try:
            super().begin()
        except http.client.BadStatusLine:
            if lines.last.startswith(b"HTTP/") and not lines.last.endswith(b"\n"):
                raise EndedError("the status line ends in the middle") from None
            raise
        finally:
            self.fp = lines.file
        if lines.last not in (b"\r\n", b"\n"):
            raise EndedError("the header ends in the middle")
        try:
            assert_header_parsing(self.msg)
        except urllib3.exceptions.HeaderParsingError:
            raise http.client.HTTPException("the header has a line that is no field") from None

    def _read_status(self) -> tuple[str, int, str]:
        """Pass over every interim answer (RFC 9110, 15.2), not only 100; but 101, after which no HTTP comes."""
        version, status, reason = super()._read_status()  # type: ignore[misc]
        interim = 100 <= status < 200 and status != http.HTTPStatus.SWITCHING_PROTOCOLS
        return version, http.HTTPStatus.CONTINUE if interim else status, reason

    def _read_next_chunk_size(self) -> int:
        """Tell the end of the connection from a size that is no number."""
        line: bytes = self.fp.readline(_LONGEST_LINE)
        if len(line) == _LONGEST_LINE:
            raise http.client.HTTPException("the size of a chunk has no end")
        if not line.endswith(b"\n"):
            raise EndedError("the body ends in the size of a chunk")
        size = line.partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]+", size):
            raise http.client.HTTPException("the size of a chunk is no number")
        return int(size, 16)

    def _safe_read(self, amt: int) -> bytes:
        """Refuse a chunk of negative size, which would be read to the end of the connection."""
        if amt < 0:
            raise http.client.HTTPException("a chunk of negative size")
        data: bytes = super()._safe_read(amt)  # type: ignore[misc]
        return data


class _Lines:
    """A stream that remembers the last line read from it."""

    def __init__(self, file: BufferedReader) -> None:
        self.file = file
        self.last = b""

    def readline(self, limit: int) -> bytes:
        self.last = self.file.readline(limit)
        return self.last

    def close(self) -> None:
        self.file.close()

    def flush(self) -> None:
        self.file.flush()


class _Line:
    """The target of the request that is being sent, as it is meant: urllib3 would write it its own way."""

    path = ""
    absolute = ""
    begun = False
    """Whether the request is being written: what happens to TLS from then on is a loss of the connection."""


def _guarded(connection: type[HTTPConnection], guard: Guard, line: _Line) -> type[HTTPConnection]:
    class Guarded(connection):  # type: ignore[misc, valid-type]
        response_class = Answer

        def putrequest(self, method: str, url: str, *args: Any, **options: Any) -> None:
            line.begun = True
            super().putrequest(method, line.path if url.startswith("/") else line.absolute, *args, **options)

        def _new_conn(self) -> socket.socket:
            connected: socket.socket = super()._new_conn()
            guard.watch(connected)
            return connected

    return Guarded


class _Adapter(HTTPAdapter):
    """requests' adapter with a single connection that the guard watches."""

    def __init__(self, guard: Guard, line: _Line, trusted: ssl.SSLContext | None) -> None:
        self._trusted = trusted
        self._pools = _guarded_pools(guard, line)
        self._pool: Any = None
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def build_connection_pool_key_attributes(self, *args: Any, **options: Any) -> Any:
        """Give the pool a context that is made once, in place of the place of the authorities."""
        host, _ = super().build_connection_pool_key_attributes(*args, **options)
        return host, {"ssl_context": self._trusted}

    def cert_verify(self, *args: Any, **options: Any) -> None:
        """Leave the pool's connections alone: their context knows the authorities."""

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Look the pool up once until it is closed: all requests of a wire go to the same place."""
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(*args, **options)
        return self._pool

    def close(self) -> None:
        self._pool = None
        super().close()

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> Any:
        """Return urllib3's answer as it is: nobody asks for cookies, or for a guess at the text's encoding."""
        return resp

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _guarded_pools(guard: Guard, line: _Line) -> Mapping[str, type[urllib3.HTTPConnectionPool]]:
    plain, secured = _guarded(HTTPConnection, guard, line), _guarded(HTTPSConnection, guard, line)
    http_pool = type("Pool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain})
    https_pool = type("Pool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": secured})
    return {"http": http_pool, "https": https_pool}
