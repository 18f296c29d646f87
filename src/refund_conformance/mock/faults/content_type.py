"""Faults of the content type: what is taken for application/json, and what is said of the rest."""

from collections.abc import Callable
from email.message import Message
from email.parser import BytesParser
from urllib.parse import parse_qsl

from refund_conformance.mock.call import Answer, Call, Refused
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.builders import about, having, refused_as
from refund_conformance.mock.faults.fault import FaultyEndpoint, Shelf, crash

shelf = Shelf()

_OTHER = having(111)
_MISSING = about(111, "absent")


def accepting(takes: Callable[[str], bool]) -> FaultyEndpoint:
    """Return an endpoint that takes more content types, each given in lower case."""

    class AcceptingMore(Endpoint):
        def accepts_content_type(self, header: str) -> bool:
            return takes(header.lower()) or super().accepts_content_type(header)

    return AcceptingMore


shelf.put(
    "ct-unchecked", "content-type.other", "The body is parsed as JSON whatever it claims to be.", accepting(bool)
)
shelf.put(
    "ct-by-prefix",
    "content-type.other",
    "The header is compared as far as application/json goes.",
    accepting(lambda header: header.startswith("application/json")),
)
shelf.put(
    "ct-by-substring",
    "content-type.other",
    "Whatever has the word json in it will do.",
    accepting(lambda header: "json" in header),
)
shelf.put(
    "ct-json-suffix",
    "content-type.other",
    "Every +json type is JSON to the framework, as to Spring and Rails.",
    accepting(lambda header: header.partition(";")[0].strip().endswith("+json")),
)
shelf.put(
    "ct-text-json",
    "content-type.other",
    "text/json is on the framework's list, as in ASP.NET.",
    accepting(lambda header: header.startswith("text/json")),
)
shelf.put(
    "ct-text-plain",
    "content-type.other",
    "text/plain is read too, for clients that avoid a preflight request.",
    accepting(lambda header: header.startswith("text/plain")),
)
shelf.put(
    "ct-any-of-several",
    "content-type.other",
    "The header is split at commas and semicolons, and one part is enough.",
    accepting(lambda header: "application/json" in [part.strip() for part in header.replace(";", ",").split(",")]),
)
for _name, _story, _type in (
    (
        "x-json",
        "The framework's table of formats has the type from before there was a standard.",
        "application/x-json",
    ),
    (
        "jsonrequest",
        "The framework's table of formats has a proposal of 2006 for JSON.",
        "application/jsonrequest",
    ),
    ("first-word", "The header is read up to its first blank.", "application/json\ta"),
):
    shelf.put(f"ct-{_name}", "content-type.other", _story, accepting(lambda header, type_=_type: header == type_))  # type: ignore[misc]


def unvalidated(which: Callable[[str], bool]) -> FaultyEndpoint:
    """Return an endpoint that finds no validator for some content types which it accepts."""

    class Unvalidated(Endpoint):
        def check_fields(self, call: Call) -> None:
            if not any(map(which, call.received.values("content-type"))):
                super().check_fields(call)
            call.document = {"email": "account@example.com", **call.document}

    return Unvalidated


for _name, _story, _which in (
    ("case", "Validators are found by the header's text, in small letters.", lambda text: text != text.lower()),
    ("parameter", "Validators are found by the header's text, parameters and all.", lambda text: ";" in text),
    ("blank", "The type is what stands before the semicolon, blank included.", lambda text: " ;" in text),
):
    shelf.put(f"ct-{_name}-unvalidated", "description.type", _story, unvalidated(_which))

shelf.put(
    "ct-xml-unchecked",
    "content-type.other",
    "A second format was planned, its type is let in, its parser never came.",
    accepting(lambda header: "xml" in header),
)
shelf.put(
    "ct-multipart-as-json",
    "content-type.other",
    "The parser of multipart bodies falls back to JSON.",
    accepting(lambda header: header.startswith("multipart/form-data")),
)
shelf.put(
    "ct-wildcard",
    "content-type.other",
    "Content types are matched with the function for Accept, wildcards included.",
    accepting(lambda header: header in ("*/*", "application/*")),
)


class Forms(Endpoint):
    """Reads a form where one is sent."""

    media_type = "application/x-www-form-urlencoded"

    def check_content_type(self, call: Call) -> None:
        values = call.received.values("content-type")
        if not (values and values[0].lower().startswith(self.media_type)):
            super().check_content_type(call)

    def read_json(self, call: Call) -> None:
        content_type = (call.received.values("content-type") or [""])[0]
        form = self.form(content_type, call.received.body)
        if form and content_type.lower().startswith(self.media_type):
            call.document = form
        else:
            super().read_json(call)

    def form(self, content_type: str, body: bytes) -> dict[str, object]:
        """Return the form's fields; empty if it is none."""
        return dict(parse_qsl(body.decode("utf-8", "replace")))


shelf.put(
    "ct-form-accepted",
    "content-type.other",
    "Fields come from the request's parameters, in which a form is as good as JSON.",
    Forms,
)


@shelf.fault(
    "ct-multipart-accepted", "content-type.other", "The upload middleware unpacks multipart bodies first."
)
class Multipart(Forms):
    media_type = "multipart/form-data"

    def form(self, content_type: str, body: bytes) -> dict[str, object]:
        message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body)
        parts = message.get_payload()
        if not isinstance(parts, list):
            return {}
        return {
            str(part.get_param("name", header="content-disposition")): str(part.get_payload()).strip()
            for part in parts
            if isinstance(part, Message)
        }


@shelf.fault("ct-two-headers", "content-type.other", "Of two headers the last one counts.")
class LastHeader(Endpoint):
    def check_content_type(self, call: Call) -> None:
        values = [part.strip() for value in call.received.values("content-type") for part in value.split(",")]
        if not values or not self.accepts_content_type(values[-1]):
            super().check_content_type(call)


@shelf.fault(
    "ct-of-request-before", "content-type.missing", "The object for headers is used again, and not emptied before."
)
class OfRequestBefore(Endpoint):
    kept: tuple[str, ...] = ()

    def check_content_type(self, call: Call) -> None:
        self.kept = tuple(call.received.values("content-type")) or self.kept
        if len(self.kept) != 1 or not self.accepts_content_type(self.kept[0]):
            raise self.refusal(111, "content type of one request or another")


shelf.put(
    "ct-other-415",
    "content-type.other",
    "The framework answers unsupported media type before the code is asked.",
    refused_as(_OTHER, 415),
)
shelf.put(
    "ct-other-110",
    "content-type.other",
    "What is not said to be JSON is reported as JSON that is not valid.",
    refused_as(_OTHER, 400, (110,)),
)
shelf.put(
    "ct-other-15010",
    "content-type.other",
    "Without a parsed body every field is missing.",
    refused_as(_OTHER, 400, (15010,)),
)


@shelf.fault("ct-form-110", "content-type.other", "Only the absence of JSON is noticed: a form fails to parse.")
class ParsedFirst(Endpoint):
    steps = ("route", "authorization", "json", "caller", "order", "state", "fields")


@shelf.fault("ct-xml-500", "content-type.other", "No converter is registered for the type, and that is an error.")
class NoConverter(Endpoint):
    def check_content_type(self, call: Call) -> None:
        if any("xml" in value.lower() for value in call.received.values("content-type")):
            raise crash("no message converter")
        super().check_content_type(call)


@shelf.fault("ct-missing-is-json", "content-type.missing", "Without a header JSON is assumed.")
class MissingIsJson(Endpoint):
    def check_content_type(self, call: Call) -> None:
        if any(call.received.values("content-type")):
            super().check_content_type(call)


@shelf.fault("ct-missing-sniffed", "content-type.missing", "Without a header the body's first character decides.")
class Sniffed(Endpoint):
    def check_content_type(self, call: Call) -> None:
        if call.received.values("content-type") or not call.received.body.startswith(b"{"):
            super().check_content_type(call)


shelf.put("ct-missing-415", "content-type.missing", "The framework's own answer.", refused_as(_MISSING, 415, ()))
shelf.put(
    "ct-missing-500",
    "content-type.missing",
    "The header is null and is asked for its length.",
    refused_as(_MISSING, 500, ()),
)


@shelf.fault(
    "ct-charset-demanded", "content-type.exact", "The header is compared with what the first client sent."
)
class CharsetDemanded(Endpoint):
    def accepts_content_type(self, header: str) -> bool:
        return header.lower().replace(" ", "") == "application/json;charset=utf-8"


@shelf.fault("ct-accept-demanded", "content-type.exact", "The check looks at Accept instead of Content-Type.")
class AcceptDemanded(Endpoint):
    def check_content_type(self, call: Call) -> None:
        super().check_content_type(call)
        if call.received.values("accept") != ["application/json"]:
            raise self.refusal(111, "accept header")


@shelf.fault("ct-text-html-refusal", "errors.media-type", "The refusal comes from a filter that writes web pages.")
class HtmlRefusal(Endpoint):
    def answer_refusal(self, refusal: Refused, step: str) -> Answer:
        answer = super().answer_refusal(refusal, step)
        if not _OTHER(refusal):
            return answer
        return Answer(answer.status, answer.body, "text/html", answer.headers, step, refusal.reason, answer.codes)
