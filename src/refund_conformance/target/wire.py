"""One exchange over HTTP: exact bytes out, at most so many bytes and seconds in, no following, no repeating."""

import http.client
import socket
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from refund_conformance.exchange import Exchange, Failure, Request, Response

BODY_LIMIT = 1024 * 1024
"""Bytes of an answer's body that are read at most, compressed or not."""

_BLOCK = 64 * 1024
_CODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class Wire:
    """A connection to a target, kept alive between exchanges. Not for use by two threads at once.

    ``timeout`` is the time in seconds for one whole answer. ``proxy`` and ``ca_bundle`` are honoured as given;
    nothing is taken from the environment.
    """

    def __init__(self, base_url: str, timeout: float, proxy: str | None, ca_bundle: str | None) -> None:
        self._base_url = base_url
        self._timeout = timeout
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._verify: str | bool = ca_bundle or True
        self._guard = _Guard()
        self._adapter = _Adapter(self._guard)

    def send(self, request: Request) -> Exchange:
        """Send a request once and return what came of it. Never raises for anything that the target does."""
        started, clock = time.time(), time.perf_counter()
        with self._guard.deadline(self._timeout) as guard:
            response, failure, detail = self._attempt(request)
        if guard.struck:
            response, failure = None, Failure.TIMEOUT
            detail = f"no whole answer within {self._timeout:g} s"
        if failure:
            self._adapter.close()
        return Exchange(request, response, failure, detail, started, time.perf_counter() - clock)

    def close(self) -> None:
        """Close the connection."""
        self._adapter.close()
        self._guard.release()

    def _attempt(self, request: Request) -> tuple[Response | None, Failure | None, str]:
        try:
            prepared = requests.PreparedRequest()  # not prepare(), which would normalize the URL
            prepared.method = request.method
            prepared.url = self._base_url + request.target
            prepared.headers = requests.structures.CaseInsensitiveDict(request.headers)
            prepared.headers["Content-Length"] = str(len(request.body))
            prepared.body = request.body
            answer = self._adapter.send(
                prepared, stream=True, timeout=self._timeout, verify=self._verify, proxies=self._proxies
            )
            return self._read(answer)
        except requests.exceptions.SSLError as problem:
            return None, Failure.UNREACHABLE, f"TLS: {_reason(problem)}"
        except requests.exceptions.ConnectTimeout:
            return None, Failure.UNREACHABLE, f"no connection within {self._timeout:g} s"
        except (requests.exceptions.Timeout, TimeoutError):
            return None, Failure.TIMEOUT, f"no whole answer within {self._timeout:g} s"
        except requests.exceptions.ConnectionError as problem:
            return None, _kind(problem), _reason(problem)
        except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException) as problem:
            return None, Failure.BROKEN, _reason(problem)
        except (OSError, ValueError, zlib.error) as problem:
            return None, Failure.BROKEN, _reason(problem)

    def _read(self, answer: requests.Response) -> tuple[Response | None, Failure | None, str]:
        raw = answer.raw
        body = bytearray()
        while block := raw.read(_BLOCK, decode_content=False):
            body += block
            if len(body) > BODY_LIMIT:
                raw.close()
                return None, Failure.OVERSIZED, f"the body is over {BODY_LIMIT} bytes"
        expected = raw.headers.get("Content-Length", "")
        if expected.isdecimal() and len(body) < int(expected) and answer.request.method != "HEAD":
            return None, Failure.BROKEN, f"the body ended after {len(body)} of {expected[:20]} bytes"
        decoded = _decoded(bytes(body), raw.headers.get("Content-Encoding", ""))
        if decoded is None:
            return None, Failure.OVERSIZED, f"the decompressed body is over {BODY_LIMIT} bytes"
        headers = tuple((str(name), str(value)) for name, value in raw.headers.items())
        return Response(answer.status_code, str(answer.reason or ""), headers, decoded), None, ""


def _decoded(body: bytes, coding: str) -> bytes | None:
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


def _kind(problem: Exception) -> Failure:
    text = repr(problem)
    if any(sign in text for sign in ("NewConnectionError", "NameResolutionError", "ProxyError", "SSLError")):
        return Failure.UNREACHABLE
    if "RemoteDisconnected" in text or "ConnectionResetError" in text or "BrokenPipeError" in text:
        return Failure.CLOSED
    if "ReadTimeoutError" in text or "timed out" in text:
        return Failure.TIMEOUT
    return Failure.BROKEN


def _reason(problem: BaseException) -> str:
    """Return the innermost reason, without addresses of objects and of bounded length."""
    while True:
        inner = problem.__cause__ or problem.__context__
        nested = next((arg for arg in problem.args if isinstance(arg, BaseException)), None)
        following = nested or getattr(problem, "reason", None) or inner
        if not isinstance(following, BaseException) or following is problem:
            break
        problem = following
    text = str(problem) or type(problem).__name__
    return text.rpartition(">: ")[2][:200]


class _Guard:
    """Ends whatever the connection waits for when the time for the whole answer is over."""

    def __init__(self) -> None:
        self.struck = False
        self._socket: socket.socket | None = None

    @contextmanager
    def deadline(self, seconds: float) -> Iterator["_Guard"]:
        self.struck = False
        timer = threading.Timer(seconds, self._strike)
        timer.daemon = True
        timer.start()
        try:
            yield self
        finally:
            timer.cancel()

    def watch(self, connection: socket.socket) -> None:
        """Watch a new connection, through a duplicate: TLS takes the socket itself apart."""
        self.release()
        self._socket = connection.dup()

    def release(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _strike(self) -> None:
        self.struck = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _guarded(connection: type[HTTPConnection], guard: _Guard) -> type[HTTPConnection]:
    class Guarded(connection):  # type: ignore[misc, valid-type]
        def _new_conn(self) -> socket.socket:
            connected: socket.socket = super()._new_conn()
            guard.watch(connected)
            return connected

    return Guarded


class _Adapter(HTTPAdapter):
    """requests' adapter with a single connection that the guard watches."""

    def __init__(self, guard: _Guard) -> None:
        self._guard = guard
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _guarded_pools(self._guard)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _guarded_pools(self._guard)
        return manager


def _guarded_pools(guard: _Guard) -> Mapping[str, type[urllib3.HTTPConnectionPool]]:
    http_pool = type("Pool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": _guarded(HTTPConnection, guard)})
    https_pool = type("Pool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": _guarded(HTTPSConnection, guard)})
    return {"http": http_pool, "https": https_pool}
