"""The refund endpoint as an ASGI application: receive, check in order, create, answer."""

import json
from collections.abc import Callable, Mapping
from time import perf_counter

from anyio import to_thread
from starlette.types import Receive, Scope, Send

from refund_conformance.contract.model import Contract
from refund_conformance.mock.answers import Answers
from refund_conformance.mock.batches import WouldWaitError
from refund_conformance.mock.call import Answer, Call, Error, Received, Refused
from refund_conformance.mock.checks import Checks
from refund_conformance.mock.protocol import NAMES, TRAILERS
from refund_conformance.mock.store import Store
from refund_conformance.mock.tokens import Tokens

STEPS = ("route", "authorization", "content_type", "json", "fields", "caller", "order", "state")
"""The checks in the order in which they are made: what the request itself shows comes before what is looked up.
A caller must be authorized before being looked up, an order found before its state, and JSON read before its
fields; all else may change places."""

LONGEST_BODY = 1024 * 1024
"""Bytes of a request body beyond which it is not kept."""

_LONGEST_DRAINED = 16 * LONGEST_BODY
_MOST_WAITS = 8  # two are usual; more where others are quicker


class BodyError(Exception):
    """A body that is not taken, because it is too long or broke off.

    ``status`` is what the request is answered with, ``body`` what there is of one that broke off.
    """

    def __init__(self, status: int, reason: str, body: bytes = b"") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.body = body


Observer = Callable[[Received, Answer, float], None]
"""Told of every request, its answer, and the seconds that deciding took."""


def unobserved(received: Received, answer: Answer, seconds: float) -> None:
    """Let requests pass untold."""


class Endpoint(Checks):
    """Creates refund requests.

    ``in_threads`` answers calls side by side in threads. ``resumes`` lets a call that waits for the database go on
    where it was: that takes checks that may be made twice, as those with a fault may not. ``observe`` is told of
    every answer.
    """

    steps: tuple[str, ...] = STEPS
    in_threads = False
    resumes = True
    observe: Observer = staticmethod(unobserved)

    def __init__(self, contract: Contract, store: Store, tokens: Tokens, answers: Answers) -> None:
        super().__init__(contract, store, tokens, answers)
        self.in_threads = self.in_threads or not (store.is_sqlite or self.resumes)
        self.checks: Mapping[str, Callable[[Call], None]] = {
            "route": self.read_route,
            "authorization": self.authorize,
            "content_type": self.check_content_type,
            "json": self.read_json,
            "caller": self.identify_caller,
            "order": self.find_order,
            "state": self.check_state,
            "fields": self.check_fields,
        }

    # ---- deciding

    def answer(self, received: Received) -> Answer:
        """Decide a request and carry it out."""
        return self.decide(Call(received))

    def decide(self, call: Call) -> Answer:
        """Make the checks that it has not passed, and create the refund request if they let it pass."""
        step = ""
        try:
            for step in self.steps[call.passed :]:
                self.checks[step](call)
                call.passed += 1
            step = "creation"
            self.create_refund(call)
        except Refused as refusal:
            return self.answer_refusal(refusal, step)
        return self.answer_success(call)

    def create_refund(self, call: Call) -> None:
        """Create the refund request; where another was quicker, refuse by the order's state as it is now."""
        for _ in range(3):
            created, call.created = call.created, None
            if created is None:
                created = self.store.create_refund_request(*_wanted(call))
            if created:
                return
            call.situation, call.passed = None, 0
            self.find_order(call)
            self.check_state(call)
        raise self.refusal(15050, "others were quicker")

    # ---- answering

    def answer_success(self, call: Call) -> Answer:
        """Say that the refund request was created: the status, and no body."""
        return Answer(self.contract.operation.success_status)

    def answer_refusal(self, refusal: Refused, step: str) -> Answer:
        """Turn a refusal into an answer: an error body if the document lists errors for it."""
        if not refusal.errors:
            return self.answer_plainly(refusal, step)
        return Answer(
            status=self.status_of(refusal),
            body=self.write_json(self.error_document(refusal.errors)),
            media_type=self.error_media_type(),
            headers=refusal.headers,
            step=step,
            reason=refusal.reason,
            codes=refusal.codes,
        )

    def answer_plainly(self, refusal: Refused, step: str) -> Answer:
        """Answer a request that is none of the API's, for which the document demands no body."""
        text = f"{refusal.reason[:1].upper()}{refusal.reason[1:]}.\n"
        return Answer(
            refusal.status, text.encode(), "text/plain; charset=utf-8", refusal.headers, step, refusal.reason
        )

    def status_of(self, refusal: Refused) -> int:
        """Return the status that a refusal is answered with."""
        return refusal.status

    def error_media_type(self) -> str:
        """Return the content type of error bodies."""
        return "application/json"

    def error_document(self, errors: tuple[Error, ...]) -> object:
        """Return the value that an error body is written from."""
        return {"errors": [self.error_entry(error) for error in errors]}

    def error_entry(self, error: Error) -> object:
        """Return one entry of an error body."""
        return {"error": error.code, "message": error.message}

    def write_json(self, document: object) -> bytes:
        """Write a JSON body. Escapes keep half of a surrogate pair, which a field's name may have, writable."""
        return json.dumps(document).encode("ascii")

    # ---- HTTP

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            received = await self.receive(scope, receive)
        except BodyError as problem:
            answer = self.refuse_body(scope, problem)
        else:
            answer = await self.answered(received)
        await self.send(answer, scope, send)

    def refuse_body(self, scope: Scope, problem: BodyError) -> Answer:
        """Answer a request whose body is not taken."""
        refusal = Refused(problem.status, (), problem.reason, ((b"connection", b"close"),))
        answer = self.answer_plainly(refusal, "body")
        self.observe(received_of(scope, b""), answer, 0.0)
        return answer

    async def answered(self, received: Received) -> Answer:
        """Return the answer, and tell of it."""
        started = perf_counter()
        answer = await self.decided(received)
        self.observe(received, answer, perf_counter() - started)
        return answer

    async def decided(self, received: Received) -> Answer:
        """Return the answer, made here or in a thread."""
        if self.in_threads:
            return await to_thread.run_sync(self.answer, received)
        if self.resumes:
            return await self.resumed(Call(received))
        try:
            return self.answer(received)
        except WouldWaitError:
            return await to_thread.run_sync(self.answer, received)

    async def resumed(self, call: Call) -> Answer:
        """Decide a call, awaiting the database between two attempts wherever it would keep the others waiting."""
        for _ in range(_MOST_WAITS):
            try:
                return self.decide(call)
            except WouldWaitError:
                if not call.user:
                    return await to_thread.run_sync(self.decide, call)
                if call.situation is None:
                    call.situation = await self.store.look_up(call.user, self.order_number(call.order_text) or 0)
                else:
                    call.created = await self.store.create(*_wanted(call))
        return self.answer_refusal(self.refusal(15050, "others were quicker"), "creation")

    async def receive(self, scope: Scope, receive: Receive) -> Received:
        """Receive the whole request; raise BodyError if its body passes the limit, or breaks off."""
        return received_of(scope, await read_body(receive))

    async def send(self, answer: Answer, scope: Scope, send: Send) -> None:
        """Send the answer."""
        headers = [(b"content-length", str(len(answer.body)).encode("ascii")), *answer.headers]
        if answer.media_type:
            headers.insert(0, (b"content-type", answer.media_type.encode("latin-1")))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


def received_of(scope: Scope, body: bytes) -> Received:
    """Return the request that a scope and a body make."""
    return Received(
        method=scope["method"],
        path=scope["raw_path"],
        headers=tuple(scope["headers"]),
        body=body,
        client=tuple(scope["client"] or ("", 0)),
        query=scope["query_string"],
        trailers=tuple(scope.get(TRAILERS, ())),
        names=tuple(scope.get(NAMES, ())),
    )


async def read_body(receive: Receive) -> bytes:
    """Read a request's body; raise BodyError if it breaks off, or past the limit, after reading on for a while.

    A client that is still sending does not read: an answer in the middle would be lost to it.
    """
    chunks: list[bytes] = []
    size = 0
    more = True
    while more and size <= _LONGEST_DRAINED:
        message = await receive()
        if message["type"] != "http.request":
            raise BodyError(400, "the body broke off", b"".join(chunks))
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size <= LONGEST_BODY:
            chunks.append(chunk)
        more = message.get("more_body", False)
    if size > LONGEST_BODY:
        raise BodyError(413, f"body longer than {LONGEST_BODY} bytes")
    return b"".join(chunks)


def _wanted(call: Call) -> tuple[int, str, str | None]:
    """Return order, email and description of the refund request that a call has been found to ask for."""
    assert call.order is not None  # noqa: S101  (find_order stands before creation)
    description = call.document.get("description")
    return call.order.id, str(call.document["email"]), None if description is None else str(description)
