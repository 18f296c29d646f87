"""Faults of routing: other URLs, other methods, and order ids that are none."""

import re
import unicodedata
from functools import cached_property
from urllib.parse import unquote

from refund_conformance.mock.call import Answer, Call, Received, Refused
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.builders import refused_as, with_effect
from refund_conformance.mock.faults.fault import FaultyEndpoint, Shelf, crash

shelf = Shelf()


def _is_unknown_url(refusal: Refused) -> bool:
    return refusal.status == 404 and not refusal.errors


def _is_method(refusal: Refused) -> bool:
    return refusal.status == 405


# ---- other URLs


@shelf.fault(
    "url-fallback-page",
    "route.unknown-url",
    "The web server hands every URL it does not know to the single-page application's index.html.",
)
class FallbackPage(Endpoint):
    def answer_refusal(self, refusal: Refused, step: str) -> Answer:
        if _is_unknown_url(refusal):
            return Answer(200, b"<!doctype html><div id=app></div>", "text/html")
        return super().answer_refusal(refusal, step)


@shelf.fault(
    "url-redirects-home",
    "route.unknown-url",
    "A rewrite rule sends unknown URLs to the portal's front page.",
)
class RedirectsHome(Endpoint):
    def answer_refusal(self, refusal: Refused, step: str) -> Answer:
        if _is_unknown_url(refusal):
            return Answer(302, headers=((b"location", b"/"),))
        return super().answer_refusal(refusal, step)


shelf.put(
    "url-unknown-400",
    "route.unknown-url",
    "A catch-all controller answers bad request to what it cannot dispatch.",
    refused_as(_is_unknown_url, 400),
)
shelf.put(
    "url-unknown-403",
    "route.unknown-url",
    "An API gateway answers forbidden to routes that nobody has declared.",
    refused_as(_is_unknown_url, 403),
)
shelf.put(
    "url-unknown-500",
    "route.unknown-url",
    "The exception for a missing route reaches the handler for everything unforeseen.",
    refused_as(_is_unknown_url, 500),
)


def _with_route(pattern: str) -> FaultyEndpoint:
    class OtherRoute(Endpoint):
        def match_route(self, call: Call) -> str | None:
            match = re.fullmatch(pattern, call.received.path.decode("latin-1"))
            return match[1] if match else None

    return OtherRoute


shelf.put(
    "url-matched-by-prefix",
    "route.unknown-url",
    "The route is registered as a prefix, as with Express's use() or an nginx location.",
    _with_route(r"/v1/order/([^/]+)/refund.*"),
)
shelf.put(
    "url-any-version",
    "route.unknown-url",
    "The version in the URL is a wildcard that nobody reads.",
    _with_route(r"/[^/]+/order/([^/]+)/refund"),
)
shelf.put(
    "url-any-action",
    "route.unknown-url",
    "A generic /{resource}/{id}/{action} route falls back to its only action.",
    _with_route(r"/v1/order/([^/]+)(?:/[^/]*)?"),
)

# ---- other methods


def _accepting(*methods: str) -> FaultyEndpoint:
    class OtherMethods(Endpoint):
        def check_method(self, call: Call) -> None:
            if call.received.method not in methods:
                super().check_method(call)

    return OtherMethods


shelf.put("method-get-creates", "route.method", "The route was declared for any method.", _accepting("GET"))
shelf.put("method-head-creates", "route.method", "HEAD is dispatched as its handler's own.", _accepting("HEAD"))
shelf.put(
    "method-put-creates",
    "route.method",
    "PUT and POST share a handler, as in a generic upsert controller.",
    _accepting("PUT"),
)
shelf.put(
    "method-patch-creates",
    "route.method",
    "Rails-like resource routing sends PATCH to the same action.",
    _accepting("PATCH"),
)
shelf.put(
    "method-delete-creates",
    "route.method",
    "The handler is mounted for all methods and never looks at which one it was.",
    _accepting("GET", "PUT", "PATCH", "DELETE"),
)
shelf.put(
    "method-500", "route.method", "The exception for a wrong method is not handled.", refused_as(_is_method, 500)
)
shelf.put(
    "method-400",
    "route.method",
    "The error handler maps every client mistake to 400.",
    refused_as(_is_method, 400),
)
shelf.put(
    "method-refused-with-effect",
    "route.method",
    "The controller writes the request before a filter refuses the method.",
    with_effect(lambda answer: answer.status == 405),
)


@shelf.fault("method-get-200", "route.method", "GET shows an empty page that documents the endpoint.")
class GetShowsPage(Endpoint):
    def check_method(self, call: Call) -> None:
        if call.received.method == "GET":
            raise Refused(200, (), "use POST")
        super().check_method(call)


@shelf.fault("method-get-shows-refund", "route.method", "GET shows the refund request, if there is one.")
class GetShowsRefund(Endpoint):
    @cached_property
    def created(self) -> set[bytes]:
        """URLs of accepted requests."""
        return set()

    def answer(self, received: Received) -> Answer:
        if received.method == "GET" and received.path in self.created:
            return Answer(200)
        answer = super().answer(received)
        if answer.status == 200:
            self.created.add(received.path)
        return answer


@shelf.fault("method-delete-204", "route.method", "DELETE answers success whether there was anything or not.")
class DeleteDoesNothing(Endpoint):
    def answer(self, received: Received) -> Answer:
        answer = super().answer(received)
        return Answer(204) if answer.status == 405 and received.method == "DELETE" else answer


# ---- order ids


def _reading_id(pattern: str, *, decoded: bool = True) -> FaultyEndpoint:
    class LenientId(Endpoint):
        def order_number(self, text: str) -> int | None:
            match = re.match(pattern, unquote(text) if decoded else text)
            return min(int(match[1]), 10**18) if match else None

    return LenientId


shelf.put(
    "id-leading-digits",
    "route.order-id",
    "PHP's intval takes the digits at the start and drops the rest.",
    _reading_id(r"([0-9]{1,18})", decoded=False),
)
shelf.put(
    "id-unicode-digits",
    "route.order-id",
    "Python's int and \\d take the digits of every script.",
    _reading_id(r"(\d{1,18})\Z"),
)
shelf.put(
    "id-trimmed",
    "route.order-id",
    "White space around parameters is trimmed for convenience.",
    _reading_id(r"\s*([0-9]{1,18})\s*\Z"),
)
shelf.put(
    "id-underscores",
    "route.order-id",
    "Python's int and Ruby's to_i take underscores between digits.",
    _reading_id(r"([0-9]{1,9}(?:_[0-9]{1,9})*)\Z"),
)
shelf.put(
    "id-signed",
    "route.order-id",
    "The number parser takes a plus sign, as Java's and JavaScript's do.",
    _reading_id(r"\+?([0-9]{1,18})\Z"),
)
shelf.put(
    "id-absolute",
    "route.order-id",
    "The id goes through a function that drops the sign, as WordPress's absint.",
    _reading_id(r"-?([0-9]{1,18})\Z"),
)
shelf.put(
    "id-decimal",
    "route.order-id",
    "Numbers are parsed as floats and cut to whole ones.",
    _reading_id(r"([0-9]{1,18})(?:\.[0-9]*)?\Z"),
)


@shelf.fault("id-text-500", "route.order-id", "The number format exception is nobody's business.")
class TextCrashes(Endpoint):
    def order_number(self, text: str) -> int | None:
        if not re.fullmatch(r"[0-9]+", text):
            raise crash("not a number")
        return super().order_number(text)


@shelf.fault("id-overflow-500", "route.order-id", "An id beyond 64 bits reaches the database driver.")
class OverflowCrashes(Endpoint):
    def order_number(self, text: str) -> int | None:
        if re.fullmatch(r"[0-9]{19,}", text):
            raise crash("integer out of range")
        return super().order_number(text)


@shelf.fault("id-wraps", "route.order-id", "The id is kept in 64 bits without a check, and wraps around.")
class Wraps(Endpoint):
    def order_number(self, text: str) -> int | None:
        if re.fullmatch(r"[0-9]{19,40}", text):
            return int(text) % 2**64 % 10**18
        return super().order_number(text)


@shelf.fault("id-quoted-500", "route.order-id", "The id is pasted into the SQL text, and a quote ends it.")
class QuoteCrashes(Endpoint):
    def order_number(self, text: str) -> int | None:
        if "'" in unquote(text) or '"' in unquote(text):
            raise crash("syntax error in SQL")
        return super().order_number(text)


@shelf.fault("id-injectable", "route.order-id", "The id is pasted into the SQL text, and means what it says.")
class Injectable(Endpoint):
    def order_number(self, text: str) -> int | None:
        match = re.match(r"([0-9]{1,18})['\")\s]*(?:\s(?:or|and|union)\s|;|--|/\*)", unquote(text), re.IGNORECASE)
        return int(match[1]) if match else super().order_number(text)


@shelf.fault(
    "id-normalized", "route.order-id", "URLs are normalized, by which full-width digits become plain ones."
)
class Normalized(Endpoint):
    def order_number(self, text: str) -> int | None:
        return super().order_number(
            unicodedata.normalize("NFKC", unquote(text)) if "%EF%BC" in text.upper() else text
        )


@shelf.fault(
    "id-malformed-own-body", "route.order-id", "The framework validates the id and says so in its own body."
)
class OwnBody(Endpoint):
    def find_order(self, call: Call) -> None:
        if self.order_number(call.order_text) is None:
            raise Refused(400, (), "validation failed")
        super().find_order(call)


@shelf.fault("id-malformed-403", "route.order-id", "A web application firewall refuses what looks like an attack.")
class Firewall(Endpoint):
    def read_route(self, call: Call) -> None:
        if re.search(rb"%(?:2[27fe]|00|3[bc])|\.\.", call.received.path, re.IGNORECASE):
            raise Refused(403, (), "request blocked")
        super().read_route(call)
