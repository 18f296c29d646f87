"""Send drafts to a target: headers, pace, bounded repetition of what says nothing, and a record of it all."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from email.utils import parsedate_to_datetime
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
from refund_conformance.transport.retry import (
    FIRST_PATIENCE,
    PATIENCE,
    TOO_MANY,
    Patience,
    asked_wait,
    is_passing,
    repeated,
    was_not_taken,
)
from refund_conformance.transport.simultaneous import simultaneous

CLOCK_TOLERANCE = 60.0
"""Seconds that two clocks may be apart without a word."""

FIRST_GAP = 0.02
LONGEST_GAP = 0.5
"""Seconds between two requests after a target has first asked for fewer, and at most."""

EASING = 0.97
"""What becomes of the time between requests with each that a target takes after it had asked for fewer."""

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
        self._patience = Patience(FIRST_PATIENCE)
        self._is_answered = False
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

    def token_of(self, request: Request) -> str:
        """Return the token that a request carries as the settings have it, "" if it carries none."""
        sent = next(
            (value for name, value in request.headers if name.lower() == self._settings.header.lower()), ""
        )
        return sent.rpartition(" ")[2]

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
        prefetched: bool = False,
        waits: bool = True,
    ) -> Exchange:
        """Send a request; again while it does not get through to the target, as long as the run has patience.

        A request that is not ``repeatable`` is sent again only where nothing can have been done with it.
        One that is ``prefetched`` lets the others pass first; one that never ``waits`` goes out
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
            with self._gate.passing(urgent=not prefetched) if waits else nullcontext():
                self._require_open()
                exchange = self._exchange(request, wire)
            self._note(exchange)
            exchange = exchange if attempts == 1 else replace(exchange, attempts=attempts)
            return replace(exchange, number=self._record(exchange))

        if request.cut:
            return attempt()  # an answer of any kind will do, and so will none
        return repeated(attempt, is_passing if repeatable else was_not_taken, self._patience)

    def _note(self, exchange: Exchange) -> None:
        """Learn from an answer: the target is there, what its clock shows, and whether it wants fewer requests."""
        response = exchange.response
        if response is None:
            return
        if not self._is_answered:
            self._is_answered = True
            self._patience.grow(PATIENCE - FIRST_PATIENCE)
            self._set_clock(exchange)
        if response.status == TOO_MANY:
            self._pace.slow_down(asked_wait(exchange) or 0.0)
        else:
            self._pace.ease()

    def _set_clock(self, exchange: Exchange) -> None:
        shown = exchange.response.header("Date") if exchange.response else None
        try:
            there = parsedate_to_datetime(shown or "").timestamp()
        except (ValueError, OverflowError):
            return
        ahead = there - (exchange.started + exchange.seconds)
        if abs(ahead) > CLOCK_TOLERANCE:
            self.tokens.set_clock(ahead)

    def wait(self, seconds: float) -> bool:
        """Wait for the target, if the run has the patience; return whether it had."""
        if not self._patience.allows(seconds):
            return False
        sleep(seconds)
        return True

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

    def send_together(self, requests: Sequence[Request]) -> list[Exchange]:
        """Send requests so that they arrive at one moment, each on a connection of its own, none of them repeated.

        They go out however many others are in flight. Through a proxy they are only sent side by side. Raises
        TargetError once the client is closed.
        """
        self._require_open()
        for _ in requests:
            self._pace.wait()
        with self._lock:
            self.sent += len(requests)
        settings = self._settings
        if settings.proxy:
            exchanges = self._side_by_side(requests)
        else:
            exchanges = simultaneous(settings.base_url, settings.timeout, settings.ca_bundle, requests)
        for exchange in exchanges:
            self._note(exchange)
        return [replace(exchange, number=self._record(exchange)) for exchange in exchanges]

    def _side_by_side(self, requests: Sequence[Request]) -> list[Exchange]:
        barrier = threading.Barrier(len(requests))

        def send(request: Request) -> Exchange:
            with self.fresh_wire() as wire:
                barrier.wait(timeout=30)
                return wire.send(request)

        with ThreadPoolExecutor(len(requests)) as pool:
            return list(pool.map(send, requests))

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
        self._least_gap = self._gap = 1 / per_second if per_second else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def slow_down(self, seconds: float) -> None:
        """Send nothing for so long, and put more time between requests from then on."""
        with self._lock:
            self._gap = min(max(2 * self._gap, FIRST_GAP), LONGEST_GAP)
            self._next = max(self._next, monotonic() + seconds)

    def ease(self) -> None:
        """Put a little less time between requests: the target has taken one."""
        with self._lock:
            self._gap = max(self._least_gap, self._gap * EASING)

    def wait(self) -> None:
        with self._lock:
            now = monotonic()
            due = max(now, self._next)
            self._next = due + self._gap
        if self._gap or due > now:
            sleep(due - now)
