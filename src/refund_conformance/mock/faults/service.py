"""Faults of the server as such: crashes, answers that do not come or break, and unsteadiness."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import count

from starlette.types import Receive, Scope, Send

from refund_conformance.mock.call import Answer, Call, Headers, Received, Refused
from refund_conformance.mock.endpoint import BodyError, Endpoint
from refund_conformance.mock.faults.fault import FaultyEndpoint, Shelf, crash

shelf = Shelf()

_LONG_BODY = 64 * 1024
_HUGE = 32 * 1024 * 1024


# ---- 5xx


def crashing_on(which: Callable[[Call], bool]) -> FaultyEndpoint:
    """Return an endpoint that crashes on some requests once their JSON was read."""

    class Crashing(Endpoint):
        def read_json(self, call: Call) -> None:
            super().read_json(call)
            if which(call):
                raise crash("unforeseen")

    return Crashing


def body_has(pattern: bytes) -> Callable[[Call], bool]:
    """Tell the calls whose body has the pattern."""
    return lambda call: re.search(pattern, call.received.body) is not None


def has_lone_surrogate(call: Call) -> bool:
    """Tell whether a text of the body cannot be written as UTF-8."""
    texts = [value for value in call.document.values() if isinstance(value, str)]
    return any("\ud800" <= letter <= "\udfff" for text in texts for letter in text)


for _name, _story, _which in (
    ("huge-number", "A number of thousands of digits does not fit any type.", body_has(rb"[0-9]{400}")),
    ("huge-exponent", "1e999 becomes infinity, which cannot be stored.", body_has(rb"[0-9][eE]\+?[0-9]{3}")),
    ("nul", "PostgreSQL's text cannot hold the character NUL.", body_has(rb"\\u0000")),
    (
        "lone-surrogate",
        "Half of a surrogate pair cannot be written as UTF-8.",
        has_lone_surrogate,
    ),
    (
        "unknown-field",
        "A field that the record does not have is set on it.",
        lambda call: any(key not in ("email", "description") for key in call.document),
    ),
    ("deep-value", "Nested values are copied by recursion.", body_has(rb"\[{60}|(?:\{[^{}]*){60}")),
    ("duplicate-key", "A map that takes each key once throws.", body_has(rb'("email"\s*:).*\1')),
    (
        "long-text",
        "A text over 64 KiB does not fit the column, and logging it fails.",
        lambda call: len(call.received.body) > _LONG_BODY,
    ),
    ("empty-object", "The first key of no keys is asked for.", lambda call: not call.document),
    (
        "email-object",
        "The address is used as a key of a cache.",
        lambda call: isinstance(call.document.get("email"), dict | list),
    ),
):
    shelf.put(f"crash-{_name}", "server.no-5xx", _story, crashing_on(_which))


@shelf.fault("crash-long-header", "server.no-5xx", "A token over two kilobytes does not fit the session table.")
class LongHeaderCrashes(Endpoint):
    def authorize(self, call: Call) -> None:
        if any(len(value) > 2048 for value in call.received.values("AuthorizationJWT")):
            raise crash("data too long")
        super().authorize(call)


@shelf.fault("crash-empty-body", "server.no-5xx", "An empty stream is read to its first byte.")
class EmptyBodyCrashes(Endpoint):
    def read_json(self, call: Call) -> None:
        if not call.received.body:
            raise crash("unexpected end of stream")
        super().read_json(call)


# ---- answers that are none


class Sending(Endpoint):
    """Sends some answers in its own way: those to an order with a price of zero, unless it says otherwise."""

    def is_affected(self, received: Received, answer: Answer) -> bool:
        """Tell whether an answer is one of those."""
        return 15040 in answer.codes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            received = await self.receive(scope, receive)
        except BodyError:
            return
        answer = await self.answered(received)
        if self.is_affected(received, answer):
            await self.send_badly(answer, scope, receive, send)
        else:
            await self.send(answer, scope, send)

    async def send_badly(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer as it should not be sent; here, never."""
        while (await receive())["type"] != "http.disconnect":
            pass


@shelf.fault("answer-hangs-on-long-body", "server.answers", "A body beyond one buffer is never read to its end.")
class Hangs(Sending):
    def is_affected(self, received: Received, answer: Answer) -> bool:
        return len(received.body) > _LONG_BODY


shelf.put("answer-hangs-on-state", "server.answers", "A lock is waited for that the same request holds.", Sending)


_RUN = re.compile(rb"(a{20,}@){2}|a{60,}@b{60,}")


@shelf.fault("answer-hangs-on-runs", "server.answers", "A pattern repeats what repeats, and goes back for ever.")
class GoesBack(Sending):
    def is_affected(self, received: Received, answer: Answer) -> bool:
        return _RUN.search(received.body) is not None


@shelf.fault("answer-drips", "server.answers", "Errors are written byte by byte to a slow pipe.")
class Drips(Sending):
    async def send_badly(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": answer.status, "headers": _headers(answer)})
        for byte in answer.body:
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(receive(), 1)
                return
        await send({"type": "http.response.body", "body": b""})


@shelf.fault("answer-cut", "server.answers", "The worker dies halfway through the answer.")
class Cut(Sending):
    async def send_badly(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": answer.status, "headers": _headers(answer, 64)})
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})


@shelf.fault(
    "answer-gzip-claimed", "server.answers", "The encoding header is set, and the body is not compressed."
)
class FalseGzip(Sending):
    async def send_badly(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        headers = (*answer.headers, (b"content-encoding", b"gzip"))
        await self.send(replace(answer, headers=headers), scope, send)


@shelf.fault("answer-huge", "server.answers", "The whole debug context is dumped into the error body.")
class Huge(Sending):
    async def send_badly(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        await self.send(replace(answer, body=answer.body + b" " * _HUGE), scope, send)


@shelf.fault(
    "answer-redirect", "server.answers", "Who asks for an order that is not there is sent to the list of orders."
)
class Redirects(Sending):
    def is_affected(self, received: Received, answer: Answer) -> bool:
        return 15060 in answer.codes

    async def send_badly(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        await self.send(Answer(302, headers=((b"location", b"/orders"),)), scope, send)


def _headers(answer: Answer, more: int = 0) -> Headers:
    length = str(len(answer.body) + more).encode("ascii")
    return ((b"content-type", answer.media_type.encode("ascii")), (b"content-length", length))


# ---- unsteadiness


class Counted(Endpoint):
    """Numbers its requests from 1."""

    @cached_property
    def numbers(self) -> Iterator[int]:
        """The numbers to come."""
        return count(1)

    def is_struck(self, number: int) -> bool:
        """Tell whether the request of that number is struck."""
        return number % 50 == 0


@shelf.fault(
    "unsteady-one-in-fifty-500", "server.steady", "One of fifty workers has lost its database connection."
)
class Fails(Counted):
    def answer(self, received: Received) -> Answer:
        if self.is_struck(next(self.numbers)):
            return self.answer_refusal(crash("connection lost"), "route")
        return super().answer(received)


@shelf.fault("unsteady-one-in-fifty-401", "server.steady", "One node has an old signing key.")
class ForgetsKey(Counted):
    def authorize(self, call: Call) -> None:
        if self.is_struck(next(self.numbers)):
            raise self.refusal(1007, "unknown key")
        super().authorize(call)


@shelf.fault("unsteady-one-in-fifty-404", "server.steady", "One replica has not seen the order yet.")
class ForgetsOrder(Counted):
    def find_order(self, call: Call) -> None:
        if self.is_struck(next(self.numbers)):
            raise self.order_not_found(call)
        super().find_order(call)


@shelf.fault("unsteady-every-third-message", "server.steady", "One node of three runs last month's build.")
class OldBuild(Counted):
    def is_struck(self, number: int) -> bool:
        return number % 3 == 0

    def check_state(self, call: Call) -> None:
        try:
            super().check_state(call)
        except Refused:
            if self.is_struck(next(self.numbers)):
                raise self.refusal(15030, "last month's rule") from None
            raise


@shelf.fault("unsteady-cold-cache", "server.steady", "The first look at an order misses, and fills the cache.")
class ColdCache(Endpoint):
    @cached_property
    def seen(self) -> set[str]:
        """Order ids as they stood in URLs."""
        return set()

    def find_order(self, call: Call) -> None:
        if call.order_text not in self.seen:
            self.seen.add(call.order_text)
            raise self.order_not_found(call)
        super().find_order(call)


@shelf.fault("unsteady-warm-up", "server.steady", "The first requests of a process find no configuration.")
class WarmUp(Counted):
    def is_struck(self, number: int) -> bool:
        return number in (5, 6)

    def identify_caller(self, call: Call) -> None:
        if self.is_struck(next(self.numbers)):
            raise self.refusal(15000, "not loaded yet")
        super().identify_caller(call)
