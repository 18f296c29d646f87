"""Requests that arrive together: each on a connection of its own, the last byte of all released at one moment.

One thread sends these bytes in a loop, within microseconds of each other. Threads that wait at a barrier are woken
one after the other, and spread the requests over milliseconds.
"""

import http.client
import selectors
import socket
import ssl
import time
import zlib
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from refund_conformance.transport.connection import BODY_LIMIT, DETAILS, Answer, decoded, failure_of
from refund_conformance.transport.deadline import Guard
from refund_conformance.transport.exchange import Exchange, Failure, Request, Response
from refund_conformance.transport.pipelining import connected, written

APART = 0.002
"""Seconds from one connection to the next. A worker process that accepts in a loop takes all connections that
wait; when they come one after the other, its fellows get some of them."""

SETTLING = 0.01
"""Seconds before the release, for the server to accept the connections and read what has come so far."""

OPENING = 1.0
"""Seconds that a further connection may take to open. A server with a single blocking worker opens none while it
waits for the rest of a request; what is left over is then sent after the release, by itself."""


@dataclass
class _Flight:
    """A request on its way: of what is on its connection, or why it has none."""

    request: Request
    guard: Guard = field(default_factory=Guard)
    connection: socket.socket | None = None
    last: bytes = b""
    failure: tuple[Failure, str] | None = None
    started: float = 0.0
    clock: float = 0.0

    def exchange(self, answer: Response | tuple[Failure, str]) -> Exchange:
        response, (failure, detail) = (answer, (None, "")) if isinstance(answer, Response) else (None, answer)
        seconds = time.perf_counter() - self.clock
        return Exchange(self.request, response, failure, detail, self.started, seconds)

    def close(self) -> None:
        """End the connection. A server may serve the next one only then."""
        self.guard.release()
        if self.connection is not None:
            self.connection.close()


def simultaneous(
    base_url: str, timeout: float, ca_bundle: str | None, requests: Sequence[Request]
) -> list[Exchange]:
    """Send requests so that they arrive together; return an exchange for each, in their order.

    ``timeout`` is the time in seconds for each whole answer. Never raises for anything that the target does.
    """
    flights = [_Flight(request) for request in requests]
    late: list[int] = []
    answers: dict[int, Exchange] = {}
    try:
        for place, flight in enumerate(flights):
            if not _prepared(flight, base_url, ca_bundle, timeout, min(timeout, OPENING) if place else timeout):
                late.append(place)
            time.sleep(APART)
        time.sleep(SETTLING)
        with ExitStack() as deadlines:
            for flight in flights:
                deadlines.enter_context(flight.guard.deadline(timeout))
            _release([flight for flight in flights if flight.connection is not None])
            answers = _answers(flights)
    finally:
        for flight in flights:
            flight.close()
    for place in late:
        answers[place] = simultaneous(base_url, timeout, ca_bundle, [requests[place]])[0]
    return [answers[place] for place in range(len(requests))]


def _prepared(flight: _Flight, base_url: str, ca_bundle: str | None, timeout: float, opening: float) -> bool:
    """Open a flight's connection and send all but the last byte; return False if it took too long to open."""
    data = written(base_url, flight.request)
    flight.last = data[-1:]
    flight.started, flight.clock = time.time(), time.perf_counter()
    try:
        with flight.guard.deadline(opening):
            flight.connection = connected(base_url, opening, ca_bundle, flight.guard)
            flight.connection.settimeout(timeout)
            flight.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            flight.connection.sendall(data[:-1])
    except ssl.SSLCertVerificationError as problem:
        flight.failure = (Failure.UNTRUSTED, f"TLS: {problem.verify_message}")
    except OSError as problem:
        if opening < timeout and (flight.guard.struck or isinstance(problem, TimeoutError)):
            return False
        flight.failure = flight.failure or (Failure.UNREACHABLE, "no connection")
    return True


def _release(flights: Sequence[_Flight]) -> None:
    """Send the last bytes: nothing else is done between two of them."""
    sends = [(flight.connection.send, flight.last) for flight in flights if flight.connection is not None]
    now, clock = time.time(), time.perf_counter()
    for send, last in sends:
        with suppress(OSError):  # an answer may have come already
            send(last)
    for flight in flights:
        flight.started, flight.clock = now, clock


def _answers(flights: Sequence[_Flight]) -> dict[int, Exchange]:
    """Read the answers as they come."""
    read: dict[int, Exchange] = {}
    with selectors.DefaultSelector() as selector:
        for place, flight in enumerate(flights):
            if flight.connection is not None:
                selector.register(flight.connection, selectors.EVENT_READ, place)
            elif flight.failure is not None:
                read[place] = flight.exchange(flight.failure)
        while selector.get_map():
            for key, _ in selector.select():
                selector.unregister(key.fileobj)
                flight = flights[key.data]
                read[key.data] = flight.exchange(_answer(key.fileobj, flight))  # type: ignore[arg-type]
                flight.close()
    return read


def _answer(connection: socket.socket, flight: _Flight) -> Response | tuple[Failure, str]:
    """Read one whole answer."""
    answer = Answer(connection, method=flight.request.method)
    try:
        answer.begin()
        body = answer.read(BODY_LIMIT + 1)
        if len(body) > BODY_LIMIT:
            return Failure.OVERSIZED, f"the body is over {BODY_LIMIT} bytes"
        if answer.length:
            return Failure.CUT, f"the body ended after {len(body)} of {len(body) + answer.length} bytes"
        plain = decoded(body, answer.getheader("Content-Encoding", ""))
    except (OSError, http.client.HTTPException, ValueError, zlib.error) as problem:
        if flight.guard.struck or isinstance(problem, TimeoutError):
            return Failure.TIMEOUT, "no whole answer in time"
        failure = failure_of(problem)
        return failure, DETAILS.get(failure, "no HTTP message")
    finally:
        with suppress(ValueError):  # http.client has closed it where there is no HTTP
            answer.close()
    if plain is None:
        return Failure.OVERSIZED, f"the decompressed body is over {BODY_LIMIT} bytes"
    headers = tuple((str(name), str(value)) for name, value in answer.getheaders())
    return Response(answer.status, answer.reason, headers, plain)
