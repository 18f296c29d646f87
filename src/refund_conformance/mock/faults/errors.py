"""Faults of error answers: their form, their codes, their status and their words."""

import json
from collections.abc import Callable
from dataclasses import replace

from refund_conformance.mock.call import Answer, Call, Error, Refused
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.builders import FieldsLast, error_of, having, refused_as
from refund_conformance.mock.faults.fault import FaultyEndpoint, Shelf
from refund_conformance.mock.tables import Order, Status

shelf = Shelf()

Errors = tuple[Error, ...]


# ---- form


def documenting(document: Callable[[Errors], object]) -> FaultyEndpoint:
    """Return an endpoint whose error bodies are made in another way."""

    class Documenting(Endpoint):
        def error_document(self, errors: Errors) -> object:
            return document(errors)

    return Documenting


def entering(entry: Callable[[Error], object]) -> FaultyEndpoint:
    """Return an endpoint whose error entries are made in another way."""

    class Entering(Endpoint):
        def error_entry(self, error: Error) -> object:
            return entry(error)

    return Entering


def _plain(errors: Errors) -> list[object]:
    return [{"error": error.code, "message": error.message} for error in errors]


for _name, _story, _document in (
    ("list", "The list is sent without the object around it.", _plain),
    ("single", "A single error is not put into a list.", lambda errors: {"errors": _plain(errors)[0]}),
    ("singular", "The member is called error.", lambda errors: {"error": _plain(errors)}),
    (
        "keyed",
        "PHP makes an object of a list whose indexes have gaps.",
        lambda errors: {"errors": {str(number): entry for number, entry in enumerate(_plain(errors), 1)}},
    ),
    ("empty-list", "The list is filled after it was written.", lambda errors: {"errors": []}),
    ("null", "The list is filled after it was written, and starts as null.", lambda errors: {"errors": None}),
    ("nested", "Errors are collected in lists by field.", lambda errors: {"errors": [_plain(errors)]}),
    (
        "problem",
        "The framework writes problem details of RFC 9457.",
        lambda errors: {"type": "about:blank", "title": "Bad Request", "detail": errors[0].message},
    ),
    (
        "wrapped",
        "An envelope is put around every answer.",
        lambda errors: {"status": "error", "data": {"errors": _plain(errors)}},
    ),
    (
        "messages-only",
        "The list has texts instead of objects.",
        lambda errors: {"errors": [error.message for error in errors]},
    ),
    (
        "encoded-twice",
        "The body is JSON text within JSON text.",
        lambda errors: json.dumps({"errors": _plain(errors)}),
    ),
):
    shelf.put(f"errors-{_name}", "errors.shape", _story, documenting(_document))

for _name, _story, _entry in (
    (
        "code-as-text",
        "Codes are text in the database.",
        lambda error: {"error": str(error.code), "message": error.message},
    ),
    (
        "code-named-code",
        "The member is called code.",
        lambda error: {"code": error.code, "message": error.message},
    ),
    ("code-missing", "The code is in the log only.", lambda error: {"message": error.message}),
    ("code-null", "The code could not be mapped.", lambda error: {"error": None, "message": error.message}),
    ("message-null", "The translation is missing.", lambda error: {"error": error.code, "message": None}),
    (
        "message-object",
        "The message is an object of translations.",
        lambda error: {"error": error.code, "message": {"en": error.message}},
    ),
    (
        "code-fraction",
        "Codes went through a spreadsheet.",
        lambda error: {"error": error.code + 0.5, "message": error.message},
    ),
):
    shelf.put(f"errors-{_name}", "errors.shape", _story, entering(_entry))

shelf.put(
    "errors-message-missing",
    "errors.message",
    "A production setting hides messages.",
    entering(lambda error: {"error": error.code}),
)
shelf.put(
    "errors-message-empty",
    "errors.message",
    "The translation is missing and falls back to nothing.",
    entering(lambda error: {"error": error.code, "message": ""}),
)


def answering(change: Callable[[Answer], Answer]) -> FaultyEndpoint:
    """Return an endpoint whose error answers are changed when they are done."""

    class Answering(Endpoint):
        def answer_refusal(self, refusal: Refused, step: str) -> Answer:
            answer = super().answer_refusal(refusal, step)
            return change(answer) if answer.codes else answer

    return Answering


for _name, _story, _change in (
    (
        "no-body",
        "The body is dropped for errors by a proxy.",
        lambda answer: replace(answer, body=b"", media_type=""),
    ),
    (
        "page",
        "A proxy replaces error bodies by its own page.",
        lambda answer: replace(answer, body=b"<h1>Error</h1>", media_type="text/html"),
    ),
    (
        "cut",
        "The length was counted before the message was translated.",
        lambda answer: replace(answer, body=answer.body[:-2]),
    ),
    (
        "warning-before",
        "PHP prints a warning before the body.",
        lambda answer: replace(answer, body=b"<br />\n<b>Warning</b>: x\n" + answer.body),
    ),
    (
        "401-empty",
        "The security layer answers 401 by itself, without a body.",
        lambda answer: replace(answer, body=b"", media_type="") if answer.status == 401 else answer,
    ),
    (
        "404-page",
        "The web server has its own page for 404.",
        lambda answer: (
            replace(answer, body=b"<h1>Not Found</h1>", media_type="text/html") if answer.status == 404 else answer
        ),
    ),
    (
        "latin1",
        "The body is written in Latin-1.",
        lambda answer: replace(answer, body=answer.body.replace(b'"}', b' \xe9"}')),
    ),
):
    shelf.put(f"errors-{_name}", "errors.shape", _story, answering(_change))

for _name, _story, _media_type in (
    ("text-html", "The content type is the language's default.", "text/html; charset=UTF-8"),
    ("text-plain", "The body is written as text.", "text/plain"),
    ("problem-json", "The framework's content type for errors.", "application/problem+json"),
    ("untyped", "Nobody set a content type.", ""),
    ("octets", "The web server does not know the type.", "application/octet-stream"),
):
    shelf.put(
        f"errors-as-{_name}",
        "errors.media-type",
        _story,
        answering(lambda answer, _type=_media_type: replace(answer, media_type=_type)),  # type: ignore[misc]
    )

# ---- codes


def recoding(code: Callable[[int], int]) -> FaultyEndpoint:
    """Return an endpoint with other codes in its error entries."""

    class Recoding(Endpoint):
        def error_entry(self, error: Error) -> object:
            return {"error": code(error.code), "message": error.message}

    return Recoding


for _name, _story, _code in (
    (
        "status-as-code",
        "The HTTP status is repeated in the body.",
        lambda code: 404 if code == 15060 else 401 if code < 1100 and code > 1000 else 400,
    ),
    ("shifted", "The codes of a neighbouring API are used.", lambda code: code + 10_000),
    ("zero", "An unset enumeration is zero.", lambda code: 0),
    ("negative", "Codes are negative inside, and were not turned.", lambda code: -code),
    ("15010-detailed", "Each rule of a field has its own code.", lambda code: 15011 if code == 15010 else code),
    (
        "15060-as-15061",
        "The table was renumbered, and one row forgotten.",
        lambda code: 15061 if code == 15060 else code,
    ),
):
    shelf.put(f"errors-{_name}", "errors.known-codes", _story, recoding(_code))

# ---- status


def _any(refusal: Refused) -> bool:
    return bool(refusal.errors)


for _name, _story, _which, _status in (
    ("all-200", "Errors are told in the body, and HTTP is only the carrier.", _any, 200),
    ("all-400", "One handler gives every error the same status.", _any, 400),
    ("all-500", "Every exception is the server's.", _any, 500),
    ("15010-422", "Validation errors are unprocessable, as in Laravel and FastAPI.", having(15010), 422),
    ("15050-200", "A request that exists already is as good as created.", having(15050), 200),
    ("15060-410", "An order that is not there is gone.", having(15060), 410),
    ("110-406", "Somebody picked a status by its sound.", having(110), 406),
    ("111-406", "The negotiator answers not acceptable.", having(111), 406),
    ("401-as-400", "The code of the body is thought to be enough.", having(1007, 1008, 1009), 400),
):
    shelf.put(f"errors-{_name}", "errors.status", _story, refused_as(_which, _status))

# ---- alone or together


def adding(which: Callable[[Refused], bool], code: int) -> FaultyEndpoint:
    """Return an endpoint that adds an error to some refusals."""

    class Adding(Endpoint):
        def answer_refusal(self, refusal: Refused, step: str) -> Answer:
            if which(refusal):
                errors = (*refusal.errors, error_of(self, code))
                refusal = Refused(refusal.status, errors, refusal.reason, refusal.headers)
            return super().answer_refusal(refusal, step)

    return Adding


shelf.put(
    "errors-110-and-15010",
    "errors.alone",
    "After a failed parse the fields are found missing too.",
    adding(having(110), 15010),
)
shelf.put(
    "errors-111-and-110",
    "errors.alone",
    "Without its type the body is not parsed, and that is an error too.",
    adding(having(111), 110),
)
shelf.put(
    "errors-15030-and-15050",
    "errors.alone",
    "All conditions are joined in one answer.",
    adding(having(15030), 15050),
)
shelf.put(
    "errors-15040-and-15030",
    "errors.alone",
    "A price of zero counts as unpaid as well.",
    adding(having(15040), 15030),
)
shelf.put(
    "errors-15050-twice",
    "errors.alone",
    "Two open requests are found by a join, and each is reported.",
    adding(having(15050), 15050),
)
shelf.put(
    "errors-15060-and-15030", "errors.alone", "What is not found is not paid either.", adding(having(15060), 15030)
)
shelf.put(
    "errors-15010-and-110",
    "errors.alone",
    "An invalid field makes the whole JSON invalid.",
    adding(having(15010), 110),
)


@shelf.fault(
    "errors-state-and-fields", "errors.alone", "State and fields are validated together by one validator."
)
class StateAndFields(FieldsLast):
    def check_state(self, call: Call) -> None:
        try:
            super().check_state(call)
        except Refused as refusal:
            fields = tuple(self.field_error(name) for name in self.invalid_fields(call))
            raise Refused(refusal.status, refusal.errors + fields, refusal.reason) from None


@shelf.fault("errors-all-states", "errors.alone", "Every condition that fails is listed.")
class AllStates(Endpoint):
    def check_state(self, call: Call) -> None:
        try:
            super().check_state(call)
        except Refused as refusal:
            errors = [*refusal.errors, *(self._also(call.order, refusal.codes))]
            raise Refused(refusal.status, tuple(errors), refusal.reason) from None

    def _also(self, order: Order | None, codes: tuple[int, ...]) -> list[Error]:
        unpaid = order is not None and order.status is not Status.PAID
        return [error_of(self, 15040)] if unpaid and 15040 not in codes else []


# ---- words


def wording(words: Callable[[Error], str]) -> FaultyEndpoint:
    """Return an endpoint with other messages."""

    class Wording(Endpoint):
        def error_entry(self, error: Error) -> object:
            return {"error": error.code, "message": words(error)}

    return Wording


for _name, _story, _words in (
    ("code", "The message is the code once more.", lambda error: str(error.code)),
    ("key", "The key of the translation is sent instead of its text.", lambda error: f"refund.error.{error.code}"),
    (
        "constant",
        "One text serves for all errors but those of fields.",
        lambda error: error.message if error.code == 15010 else "Bad request",
    ),
    (
        "translated",
        "The server's language is another.",
        lambda error: error.message if error.code == 15010 else "Возврат невозможен.",
    ),
    (
        "prefixed",
        "The class of the exception stands before the message.",
        lambda error: f"RefundException: {error.message}",
    ),
    (
        "shouted",
        "Messages are put in capitals for attention.",
        lambda error: error.message if error.code == 15010 else error.message.upper(),
    ),
):
    shelf.put(f"errors-message-{_name}", "errors.message", _story, wording(_words))
