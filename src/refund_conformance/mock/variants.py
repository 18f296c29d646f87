"""Servers that are lawful and yet unlike the plain mock. No suite may accuse them."""

import asyncio
import gzip
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from starlette.types import Scope, Send

from refund_conformance.contract.errors import UsageError
from refund_conformance.mock.call import Answer, Call, Error, Refused
from refund_conformance.mock.endpoint import STEPS, Endpoint

_DELAY_SECONDS = 0.05


@dataclass(frozen=True)
class Variant:
    """A lawful difference: ``endpoint`` replaces or wraps one step of the plain endpoint."""

    name: str
    description: str
    endpoint: type[Endpoint]


# ---- bodies of errors


class ExtraMembers(Endpoint):
    """Adds members beside those that the document has."""

    def error_document(self, errors: tuple[Error, ...]) -> object:
        entries = [{"error": error.code, "message": error.message, "level": "error"} for error in errors]
        return {"errors": entries, "request_id": "f0a1", "status": "failed"}


class SeveralCodes(Endpoint):
    """Gives several reasons with a 401."""

    def answer_refusal(self, refusal: Refused, step: str) -> Answer:
        if refusal.status == 401:
            second = 1008 if 1007 in refusal.codes else 1007
            row = self.contract.errors[second]
            errors = (*refusal.errors, Error(second, row.message))
            refusal = Refused(refusal.status, errors, refusal.reason, refusal.headers)
        return super().answer_refusal(refusal, step)


class Reworded(Endpoint):
    """Says everything in other words; a 15010 still names its field."""

    def error_entry(self, error: Error) -> object:
        if error.code == 15010:
            field = error.message.rpartition(": ")[2]
            return {"error": error.code, "message": f"The parameter «{field}» has a value that will not do."}
        return {"error": error.code, "message": f"Sorry, we cannot do that (reason {error.code})."}


class LastFieldFirst(Endpoint):
    """Reports invalid fields in the opposite order."""

    def invalid_fields(self, call: Call) -> tuple[str, ...]:
        return super().invalid_fields(call)[::-1]


class EachReason(Endpoint):
    """Reports each invalid field once for each of two layers that find it so."""

    def reasons(self, name: str, document: dict[str, object]) -> int:
        return 2


class WithoutMessages(Endpoint):
    """Leaves out the message where the code says all."""

    def error_entry(self, error: Error) -> object:
        return {"error": error.code, "message": error.message} if error.code == 15010 else {"error": error.code}


class Pretty(Endpoint):
    """Writes JSON over several lines, with raw letters and a last line end."""

    def write_json(self, document: object) -> bytes:
        text = json.dumps(document, indent=4, ensure_ascii=False) + "\n"
        return text.encode("utf-8", "replace")


class CharsetNamed(Endpoint):
    """Names the charset beside the content type of error bodies."""

    def error_media_type(self) -> str:
        return "application/json; charset=utf-8"


# ---- bodies of other answers


class JsonOnSuccess(Endpoint):
    """Tells the refund request's data on success."""

    def answer_success(self, call: Call) -> Answer:
        body = {"order_id": call.order.id if call.order else 0, "status": "New"}
        return Answer(200, json.dumps(body).encode("ascii"), "application/json")


class EmptyObjectOnSuccess(Endpoint):
    """Sends an empty object on success."""

    def answer_success(self, call: Call) -> Answer:
        return Answer(200, b"{}", "application/json")


class TextOnSuccess(Endpoint):
    """Says OK on success."""

    def answer_success(self, call: Call) -> Answer:
        return Answer(200, b"OK\n", "text/plain")


class Pages(Endpoint):
    """Has web pages for unknown URLs and methods."""

    def answer_plainly(self, refusal: Refused, step: str) -> Answer:
        answer = super().answer_plainly(refusal, step)
        page = f"<!doctype html><title>Error</title><h1>{html.escape(refusal.reason)}</h1>"
        return replace(answer, body=page.encode(), media_type="text/html; charset=utf-8")


class MethodsNotFound(Endpoint):
    """Answers 404 to other methods."""

    def check_method(self, call: Call) -> None:
        try:
            super().check_method(call)
        except Refused:
            raise Refused(404, (), "no such route") from None


# ---- HTTP


class Closing(Endpoint):
    """Closes the connection after each answer."""

    async def send(self, answer: Answer, scope: Scope, send: Send) -> None:
        headers = (*answer.headers, (b"connection", b"close"))
        await super().send(replace(answer, headers=headers), scope, send)


class Delayed(Endpoint):
    """Thinks before it answers."""

    async def send(self, answer: Answer, scope: Scope, send: Send) -> None:
        await asyncio.sleep(_DELAY_SECONDS)
        await super().send(answer, scope, send)


class Chunked(Endpoint):
    """Sends bodies in chunks, without their length beforehand."""

    async def send(self, answer: Answer, scope: Scope, send: Send) -> None:
        headers = [*answer.headers]
        if answer.media_type:
            headers.append((b"content-type", answer.media_type.encode("latin-1")))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        for start in range(0, len(answer.body), 16):
            await send({"type": "http.response.body", "body": answer.body[start : start + 16], "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class Compressed(Endpoint):
    """Compresses bodies for those who ask for it."""

    async def send(self, answer: Answer, scope: Scope, send: Send) -> None:
        if answer.body and any(
            name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"]
        ):
            headers = (*answer.headers, (b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding"))
            answer = replace(answer, body=gzip.compress(answer.body), headers=headers)
        await super().send(answer, scope, send)


class MoreHeaders(Endpoint):
    """Sends the headers of a busy platform: cookies, security, tracing, a server's name."""

    async def send(self, answer: Answer, scope: Scope, send: Send) -> None:
        more = (
            (b"set-cookie", b"session=1; Path=/; HttpOnly"),
            (b"set-cookie", b"node=a"),
            (b"server", b"nginx"),
            (b"x-request-id", b"f0a1"),
            (b"strict-transport-security", b"max-age=31536000"),
            (b"www-authenticate", b"Bearer"),
        )
        await super().send(replace(answer, headers=(*answer.headers, *more)), scope, send)


# ---- precedence


def _ordered(name: str, description: str, *steps: str) -> Variant:
    assert sorted(steps) == sorted(STEPS)  # noqa: S101  (a slip here, not a user's)
    return Variant(f"order-{name}", description, type("Ordered", (Endpoint,), {"steps": steps}))


_BODY = ("content_type", "json")

VARIANTS = (
    Variant("extra-members", "Error bodies and their entries have further members.", ExtraMembers),
    Variant("several-codes-on-401", "A 401 gives two reasons.", SeveralCodes),
    Variant("reworded", "Every message is in other words; a 15010 still names its field.", Reworded),
    Variant("last-field-first", "Invalid fields are reported in the opposite order.", LastFieldFirst),
    Variant("each-reason", "Each invalid field is reported twice.", EachReason),
    Variant("without-messages", "Errors but 15010 have no message.", WithoutMessages),
    Variant("pretty-json", "Error bodies are indented and end with a line end.", Pretty),
    Variant("charset-named", "Error bodies are application/json; charset=utf-8.", CharsetNamed),
    Variant("json-on-success", "Success comes with a JSON object.", JsonOnSuccess),
    Variant("empty-object-on-success", "Success comes with an empty JSON object.", EmptyObjectOnSuccess),
    Variant("text-on-success", "Success comes with the text OK.", TextOnSuccess),
    Variant("html-on-404", "Unknown URLs and methods get a web page.", Pages),
    Variant("other-methods-404", "Methods other than POST get 404 instead of 405.", MethodsNotFound),
    Variant("connection-closed", "The connection is closed after each answer.", Closing),
    Variant("delayed", "Each answer takes 50 ms more.", Delayed),
    Variant("chunked", "Bodies are sent in chunks.", Chunked),
    Variant("compressed", "Bodies are compressed with gzip when that is asked for.", Compressed),
    Variant("more-headers", "Answers carry cookies, security and tracing headers.", MoreHeaders),
    _ordered(
        "fields-before-state", "Fields are checked before the order's state.",
        "route", "authorization", *_BODY, "caller", "order", "fields", "state",
    ),
    _ordered(
        "fields-last", "Fields are checked after the order's state.",
        "route", "authorization", *_BODY, "caller", "order", "state", "fields",
    ),
    _ordered(
        "state-before-body", "The order's state is checked before the body is looked at.",
        "route", "authorization", "caller", "order", "state", *_BODY, "fields",
    ),
    _ordered(
        "json-before-authorization", "The body is read before the token.",
        "route", *_BODY, "authorization", "caller", "order", "state", "fields",
    ),
    _ordered(
        "fields-before-authorization", "The body is wholly checked before the token.",
        "route", *_BODY, "fields", "authorization", "caller", "order", "state",
    ),
    _ordered(
        "json-before-content-type", "The body is read before its type.",
        "route", "authorization", "json", "content_type", "caller", "order", "state", "fields",
    ),
    _ordered(
        "order-before-caller", "The order and its state are checked before the caller's configuration.",
        "route", "authorization", *_BODY, "order", "state", "caller", "fields",
    ),
    _ordered(
        "caller-last", "The caller's configuration is checked last.",
        "route", "authorization", *_BODY, "order", "state", "fields", "caller",
    ),
    _ordered(
        "authorization-before-route", "Without a token even an unknown URL is a 401.",
        "authorization", "route", *_BODY, "caller", "order", "state", "fields",
    ),
)  # fmt: skip


def catalogue() -> dict[str, Variant]:
    """Return every variant by its name."""
    return {variant.name: variant for variant in VARIANTS}


def chosen(names: Sequence[str]) -> tuple[Variant, ...]:
    """Return the variants of those names; raise UsageError for a name that is none."""
    known = catalogue()
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 3, 0.4)
            hint = f"Do you mean {' or '.join(near)}?" if near else f"Variants: {', '.join(known)}."
            raise UsageError(f"variant {name!r}", "is none that the mock knows", hint)
    return tuple(known[name] for name in names)
