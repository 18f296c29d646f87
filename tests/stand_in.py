"""A stand-in for any HTTP server: a function gives each answer."""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

LOOKS_EVERY = 0.005
"""Seconds between two looks whether it is to stop."""


@dataclass(frozen=True)
class Asked:
    """A request as it came in. Names of header fields are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON; None if there is none."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def standing_in(answer: Callable[[Asked], Told], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve on the loopback address; provide the URL, without a slash at its end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told = answer(Asked(self.command, self.path, headers, body))
            self.send_response_only(told.status)
            for name, value in {"Content-Length": str(len(told.body)), **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(told.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def finish_request(self, request: Any, client_address: Any) -> None:
            with suppress(OSError):  # whoever connects may go when it has seen the certificate
                if tls is None:
                    super().finish_request(request, client_address)
                    return
                with tls.wrap_socket(request, server_side=True) as secured:
                    super().finish_request(secured, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    server.block_on_close = False  # a connection that is kept open would keep it waiting
    thread = Thread(target=server.serve_forever, args=(LOOKS_EVERY,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
