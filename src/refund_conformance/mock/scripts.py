"""What becomes of the next requests for one order, or of one caller: an answer that is wrong, late, or lost."""

import asyncio
import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import cast

from anyio import to_thread
from starlette.types import Receive, Scope, Send

from refund_conformance.mock.call import Answer, Error, Headers
from refund_conformance.mock.endpoint import BodyError, Endpoint
from refund_conformance.mock.protocol import TRANSPORT
from refund_conformance.mock.tables import Progress

CARRIED_OUT = ("ok", "lost")
"""Answers whose requests are carried out unless a step says otherwise."""

BROKEN = ("lost", "close", "reset", "cut", "garbage", "hang")
"""What comes instead of an answer: the connection's end (three ways), half an answer, noise, or nothing."""

STATUSES = range(400, 600)
MOST_STEPS = 100
_HANG_SECONDS = 600.0
_RETRIED = (429, 503)


@dataclass(frozen=True)
class Step:
    """What becomes of one request.

    ``answer`` is ``ok``, one of `BROKEN`, an HTTP status, or a code of the contract. ``effect`` is whether the
    request is carried out, ``before`` and ``after`` are the seconds to wait before and after that. ``advance`` is
    what its refund request then becomes, ``retry_after`` the seconds of that header.
    """

    answer: str | int = "ok"
    effect: bool = True
    before: float = 0.0
    after: float = 0.0
    advance: Progress | None = None
    retry_after: int | None = None


@dataclass(frozen=True)
class Key:
    """Whose requests a script is about: those for an order, of a caller, or both."""

    order: int | None = None
    caller: str | None = None

    def fits(self, order: int | None, caller: str) -> bool:
        """Tell whether it is about a request."""
        return self.order in (None, order) and self.caller in (None, caller)


class Scripts:
    """The steps that are left, for each key."""

    def __init__(self) -> None:
        self._left: dict[Key, deque[Step]] = {}
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._left)

    def put(self, key: Key, steps: tuple[Step, ...]) -> None:
        """Replace a script; without steps, forget it."""
        with self._lock:
            self._left.pop(key, None)
            if steps:
                self._left[key] = deque(steps)

    def left(self, key: Key) -> tuple[Step, ...]:
        """Return the steps that a script has left."""
        with self._lock:
            return tuple(self._left.get(key, ()))

    def take(self, order: int | None, caller: str) -> Step | None:
        """Take the next step for a request, from the oldest script that is about it."""
        with self._lock:
            key = next((key for key in self._left if key.fits(order, caller)), None)
            if key is None:
                return None
            step = self._left[key].popleft()
            if not self._left[key]:
                del self._left[key]
            return step

    def clear(self) -> None:
        """Forget all scripts."""
        with self._lock:
            self._left.clear()


@dataclass(frozen=True)
class Performance:
    """Serves one request as a step has it. ``advance`` moves an order's refund request along."""

    endpoint: Endpoint
    advance: Callable[[int, Progress], object]

    async def serve(self, step: Step, order: int | None, scope: Scope, receive: Receive, send: Send) -> None:
        """Receive the request, carry it out or not, and answer as the step says."""
        endpoint = self.endpoint
        try:
            received = await endpoint.receive(scope, receive)
        except BodyError as problem:
            await endpoint.send(endpoint.refuse_body(scope, problem), scope, send)
            return
        started = perf_counter()
        await asyncio.sleep(step.before)
        own = await endpoint.decided(received) if step.effect else Answer(0)
        if step.advance is not None and own.status == endpoint.contract.operation.success_status:
            await to_thread.run_sync(self.advance, order or 0, step.advance)
        await asyncio.sleep(step.after)
        answer = own if step.answer == "ok" else scripted(step, endpoint)
        endpoint.observe(received, _noted(answer, own, step), perf_counter() - started)
        if step.answer in BROKEN:
            await _SENDING[str(step.answer)](own, scope, receive, send)
        else:
            await endpoint.send(answer, scope, send)


def scripted(step: Step, endpoint: Endpoint) -> Answer:
    """Return the answer that a step names; status 0 for what is none."""
    if isinstance(step.answer, str):
        return Answer(0)
    row = endpoint.contract.errors.get(step.answer)
    if row is not None:
        required = next(field.name for field in endpoint.contract.fields.values() if field.required)
        error = Error(row.code, row.message.format(field=required))
        body = endpoint.write_json(endpoint.error_document((error,)))
        return Answer(row.status, body, endpoint.error_media_type(), codes=(row.code,))
    wait = step.retry_after if step.retry_after is not None else 1 if step.answer in _RETRIED else None
    headers: Headers = () if wait is None else ((b"retry-after", str(wait).encode("ascii")),)
    return Answer(step.answer, f"Scripted: {step.answer}.\n".encode("ascii"), "text/plain; charset=utf-8", headers)


def _noted(answer: Answer, own: Answer, step: Step) -> Answer:
    """Return the answer as the journal has it, which tells what the client got and what was done."""
    if step.answer == "ok":
        return answer
    done = f"carried out with {own.status}" if step.effect else "not carried out"
    return replace(answer, step="script", reason=f"script: {step.answer}; {done}")


# ---- what comes instead of an answer


async def _close(own: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    _transport(scope).close()
    await _wait_for_end(receive)


async def _reset(own: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    transport = _transport(scope)
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _wait_for_end(receive)


async def _cut(own: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    body = own.body or b'{"errors": [{"error": '
    headers = [(b"content-type", b"application/json"), (b"content-length", str(2 * len(body)).encode("ascii"))]
    await send({"type": "http.response.start", "status": own.status or 400, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await _close(own, scope, receive, send)


async def _garbage(own: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    _transport(scope).write(b"\x16\x03\x01\x00garbage, and no HTTP\r\n\r\n")
    await _close(own, scope, receive, send)


async def _hang(own: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await asyncio.wait_for(_wait_for_end(receive), _HANG_SECONDS)
    except TimeoutError:
        await _close(own, scope, receive, send)


_SENDING = {"lost": _close, "close": _close, "reset": _reset, "cut": _cut, "garbage": _garbage, "hang": _hang}


def _transport(scope: Mapping[str, object]) -> asyncio.Transport:
    return cast("asyncio.Transport", scope[TRANSPORT])


async def _wait_for_end(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
