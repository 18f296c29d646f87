"""HTTP as the mock reads it: uvicorn's protocol with limits on size and time, and whole requests only."""

import asyncio
from http import HTTPStatus
from typing import Any, cast

from starlette.responses import PlainTextResponse
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

LONGEST_HEAD = 32 * 1024
"""Bytes of URL, headers and trailers together beyond which a request is refused with 431."""

HEAD_SECONDS = 10.0
"""Time for a connection's first byte, and for the head of a request from its first byte on."""

BODY_SECONDS = 30.0
"""Time for the body of a request."""

EOF_SECONDS = 1.0
"""Time for an answer to a client that has closed its side: it may still read, or have gone."""

NAMES = "refund_conformance.names"
"""Key of the scope that has the headers' names as they were written."""

TRAILERS = "refund_conformance.trailers"
"""Key of the scope that has the trailer fields, which are no headers."""

TRANSPORT = "refund_conformance.transport"
"""Key of the scope that has the connection's transport."""

_LONG = f"Request line, headers and trailers are longer than {LONGEST_HEAD} bytes.\n"
_SLOW = "The request took too long to arrive.\n"
_BROKEN_OFF = "The request broke off.\n"
_too_long = PlainTextResponse(_LONG, 431, headers={"connection": "close"})


class Gathering:
    """A transport that writes at once what one turn of the event loop has for it: an answer's head and body."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write before the loop waits for the network again."""
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)

    def close(self) -> None:
        """Close when everything is written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._pieces:
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._transport.write(data)


class Protocol(HttpToolsProtocol):
    """Refuses a request that is too long, too slow, or not whole, after those before it have their answers."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._in_message = False
        self._in_head = True
        self._length = 0  # of URL, headers and trailers
        self._unfinished = 0  # bytes since the last piece of a body, or the end of a head or a request
        self._names: list[bytes] = []
        self._trailers: list[tuple[bytes, bytes]] = []
        self._refusal: bytes | None = None  # what is written before closing, once nothing more is read
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    # ---- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection."""
        super().connection_made(cast("asyncio.Transport", Gathering(transport, self.loop)))
        self._allow(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a connection."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the network; give up on a head, or on trailers, that do not end."""
        if self._refusal is not None:
            return
        self._unfinished += len(data)
        super().data_received(data)
        if max(self._length, self._unfinished) > LONGEST_HEAD and self._in_message and self._refusal is None:
            self._refuse(_answer(431, _LONG))

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what was received whole, though no more will come; return whether the connection stays open."""
        if self._in_message and self._refusal is None:
            self._refuse(_answer(400, _BROKEN_OFF))
        if not self._is_answering:
            return False
        self._refusal = self._refusal or b""
        self.loop.call_later(EOF_SECONDS, self.transport.close)
        return True

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(_answer(400, f"{msg}\n"))

    # ---- the parts of a request

    def on_message_begin(self) -> None:
        """Expect the head of a request."""
        super().on_message_begin()
        self._in_message = self._in_head = True
        self._names, self._trailers = [], []
        more = {NAMES: self._names, TRAILERS: self._trailers, TRANSPORT: self.transport}
        cast("dict[str, object]", self.scope).update(more)
        self._allow(HEAD_SECONDS)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head. One that comes behind the body is none of the request's (RFC 9110, 6.5.1)."""
        if self._in_head:
            self._names.append(name)
            super().on_header(name, value)
            return
        self._trailers.append((name.lower(), value))
        self._length += _size(name, value)

    def on_headers_complete(self) -> None:
        """Start answering the request, or refuse it."""
        app = self.app
        self._length = len(self.url) + sum(_size(name, value) for name, value in self.headers)
        if self._length > LONGEST_HEAD:
            self.app, self._length = _too_long, 0
        try:
            super().on_headers_complete()
        finally:
            self.app = app
        self._in_head = False
        self._unfinished = 0
        self._allow(BODY_SECONDS)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._unfinished = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Let the request be answered, and expect the next one's head."""
        if self._length > LONGEST_HEAD:
            return
        super().on_message_complete()
        self._in_message, self._in_head = False, True
        self._length = self._unfinished = 0
        self._deadline = None

    def on_response_complete(self) -> None:
        """Go on to the next request, or close the connection if nothing more is read from it."""
        is_last = not self.pipeline
        super().on_response_complete()
        if is_last and self._refusal is not None:
            self._close()

    # ---- giving up

    @property
    def _is_answering(self) -> bool:
        return bool(self.pipeline) or not (self.cycle is None or self.cycle.response_complete)

    def _refuse(self, answer: bytes) -> None:
        """Read nothing more, and close with this answer after those to the requests that came whole."""
        self._refusal = answer
        self._deadline = None
        if self._in_message and not self._in_head and self._forget_current():
            return
        if not self._is_answering:
            self._close()

    def _forget_current(self) -> bool:
        """Make nothing of the request whose body is being read; return whether that closed the connection."""
        if self.pipeline and self.pipeline[0][0] is self.cycle:
            self.pipeline.popleft()
            return False
        if self.cycle.response_started:
            self._refusal = b""
        self._close()
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        return True

    def _close(self) -> None:
        if self._refusal and not self.transport.is_closing():
            self.transport.write(self._refusal)
        self.transport.close()

    def _allow(self, seconds: float) -> None:
        self._deadline = self.loop.time() + seconds
        if self._timer is None:
            self._timer = self.loop.call_at(self._deadline, self._look_at_time)

    def _look_at_time(self) -> None:
        self._timer = None
        if self._deadline is None or self.transport.is_closing():
            return
        if self.flow.read_paused:  # what does not come is not the client's fault
            self._allow(BODY_SECONDS)
        elif self._deadline > self.loop.time():
            self._timer = self.loop.call_at(self._deadline, self._look_at_time)
        else:
            self._refuse(_answer(408, _SLOW) if self._in_message else b"")


def _size(name: bytes, value: bytes) -> int:
    return len(name) + len(value) + len(b": \r\n")


def _answer(status: int, text: str) -> bytes:
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
    return f"{head}content-length: {len(text)}\r\nconnection: close\r\n\r\n{text}".encode("ascii")
