"""HTTP as the mock reads it: uvicorn's protocol with a limit on the head of a request, which it lacks."""

import asyncio
from typing import Any, cast

from starlette.responses import PlainTextResponse
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

LONGEST_HEAD = 32 * 1024
"""Bytes of URL and headers together beyond which a request is refused with 431."""

_TEXT = f"Request line and headers are longer than {LONGEST_HEAD} bytes.\n"
_too_long = PlainTextResponse(_TEXT, 431, headers={"connection": "close"})
_TOO_LONG = (
    f"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    f"content-length: {len(_TEXT)}\r\nconnection: close\r\n\r\n{_TEXT}"
).encode("ascii")


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
    """Refuses a request whose head is too long, as soon as that shows."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._in_head = True
        self._unfinished = 0
        self._longest_possible = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection."""
        super().connection_made(cast("asyncio.Transport", Gathering(transport, self.loop)))

    def data_received(self, data: bytes) -> None:
        """Take bytes from the network; give up on a head that does not end."""
        if self._in_head:
            self._unfinished += len(data)
        self._longest_possible = max(self._unfinished, len(data))
        super().data_received(data)
        if self._in_head and self._unfinished > LONGEST_HEAD and not self.transport.is_closing():
            self.transport.write(_TOO_LONG)
            self.transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head. One that comes behind the body is none of the request's (RFC 9110, 6.5.1)."""
        if self._in_head:
            self.scope.setdefault("header_names", []).append(name)  # type: ignore[typeddict-item]
            super().on_header(name, value)
        else:
            self.scope.setdefault("trailers", []).append((name.lower(), value))  # type: ignore[typeddict-item]

    def on_headers_complete(self) -> None:
        """Start answering the request, or refuse it."""
        self._in_head = False
        app = self.app
        if self._longest_possible > LONGEST_HEAD and self._head() > LONGEST_HEAD:
            self.app = _too_long
        try:
            super().on_headers_complete()
        finally:
            self.app = app

    def _head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def on_message_complete(self) -> None:
        """Expect the next request's head."""
        super().on_message_complete()
        self._in_head, self._unfinished = True, 0
