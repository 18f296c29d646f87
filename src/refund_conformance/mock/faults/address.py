"""Faults of the email: whether it must be there, how long it may be, and what is taken for an address."""

import re
from collections.abc import Callable
from urllib.parse import parse_qsl

from refund_conformance.mock.call import Call, Refused
from refund_conformance.mock.checks import LONGEST_EMAIL
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.builders import is_a
from refund_conformance.mock.faults.fault import FaultyEndpoint, Shelf, crash

shelf = Shelf()


class Substituting(Endpoint):
    """Puts an address of its own where the request has none."""

    def replaces(self, document: dict[str, object]) -> bool:
        """Tell whether the document's email is replaced."""
        return "email" not in document

    def check_fields(self, call: Call) -> None:
        if self.replaces(call.document):
            call.document = {**call.document, "email": "account@example.com"}
        super().check_fields(call)


def substituting(which: Callable[[dict[str, object]], bool]) -> FaultyEndpoint:
    """Return an endpoint that replaces some emails by one that is valid."""

    class Chosen(Substituting):
        def replaces(self, document: dict[str, object]) -> bool:
            return which(document)

    return Chosen


def _given(which: Callable[[object], bool]) -> Callable[[dict[str, object]], bool]:
    return lambda document: "email" in document and which(document["email"])


def _email(document: dict[str, object]) -> object:
    return document.get("email", 0)


shelf.put(
    "email-optional",
    "email.required",
    "Without one the account's address is used.",
    substituting(lambda document: "email" not in document),
)


@shelf.fault(
    "email-in-query", "email.required", "Fields come from the request's parameters, those of the URL too."
)
class InQuery(Endpoint):
    def check_fields(self, call: Call) -> None:
        call.document = {**dict(parse_qsl(call.received.query.decode("latin-1"))), **call.document}
        super().check_fields(call)


@shelf.fault(
    "email-of-request-before",
    "email.required",
    "Requests are read into one object, in which old values stay.",
)
class OfRequestBefore(Endpoint):
    kept: object = None

    def check_fields(self, call: Call) -> None:
        self.kept = call.document.get("email", self.kept)
        if self.kept is not None:
            call.document = {"email": self.kept, **call.document}
        super().check_fields(call)


@shelf.fault("email-missing-500", "email.required", "The key is read before it is looked for.")
class MissingCrashes(Endpoint):
    def check_fields(self, call: Call) -> None:
        if "email" not in call.document:
            raise crash("KeyError: email")
        super().check_fields(call)


@shelf.fault(
    "email-missing-110", "email.required", "A missing property fails the deserializer, as in Rust and Kotlin."
)
class MissingIs110(Endpoint):
    def check_fields(self, call: Call) -> None:
        if "email" not in call.document:
            raise self.refusal(110, "missing property email")
        super().check_fields(call)


@shelf.fault("email-missing-unless-described", "email.required", "Some field must be there, whichever.")
class SomeField(Substituting):
    def replaces(self, document: dict[str, object]) -> bool:
        return "email" not in document and "description" in document


# ---- length


def limited(longest: int) -> FaultyEndpoint:
    """Return an endpoint with another limit for emails."""

    class Limited(Endpoint):
        def is_email(self, value: object) -> bool:
            if isinstance(value, str) and len(value) > LONGEST_EMAIL:
                return len(value) <= longest and self.is_address(value)
            return super().is_email(value) and (not isinstance(value, str) or len(value) <= longest)

    return Limited


for _name, _story, _longest in (
    ("81-accepted", "The comparison is off by one.", 81),
    ("80-refused", "The limit is compared with less-than.", 79),
    ("unlimited", "The limit stands in the documentation only.", 10**9),
    ("limit-254", "The validator has the limit of the mail standard instead of the document's.", 254),
    ("limit-100", "The column was made a little larger to be safe.", 100),
    ("limit-64", "The limit of the part before the @ is applied to the whole.", 64),
):
    shelf.put(f"email-{_name}", "email.max-length", _story, limited(_longest))


@shelf.fault("email-trimmed-before-count", "email.max-length", "The address is trimmed first, and then measured.")
class TrimmedFirst(Endpoint):
    def is_email(self, value: object) -> bool:
        return super().is_email(value.rstrip() if isinstance(value, str) else value)


@shelf.fault("email-long-500", "email.max-length", "The column is too short, and only the database knows.")
class LongCrashes(Endpoint):
    def is_email(self, value: object) -> bool:
        if isinstance(value, str) and len(value) > LONGEST_EMAIL and self.is_address(value):
            raise crash("value too long for type character varying(80)")
        return super().is_email(value)


# ---- format


def addressed(pattern: str) -> FaultyEndpoint:
    """Return an endpoint that takes texts of the pattern for addresses as well."""

    class Addressed(Endpoint):
        def is_address(self, text: str) -> bool:
            return bool(re.fullmatch(pattern, text, re.DOTALL)) or super().is_address(text)

    return Addressed


def addressed_only(pattern: str) -> FaultyEndpoint:
    """Return an endpoint that takes for addresses only what has the pattern."""

    class AddressedOnly(Endpoint):
        def is_address(self, text: str) -> bool:
            return bool(re.fullmatch(pattern, text)) and super().is_address(text)

    return AddressedOnly


for _name, _story, _pattern in (
    ("format-unchecked", "Any text that is not blank will do.", r".*\S.*"),
    ("one-at-will-do", "The only check is for an @.", r"[^@\s]*@[^@\s]*"),
    ("empty-domain", "The pattern has a star where a plus belongs, after the @.", r"[^@\s]+@"),
    ("empty-local-part", "The pattern has a star where a plus belongs, before the @.", r"@[^@\s]+"),
    ("two-ats", "The pattern takes anything around an @, another @ included.", r"[^\s]+@[^\s]+"),
    ("inner-space", "The dot of the pattern matches spaces.", r"[^@]*\S[^@]*@[^@]*\S[^@]*"),
    (
        "display-name",
        "The parser is one for mail headers: a name and an address in angle brackets.",
        r".*<[^@\s]+@[^@\s]+>",
    ),
    (
        "list",
        "Several addresses may be given, with commas between them.",
        r"[^@\s,]+@[^@\s,]+(?:[,;]\s*[^@\s,]+@[^@\s,]+)+",
    ),
    ("tabs", "The pattern excludes spaces, and no other white space.", r"[^@ \n]+@[^@ \n]+\.[^@ \n]+"),
    ("new-lines", "The pattern is matched line by line.", r"[^@\s]+@[^@\s]+\n[^@]*"),
    ("label-empty", "The pattern has dots among the letters of the domain.", r"[^@\s]+@[^@\s]+\.\.[^@\s]+"),
    ("label-long", "The pattern has no limit for labels.", r"[^@\s]+@[^@\s]{64,}"),
    ("link", "The parser is one for links.", r"mailto:[^@\s]+@[^@\s]+"),
    ("nul", "A library in C reads up to NUL.", r"[^@\s]*\0[^@\s]*@[^@\s]+"),
    ("surrogate", "Any character but some is a letter to the pattern.", r"[^@\s]*[\ud800-\udfff][^@\s]*@[^@\s]+"),
    ("blank-around-at", "The pattern allows blanks around the @, as headers do.", r"[^@\s]+\s*@\s*[^@\s]+"),
    ("pattern-unanchored", "The pattern is searched for, not matched.", r".*[\w.]+@\w+\.\w+.*"),
):
    shelf.put(f"email-{_name}", "email.format", _story, addressed(_pattern))


def crashing_on(reason: str, pattern: str) -> FaultyEndpoint:
    """Return an endpoint that crashes on texts of a pattern."""

    class Crashing(Endpoint):
        def is_address(self, text: str) -> bool:
            if re.fullmatch(pattern, text, re.DOTALL):
                raise crash(reason)
            return super().is_address(text)

    return Crashing


for _name, _story, _pattern in (
    ("label-empty", "An empty label cannot be encoded for the DNS.", r".*@.*\.\..*"),
    ("label-long", "A label of more than 63 letters cannot be encoded for the DNS.", r".*@[^.]{64}.*"),
    ("nul", "PostgreSQL's text cannot hold the character NUL.", r".*\0.*"),
    ("surrogate", "Half of a surrogate pair cannot be written as UTF-8.", r".*[\ud800-\udfff].*"),
):
    shelf.put(f"email-{_name}-500", "email.format", _story, crashing_on(_name, _pattern))


@shelf.fault("email-no-at-500", "email.format", "The part after the @ is taken unseen.")
class NoAtCrashes(Endpoint):
    def is_address(self, text: str) -> bool:
        if text.strip() and "@" not in text:
            raise crash("list index out of range")
        return super().is_address(text)


# ---- empty, type, null

shelf.put(
    "email-empty-accepted",
    "email.empty",
    "The format is checked only if there is something to check.",
    substituting(lambda document: _email(document) == ""),
)
shelf.put(
    "email-blank-accepted",
    "email.empty",
    "The value is trimmed, and then counts as not given.",
    substituting(lambda document: isinstance(_email(document), str) and not str(_email(document)).strip()),
)
shelf.put(
    "email-spaces-accepted",
    "email.empty",
    "Required means that the length is not zero.",
    substituting(lambda document: isinstance(_email(document), str) and str(_email(document)).isspace()),
)


@shelf.fault("email-empty-500", "email.empty", "The first character of an empty text is asked for.")
class EmptyCrashes(Endpoint):
    def is_address(self, text: str) -> bool:
        if not text.strip():
            raise crash("string index out of range")
        return super().is_address(text)


for _name, _story, _which in (
    ("number-accepted", "Only text is checked for its format.", is_a(float)),
    ("boolean-accepted", "true is truthy, and that is all that is asked.", lambda value: value is True),
    (
        "array-first",
        "A list is unwrapped to its first element.",
        lambda value: isinstance(value, list) and bool(value),
    ),
    ("array-accepted", "Lists are validated element by element, none of which fails.", is_a(list)),
    ("object-accepted", "An object is serialized to text later.", is_a(dict)),
):
    shelf.put(f"email-{_name}", "email.type", _story, substituting(_given(_which)))


@shelf.fault("email-type-500", "email.type", "A method of strings is called on whatever came.")
class TypeCrashes(Endpoint):
    def is_email(self, value: object) -> bool:
        if value is not None and not isinstance(value, str):
            raise crash("unhashable or without strip")
        return super().is_email(value)


@shelf.fault("email-type-110", "email.type", "Decoding into a typed record fails as a whole, as in Go and Java.")
class TypeIs110(Endpoint):
    def is_email(self, value: object) -> bool:
        if value is not None and not isinstance(value, str):
            raise self.refusal(110, "cannot unmarshal into string")
        return super().is_email(value)


shelf.put(
    "email-null-accepted",
    "email.null",
    "The key is there, and that is what required means.",
    substituting(lambda document: _email(document) is None),
)


@shelf.fault("email-null-500", "email.null", "null passes for a text until it is used.")
class NullCrashes(Endpoint):
    def is_email(self, value: object) -> bool:
        if value is None:
            raise crash("null pointer")
        return super().is_email(value)


@shelf.fault("email-null-110", "email.null", "null in a property that cannot be null fails the deserializer.")
class NullIs110(Endpoint):
    def is_email(self, value: object) -> bool:
        if value is None:
            raise self.refusal(110, "null for non-nullable property")
        return super().is_email(value)


# ---- ordinary addresses that are refused

for _name, _story, _pattern in (
    ("plus-refused", "The pattern's letters before the @ lack the plus.", r"[^+]+"),
    ("digits-refused", "The pattern wants letters only before the @.", r"[^0-9]+@.*"),
    ("dots-refused", "The pattern is \\w+@ and so on.", r"[^.]+@.*"),
    ("hyphen-refused", "The pattern's letters lack the hyphen.", r"[^-]+"),
    ("capitals-refused", "The pattern has small letters, and the flag was forgotten.", r"[^A-Z]+"),
    ("subdomain-refused", "The domain may have one dot.", r"[^@]+@[^.@]+\.[^.@]+"),
    ("long-ending-refused", "Top-level domains are thought to have two to four letters.", r".*\.[A-Za-z]{2,4}"),
    ("apostrophe-refused", "A filter against injection refuses the apostrophe.", r"[^']+"),
    ("underscore-refused", "The pattern's letters before the @ lack the underscore.", r"[^_]+@.*"),
):
    shelf.put(f"email-{_name}", "email.accepts", _story, addressed_only(_pattern))


@shelf.fault(
    "email-normalized-500", "email.accepts", "A lookup of the domain's mail server fails, and is not caught."
)
class LookupCrashes(Endpoint):
    def is_address(self, text: str) -> bool:
        if super().is_address(text) and text.partition("@")[2].count(".") > 1:
            raise crash("no such domain")
        return super().is_address(text)


@shelf.fault("email-422", "errors.status", "The validation library answers with its own status.")
class Unprocessable(Endpoint):
    def check_fields(self, call: Call) -> None:
        try:
            super().check_fields(call)
        except Refused as refusal:
            raise Refused(422, refusal.errors, refusal.reason) from None
