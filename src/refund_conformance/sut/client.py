"""Send drafts to a target: headers, pace, bounded repetition of what says nothing, and a record of it all."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from time import monotonic, sleep

from refund_conformance import __version__
from refund_conformance.cases.case import Draft, Framing
from refund_conformance.cases.payloads import headers
from refund_conformance.cases.payloads.fields import MARK
from refund_conformance.contract.errors import TargetError
from refund_conformance.sut.settings import Settings
from refund_conformance.sut.tokens import Tokens
from refund_conformance.transport import raw
from refund_conformance.transport.concurrency_limit import Gate
from refund_conformance.transport.connection import Wire
from refund_conformance.transport.exchange import Exchange, Headers, Request
from refund_conformance.transport.pipelining import pipelined
from refund_conformance.transport.redaction import Redactor
from refund_conformance.transport.retry import TOO_MANY, asked_wait, repeated, says_nothing, was_not_taken

RUN_HEADER = "X-Refund-Conformance-Run"
"""Tells the target's operators which run a request belongs to."""


class Client:
    """The way to a target.

    ``record`` is called with every exchange that was made, secrets and all, and returns the exchange's number; it
    redacts before it keeps anything.
    """

    def __init__(
        self,
        settings: Settings,
        tokens: Tokens,
        redactor: Redactor,
        record: Callable[[Exchange], int],
        run: str = "none",
        in_flight: int = 1,
        media_type: str = "application/json",
    ) -> None:
        self.tokens = tokens
        self._settings = settings
        self._redactor = redactor
        self._record = record
        self._own = threading.local()
        self._pace = _Pace(settings.max_requests_per_second)
        self._run = run
        self._media_type = media_type
        self._lock = threading.Lock()
        self._gate = Gate(in_flight)
        self._wires: list[Wire] = []
        self._kept: set[str] = set()
        self._closed = False
        self.sent = 0
        for token in tokens.values():
            self._keep_secret(token)

    @contextmanager
    def fresh_wire(self) -> Iterator[Wire]:
        """Provide a connection of its own, closed afterwards."""
        wire = self._new_wire()
        try:
            yield wire
        finally:
            with self._lock:
                self._wires.remove(wire)
            wire.close()

    def renew_token(self, refused: str) -> None:
        """Log in again, unless another thread has got a new token since this one was refused."""
        self._keep_secret(self.tokens.renew(refused))

    def _keep_secret(self, token: str) -> None:
        if token in self._kept:
            return
        self._redactor.add(token)
        for forged in headers.forgeries(token).values():
            self._redactor.add(forged)
        self._kept.add(token)  # only now do others need not add it

    def allows(self, draft: Draft) -> bool:
        """Whether a draft's token allows its form of authorization; one that is no JWT allows few forgeries."""
        return self._authorization(draft) is not None

    def _authorization(self, draft: Draft) -> Headers | None:
        token = self.tokens.get(draft.credential)
        self._keep_secret(token)
        return draft.authorization(self._settings.header, token)

    def request(self, draft: Draft, order: str) -> Request | None:
        """Return the request that a draft makes for an order; None if the token allows no such request."""
        fields = self._authorization(draft)
        if fields is None:
            return None
        media = () if draft.content_type is None else (("Content-Type", draft.content_type),)
        general = (
            ("User-Agent", f"refund-conformance/{__version__}"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
            (RUN_HEADER, self._run),
        )
        own = tuple((draft.spelling(name), value) for name, value in (*media, *fields))
        body = draft.body.replace(MARK.encode(), f"{MARK[:-1]} {self._run[:8]}]".encode())
        request = Request(draft.method, draft.path(order), (*general, *own, *draft.extra_headers), body)
        return self._framed(request, draft)

    def _framed(self, request: Request, draft: Draft) -> Request:
        """Return a request with its body framed as the draft has it."""
        body, cut = request.body, draft.framing.is_cut
        if draft.framing is Framing.LENGTH:
            return request
        if draft.framing is Framing.CUT_LENGTH:
            framing, framed = ("Content-Length", str(2 * len(body))), body
        else:
            token = self.tokens.get(draft.credential)
            end = b"" if cut else raw.last_chunk(draft.trailer(self._settings.header, token) or ())
            framing, framed = ("Transfer-Encoding", "chunked"), raw.chunks(body) + end
        return replace(request, headers=(*request.headers, framing), framed=framed, cut=cut)

    def send(
        self,
        request: Request,
        wire: Wire | None = None,
        *,
        repeatable: bool = True,
        ahead: bool = False,
        waits: bool = True,
    ) -> Exchange:
        """Send a request. What says nothing is repeated, up to ATTEMPTS times.

        A request that is not ``repeatable`` is so only after a status which says that nothing was done with it.
        One that is sent ``ahead`` of its turn lets the others pass first; one that never ``waits`` goes out
        however many are in flight, as those must that are released together. Raises TargetError once the client is
        closed.
        """
        attempts = 0

        def attempt() -> Exchange:
            nonlocal attempts
            attempts += 1
            self._pace.wait()
            with self._lock:
                self.sent += 1
            with self._gate.passing(urgent=not ahead) if waits else nullcontext():
                self._require_open()
                exchange = self._exchange(request, wire)
            if exchange.response is not None and exchange.response.status == TOO_MANY:
                self._pace.hold(asked_wait(exchange) or 0.0)
            exchange = exchange if attempts == 1 else replace(exchange, attempts=attempts)
            return replace(exchange, number=self._record(exchange))

        if request.cut:
            return attempt()  # an answer of any kind will do, and so will none
        return repeated(attempt, says_nothing if repeatable else was_not_taken)

    def _exchange(self, request: Request, wire: Wire | None) -> Exchange:
        if request.framed is None:
            return (wire or self._wire()).send(request)
        settings = self._settings
        return raw.send_raw(settings.base_url, settings.timeout, settings.ca_bundle, request)

    def send_pipelined(self, requests: Sequence[Request]) -> list[Exchange]:
        """Send requests on one connection, none waiting for an answer; return the exchanges that were answered."""
        settings = self._settings
        for _ in requests:
            self._pace.wait()
        with self._lock:
            self.sent += len(requests)
        with self._gate.passing(urgent=True):
            exchanges = pipelined(
                settings.base_url, settings.timeout, settings.proxy, settings.ca_bundle, requests
            )
        return [replace(exchange, number=self._record(exchange)) for exchange in exchanges]

    def close(self) -> None:
        """Close the connections; whatever other threads wait for ends."""
        self._closed = True
        with self._lock:
            wires = list(self._wires)
        for wire in wires:
            wire.cut()
            wire.close()

    def _require_open(self) -> None:
        if self._closed:
            raise TargetError("run", "it is over", "Run again.")

    def _wire(self) -> Wire:
        if not hasattr(self._own, "wire"):
            self._own.wire = self._new_wire()
        wire: Wire = self._own.wire
        return wire

    def _new_wire(self) -> Wire:
        settings = self._settings
        wire = Wire(settings.base_url, settings.timeout, settings.proxy, settings.ca_bundle)
        with self._lock:
            self._wires.append(wire)
        return wire


class _Pace:
    """Keeps requests apart so that no more than so many go out in a second, and all back while the target asks."""

    def __init__(self, per_second: float | None) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def hold(self, seconds: float) -> None:
        with self._lock:
            self._next = max(self._next, monotonic() + seconds)

    def wait(self) -> None:
        with self._lock:
            now = monotonic()
            due = max(now, self._next)
            self._next = due + self._gap
        if self._gap or due > now:
            sleep(due - now)
