"""A front before a lawful mock: it hands requests over, until one comes, or as many, that turns it hostile."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from hostile_server import Peer, RawServer, Received, Serve, serving

from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings

Turns = Callable[[Received], bool]
Change = Callable[[Received, bytes], bytes]

_PATIENCE = 30.0


class Front:
    """Serves connections by handing each request to a mock, but for those that ``turns`` is true for.

    Those are served by ``hostile``, which finds the request already received and ends the connection. ``change``
    may alter an answer of the mock.
    """

    def __init__(self, mock: RunningMock, turns: Turns, hostile: Serve, change: Change | None = None) -> None:
        self._upstream = urlsplit(mock.base_url)
        self._turns = turns
        self._hostile = hostile
        self._change = change

    def serve(self, peer: Peer) -> None:
        """Serve one connection."""
        upstream = http.client.HTTPConnection(self._upstream.hostname or "", self._upstream.port, _PATIENCE)
        try:
            while (request := peer.receive()) is not None:
                if self._turns(request):
                    peer.again(request)
                    self._hostile(peer)
                    return
                answer = _handed_over(upstream, request)
                peer.send(self._change(request, answer) if self._change else answer)
        finally:
            upstream.close()


def _handed_over(upstream: http.client.HTTPConnection, request: Received) -> bytes:
    """Return the mock's answer to a request, both as exact bytes but for the framing."""
    if upstream.sock is None:
        upstream.connect()
    upstream.sock.sendall(request.head + request.body)
    answer = http.client.HTTPResponse(upstream.sock, method=request.head.split(b" ", 1)[0].decode("latin-1"))
    answer.begin()
    body = answer.read()
    if answer.will_close:
        upstream.close()
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{k}: {v}" for k, v in answer.getheaders())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class After:
    """Is true for every request after so many, and calls ``then`` before the first of them."""

    def __init__(self, count: int, then: Callable[[], None] = lambda: None) -> None:
        self._left = count
        self._then = then
        self._lock = threading.Lock()

    def __call__(self, request: Received) -> bool:
        with self._lock:
            self._left -= 1
            if self._left == -1:
                self._then()
            return self._left < 0


@contextmanager
def fronted(
    turns: Turns, hostile: Serve, change: Change | None = None, mock: MockSettings | None = None
) -> Iterator[tuple[RawServer, str]]:
    """Run a mock and a front before it; provide the front's server, and target settings for it."""
    with ExitStack() as stack:
        lawful = stack.enter_context(running(mock or MockSettings()))
        server = stack.enter_context(serving(Front(lawful, turns, hostile, change).serve))
        yield server, lawful.target_toml().replace(lawful.base_url, server.url)
