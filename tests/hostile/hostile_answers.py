"""Hostile ways to serve a connection, by name: what a target may do that no target should."""

import gzip
import json
import random
import threading
import zlib
from collections.abc import Callable, Mapping
from functools import cache

from hostile_server import Peer, Received, Serve

Catalogue = Mapping[str, Callable[[], Serve]]
"""By name, how to make each; a server has one of its own."""

Answer = Callable[[Received], bytes]

JSON = b"Content-Type: application/json\r\n"
_BLOCK = b"x" * 65536
_ESCAPES = b'{"errors": [{"error": 110, "message": "\\u001b[2J"}], "\x7f\xc2\x9b": 1}'
_MIB = 1024 * 1024


def message(body: bytes, status: str = "200 OK", headers: bytes = JSON) -> bytes:
    """Return a whole answer with the right length."""
    return (
        b"HTTP/1.1 %s\r\n" % status.encode("latin-1") + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body
    )


def answering(answer: Answer | bytes) -> Serve:
    """Answer each request of a connection, and keep the connection."""

    def serve(peer: Peer) -> None:
        while (request := peer.receive()) is not None:
            peer.send(answer if isinstance(answer, bytes) else answer(request))

    return serve


def ending(data: bytes) -> Serve:
    """Answer the first request with these bytes, and close the connection."""

    def serve(peer: Peer) -> None:
        peer.receive()
        peer.send(data)

    return serve


def staying(data: bytes) -> Serve:
    """Answer the first request with these bytes, and say no more."""

    def serve(peer: Peer) -> None:
        peer.receive()
        peer.send(data)
        peer.hold()

    return serve


def dripping(data: bytes, before: bytes = b"") -> Serve:
    """Answer with the first bytes at once, and the others one a second."""

    def serve(peer: Peer) -> None:
        peer.receive()
        peer.send(before)
        peer.drip(data)

    return serve


def flooding(before: bytes, block: bytes = _BLOCK) -> Serve:
    """Answer with the first bytes, and the block again and again."""

    def serve(peer: Peer) -> None:
        peer.receive()
        peer.send(before)
        peer.flood(block)

    return serve


def closing(peer: Peer) -> None:
    """Close the connection at once."""


def hearing_and_closing(peer: Peer) -> None:
    """Close the connection when the request is there."""
    peer.receive()


def resetting(peer: Peer) -> None:
    """Reset the connection when the request is there."""
    peer.receive()
    peer.reset()


def silent(peer: Peer) -> None:
    """Take everything and say nothing."""
    peer.hold()


def answering_twice(peer: Peer) -> None:
    """Send with each answer another one, which nobody asked for."""
    while peer.receive() is not None:
        peer.send(message(b"{}"))
        peer.send(message(b'{"errors": [{"error": 15060, "message": "x"}]}', "404 Not Found"))


def random_bytes(peer: Peer) -> None:
    """Answer with noise."""
    peer.receive()
    peer.send(random.Random(4).randbytes(20_000))


def redirecting(location: str) -> Serve:
    """Answer each request with a redirect; ``{}`` in the location is the number of the request."""
    counted = _Count()

    def redirect(request: Received) -> bytes:
        number = counted.next()
        status = ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent")[number % 5]
        return message(b"", status, b"Location: %s\r\n" % location.format(number).encode())

    return answering(redirect)


def mirrored_token(form: str) -> Serve:
    """Answer with the request's own authorization: as body, header, status line, or no HTTP at all.

    Without authorization the answer is lawful.
    """

    def mirror(request: Received) -> bytes:
        text = request.header("AuthorizationJWT")
        if not text:
            return message(b'{"errors": [{"error": 1008, "message": "JWT Token not found"}]}', "401 Unauthorized")
        token = text.encode("latin-1")
        forms = {
            "body": lambda: message(json.dumps({"you": text}).encode(), "400 Bad Request"),
            "error": lambda: message(_errors(text), "400 Bad Request"),
            "code": lambda: message(json.dumps({"errors": [{"error": text, "message": 1}]}).encode()),
            "list": lambda: message(json.dumps([text] * 3).encode(), "404 Not Found"),
            "header": lambda: message(
                b"", "200 OK", b"X-You: %s\r\nLocation: /?%s\r\nSet-Cookie: a=%s\r\n" % ((token,) * 3)
            ),
            "type": lambda: message(_errors("x"), "400 Bad", b"Content-Type: %s\r\n" % token.partition(b" ")[2]),
            "reason": lambda: message(b"", f"401 {text}"),
            "status-line": lambda: token + b"\r\n\r\n",
            "status": lambda: message(b"", text),
            "length": lambda: b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n" % token,
            "lengths": lambda: b"HTTP/1.1 200 OK\r\nContent-Length: 1, %s\r\n\r\n" % token,
            "chunk": lambda: _chunks(token),
        }
        return forms[form]()

    return answering(mirror)


def _errors(text: str) -> bytes:
    return json.dumps({"errors": [{"error": 110, "message": text}]}).encode()


class _Count:
    def __init__(self) -> None:
        self._number = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            self._number += 1
            return self._number


@cache
def _gzip_bomb(size: int) -> bytes:
    """Return gzip data of few bytes that unfolds to ``size`` zero bytes."""
    press = zlib.compressobj(6, zlib.DEFLATED, 31)
    parts = [press.compress(bytes(16 * _MIB)) for _ in range(size // (16 * _MIB))]
    return b"".join((*parts, press.flush()))


def _chunks(size: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n" % size


def _zipped(body: bytes, coding: bytes = b"gzip") -> bytes:
    return message(body, headers=JSON + b"Content-Encoding: %s\r\n" % coding)


HEAD = b"HTTP/1.1 200 OK\r\n"

CLOSED: Catalogue = {
    # The connection ends before an answer begins.
    "accepted-and-closed": lambda: closing,
    "heard-and-closed": lambda: hearing_and_closing,
    "reset": lambda: resetting,
    "continue-and-closed": lambda: ending(b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
}
LATE: Catalogue = {
    # There is no whole answer in time.
    "silence": lambda: silent,
    "drip-in-the-status-line": lambda: dripping(message(b"{}")),
    "drip-in-the-header": lambda: dripping(b"X-Drip: " + b"x" * 600, HEAD),
    "drip-in-the-body": lambda: dripping(b"x" * 600, HEAD + b"Content-Length: 600\r\n\r\n"),
    "drip-in-a-chunk": lambda: dripping(b"x" * 600, _chunks(b"fff")),
    "drip-in-the-trailer": lambda: dripping(b"X: " + b"x" * 600, _chunks(b"0")),
    "header-without-end": lambda: staying(HEAD + JSON),
    "body-without-end": lambda: staying(HEAD + b"Content-Length: 10\r\n\r\n{}"),
    "endless-continue": lambda: flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
    "endless-processing": lambda: flooding(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 500),
    "endless-trailers": lambda: flooding(_chunks(b"0"), b"X-Trailer: y\r\n" * 1000),
}
BROKEN: Catalogue = {
    # What comes is no HTTP message.
    "endless-status-line": lambda: flooding(b"HTTP/1.1 200 "),
    "endless-header-line": lambda: flooding(HEAD + b"X-Endless: "),
    "endless-headers": lambda: flooding(HEAD, b"X-Endless: y\r\n" * 1000),
    "giant-header": lambda: ending(HEAD + b"X-Giant: " + b"x" * 4 * _MIB + b"\r\n\r\n"),
    "ten-thousand-headers": lambda: ending(HEAD + b"X-Many: y\r\n" * 10_000 + b"\r\n"),
    "endless-chunk-size": lambda: flooding(_chunks(b"1").removesuffix(b"1\r\n"), b"0" * 1000),
    "negative-chunk": lambda: flooding(_chunks(b"-1")),
    "bad-chunk-size": lambda: ending(_chunks(b"zz") + b"{}\r\n0\r\n\r\n"),
    "empty-chunk-size": lambda: ending(_chunks(b"") + b"{}\r\n0\r\n\r\n"),
    "broken-gzip": lambda: answering(_zipped(gzip.compress(b"{}" * 500)[:20] + b"broken" * 20)),
    "no-gzip-at-all": lambda: answering(_zipped(b'{"errors": []}')),
    "cut-gzip": lambda: answering(_zipped(gzip.compress(b"{}" * 500)[:-12])),
    "header-line-without-colon": lambda: ending(HEAD + b"no colon here\r\nContent-Length: 0\r\n\r\n"),
    "header-line-without-name": lambda: ending(HEAD + b": nameless\r\nContent-Length: 0\r\n\r\n"),
    "header-name-with-space": lambda: ending(HEAD + b"X Y: z\r\nContent-Length: 0\r\n\r\n"),
    "header-name-of-odd-bytes": lambda: ending(HEAD + b"\xff\x00\x1b[2J: x\r\nContent-Length: 0\r\n\r\n"),
    "random-bytes": lambda: random_bytes,
    "http-0.9": lambda: ending(b'{"errors": []}'),
    "http-9.9": lambda: ending(message(b"{}").replace(b"HTTP/1.1", b"HTTP/9.9")),
    "another-protocol": lambda: ending(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "bytes-before-the-status-line": lambda: ending(b'{"left": "over"}\r\n' + message(b"{}")),
    "empty-line-before-everything": lambda: ending(b"\r\n\r\n"),
    "negative-length": lambda: ending(HEAD + b"Content-Length: -5\r\n\r\n{}"),
    "length-of-letters": lambda: ending(HEAD + b"Content-Length: two\r\n\r\n{}"),
    "length-of-20000-digits": lambda: ending(HEAD + b"Content-Length: " + b"9" * 20_000 + b"\r\n\r\n{}"),
    "two-lengths": lambda: ending(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
    "status-000": lambda: ending(message(b"{}", "000 Nothing")),
    "status-99999": lambda: ending(message(b"{}", "99999 Much")),
    "status-of-letters": lambda: ending(message(b"{}", "abc")),
    "negative-status": lambda: ending(message(b"{}", "-200 OK")),
}
CUT: Catalogue = {
    # The connection ends in the middle of the answer.
    "chunk-too-short": lambda: ending(_chunks(b"ff") + b"{}\r\n0\r\n\r\n"),
    "chunks-without-end": lambda: ending(_chunks(b"2") + b"{}\r\n"),
    "short-body": lambda: ending(HEAD + b"Content-Length: 500\r\n\r\n{}"),
    "header-cut-in-a-line": lambda: ending(HEAD + b"Content-Le"),
    "header-cut-between-lines": lambda: ending(HEAD + b"Content-Type: text/plain\r\n"),
}
OVERSIZED: Catalogue = {
    # The body is over the limit, as it comes or unfolded.
    "endless-body": lambda: flooding(HEAD + b"\r\n"),
    "endless-body-with-length": lambda: flooding(HEAD + b"Content-Length: 99999999999999999999\r\n\r\n"),
    "endless-chunk": lambda: flooding(_chunks(b"FFFFFFFFFFFFFFFFFFFFFFFF")),
    "gzip-bomb": lambda: answering(_zipped(_gzip_bomb(128 * _MIB))),
    "deflate-bomb": lambda: answering(_zipped(zlib.compress(bytes(64 * _MIB), 9), b"deflate")),
    "oversized-body": lambda: answering(message(b" " * (2 * _MIB))),
}
GATEWAY: Catalogue = {
    # There is an answer, and it says nothing.
    "429-for-ever": lambda: answering(message(b"", "429 Too Many Requests", b"Retry-After: 3600\r\n")),
    "503-for-ever": lambda: answering(message(b"", "503 Service Unavailable", b"Retry-After: 3600\r\n")),
    "502-for-ever": lambda: answering(message(b"<html>", "502 Bad Gateway", b"Retry-After: -1e999\r\n")),
}

WRONG: Catalogue = {
    # There is a whole answer, and it is wrong.
    "redirect-loop": lambda: redirecting("/v1/order/{}/refund"),
    "redirect-nowhere": lambda: redirecting("http://[broken:99999999/%zz"),
    "hundreds-of-continue": lambda: answering(b"HTTP/1.1 100 Continue\r\n\r\n" * 500 + message(b"{}")),
    "answer-nobody-asked-for": lambda: answering_twice,
    "invalid-utf-8": lambda: answering(message(b'{"errors": "\xff\xfe\xc0\x80"}', "400 Bad Request")),
    "number-of-20000-digits": lambda: answering(message(_digits(20_000), "400 Bad Request")),
    "number-of-4000-digits": lambda: answering(message(_digits(4_000), "400 Bad Request")),
    "number-beyond-float": lambda: answering(message(b'{"errors": [{"error": 1e999, "message": "x"}]}', "400 No")),
    "number-of-float-size": lambda: answering(
        message(b'{"errors": [{"error": 1e308, "message": "x"}]}', "400 No")
    ),
    "brackets-200000": lambda: answering(message(b"[" * 200_000, "400 Bad Request")),
    "brackets-closed": lambda: answering(message(b"[" * 200_000 + b"]" * 200_000, "400 Bad Request")),
    "brackets-900": lambda: answering(message(b'{"errors": %s}' % (b"[" * 900 + b"]" * 900), "400 Bad Request")),
    "lone-surrogates": lambda: answering(message(_errors("\ud800 \udfff"), "400 Bad Request")),
    "escape-sequences": lambda: answering(
        message(_ESCAPES, "404 \x1b[2J\x07\x9b", b"Content-Type: \x1b[2J\x9b\r\n")
    ),
    "no-reason": lambda: answering(message(b"{}", "200")),
    "nothing-but-200": lambda: answering(message(b"", "200 OK", b"")),
    "status-999": lambda: answering(message(b"{}", "999 Odd")),
    "status-101": lambda: answering(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: tea\r\n\r\n"),
    "status-204-with-body": lambda: ending(message(b"{}", "204 No Content")),
    "status-304-with-body": lambda: ending(message(b"{}", "304 Not Modified")),
    "cookies": lambda: answering(message(b"{}", headers=b"Set-Cookie: a=b; Expires=never; Max-Age=1e9\r\n" * 50)),
    "gzip-in-gzip": lambda: answering(_zipped(gzip.compress(gzip.compress(bytes(64 * _MIB))))),
    "early-hints": lambda: answering(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + message(b"{}")),
    "unknown-coding": lambda: answering(_zipped(b"{}", b"br, gzip, x")),
}


def _digits(count: int) -> bytes:
    return b'{"errors": [{"error": %s, "message": "x"}]}' % (b"9" * count)


def _fields(count: int) -> bytes:
    return json.dumps({"errors": [{"error": 15010, "message": "email description"}] * count}).encode()


HEAVY: Catalogue = {
    # Bodies under the limit that are dear to read.
    "errors-300000": lambda: answering(message(b'{"errors": [%s0]}' % (b"{}," * 300_000), "400 Bad Request")),
    "errors-20000-of-a-field": lambda: answering(message(_fields(20_000), "400 Bad Request")),
    "largest-body": lambda: answering(message(b"eyJhbGciOiJIUzI1NiJ9." * (_MIB // 21), "400 Bad Request")),
}
