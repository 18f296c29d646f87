"""The checks that a request passes on its way to a refund request, one method each.

Each either returns, having noted in the call what it found, or raises Refused. They stand in small pieces so
that a server with a fault can be had by replacing one of them.
"""

import re
from urllib.parse import quote, unquote

from refund_conformance.contract.model import Contract
from refund_conformance.mock.answers import Answers
from refund_conformance.mock.call import Call, Error, Refused
from refund_conformance.mock.json_text import JsonText, NotJsonError, read_json
from refund_conformance.mock.media_type import read_media_type
from refund_conformance.mock.store import Situation, Store
from refund_conformance.mock.tables import Order, Status, User
from refund_conformance.mock.tokens import TokenRefusedError, Tokens

LONGEST_DESCRIPTION = 500
LONGEST_EMAIL = 80
FIELDS = ("description", "email")

_ORDER_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_UNPLAUSIBLE = re.compile(r"[\s\x00-\x20\x7f-\x9f\ud800-\udfff]")
_LONGEST_LABEL = 63
_MANY_MEMBERS = 100
_LARGE_BODY = 64 * 1024
_LONGEST_ID = 255
_CHARSETS = ("", "utf-8")
_CHARSET = re.compile(r";[ \t]*charset=\"?([^;\"]*)", re.IGNORECASE)
_BLANK = re.compile(r"\r\n|[ \t\r\n]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Checks:
    """The checks against one contract, with one set of answers to its open questions."""

    def __init__(self, contract: Contract, store: Store, tokens: Tokens, answers: Answers) -> None:
        self.contract = contract
        self.store = store
        self.tokens = tokens
        self.answers = answers
        before, _, after = contract.operation.path.partition("{order}")
        self.route = re.compile(re.escape(before) + r"([^/]+)" + re.escape(after))

    def refusal(self, code: int, reason: str, **names: str) -> Refused:
        """Return the refusal for one code of the error table, with its documented status and message."""
        row = self.contract.errors[code]
        return Refused(row.status, (Error(code, row.message.format(**names)),), reason)

    # ---- route

    def read_route(self, call: Call) -> None:
        """Find the order's id in the URL; refuse other URLs and methods."""
        match = self.match_route(call)
        self.check_size(call, match or "")
        self.check_path(call)
        if match is None:
            raise Refused(404, (), "no such URL")
        call.order_text = match
        self.check_method(call)

    def check_size(self, call: Call, order: str) -> None:
        """Refuse an id or a body that is too large for a front, if there is one."""
        if self.answers.oversized_request == "http-status":
            if len(order) > _LONGEST_ID:
                raise Refused(414, (), "URI too long")
            if len(call.received.body) > _LARGE_BODY:
                raise Refused(413, (), "content too large")

    def check_path(self, call: Call) -> None:
        """Redirect from a path with dot segments or empty ones, if such are cleaned here."""
        segments = unquote(call.received.path.decode("latin-1"), "latin-1").split("/")[1:]
        if self.answers.path_cleaning == "redirect" and not {"", ".", ".."}.isdisjoint(segments):
            clean = "/" + "/".join(segment for segment in segments if segment not in ("", ".", ".."))
            location = quote(clean, "/", "latin-1").encode("ascii")
            raise Refused(301, (), "moved permanently", ((b"location", location),))

    def match_route(self, call: Call) -> str | None:
        """Return the text that stands for the order's id, or None for another URL."""
        match = self.route.fullmatch(call.received.path.decode("latin-1"))
        return match[1] if match else None

    def check_method(self, call: Call) -> None:
        """Refuse any method but that of the operation."""
        if call.received.method != self.contract.operation.method:
            allow = self.contract.operation.method.encode("ascii")
            raise Refused(405, (), f"method {call.received.method}", ((b"allow", allow),))

    # ---- authorization

    def authorize(self, call: Call) -> None:
        """Find out who calls."""
        header = self.authorization(call)
        token = self.token_in(header)
        call.user = self.user_of(token)

    def authorization(self, call: Call) -> str:
        """Return the one authorization header's value."""
        values = call.received.values(self.contract.operation.authorization_header)
        if not any(values):
            raise self.refusal(1008, "no authorization header" if not values else "empty authorization header")
        if len(values) > 1:
            raise self.refusal(1007, "several authorization headers")
        return values[0]

    def token_in(self, header: str) -> str:
        """Return the token that follows the scheme."""
        scheme, _, token = header.partition(" ")
        expected = self.contract.operation.authorization_scheme
        if self.answers.bearer_case == "accepted":
            scheme, expected = scheme.lower(), expected.lower()
        if scheme != expected:
            raise self.refusal(1007, f"not the scheme {self.contract.operation.authorization_scheme}")
        if not token:
            raise self.refusal(1008, "the scheme without a token")
        return token

    def user_of(self, token: str) -> str:
        """Return the user whom a valid token names."""
        try:
            return self.tokens.read(token)
        except TokenRefusedError as problem:
            raise self.refusal(problem.code, problem.reason) from None

    # ---- content type

    def check_content_type(self, call: Call) -> None:
        """Refuse a body that is not said to be JSON."""
        self.check_encoding(call)
        values = call.received.values("content-type")
        if len(values) != 1 or not self.accepts_content_type(values[0]):
            raise self.refusal(111, f"content type {', '.join(values)[:100] or 'absent'}")

    def check_encoding(self, call: Call) -> None:
        """Refuse a charset or a content coding other than none, and a body without its length, if not taken."""
        charsets = [_CHARSET.search(value) for value in call.received.values("content-type")]
        odd = any(match is not None and match[1].lower() not in _CHARSETS for match in charsets)
        if self.answers.unsupported_encoding == "refused" and (odd or call.received.values("content-encoding")):
            raise Refused(415, (), "unsupported charset or content coding")

    def accepts_content_type(self, header: str) -> bool:
        """Tell whether the header says application/json."""
        media_type = read_media_type(header)
        if media_type is None or (
            media_type.has_parameters and self.answers.content_type_parameters != "accepted"
        ):
            return False
        name = media_type.name.lower() if self.answers.content_type_case == "accepted" else media_type.name
        return name == self.contract.operation.media_type

    # ---- JSON

    def read_json(self, call: Call) -> None:
        """Read the body as a JSON object."""
        if self.answers.chunked_body == "411" and call.received.values("transfer-encoding"):
            raise Refused(411, (), "length required")
        try:
            found = self.parse_body(call.received.body)
        except NotJsonError as problem:
            raise self.refusal(110, str(problem)) from None
        call.document = self.object_of(found.value)
        self.check_members(call)
        call.repeated, call.deep = found.repeated, found.deep

    def check_members(self, call: Call) -> None:
        """Refuse an object for its members' number or names, if that is how this server does it."""
        if self.answers.unusual_members == "refused" and len(call.document) > _MANY_MEMBERS:
            raise self.refusal(110, "too many members")
        if self.answers.unknown_field == "110" and not call.document.keys() <= set(FIELDS):
            raise self.refusal(110, "unknown members")

    def parse_body(self, body: bytes) -> JsonText:
        """Return the body's JSON text, or raise NotJsonError."""
        return read_json(body, self.answers)

    def object_of(self, value: object) -> dict[str, object]:
        """Return the members of a JSON value that is an object."""
        if not isinstance(value, dict):
            raise self.refusal(110, f"a {type(value).__name__}, not an object")
        return value

    # ---- caller and order

    def situation(self, call: Call) -> Situation:
        """Read user and order from the store, once for each call."""
        if call.situation is None:
            call.situation = self.store.situation(call.user, self.order_number(call.order_text) or 0)
        return call.situation

    def identify_caller(self, call: Call) -> None:
        """Refuse a caller whose configuration cannot be told."""
        user = self.situation(call).user
        if user is None or not user.configured:
            if self.answers.unconfigured_order == "15060":
                raise self.order_not_found(call)
            raise self.refusal(15000, "no configuration for the caller")

    def order_number(self, text: str) -> int | None:
        """Return the order's number, or None if the text is not a plain decimal one."""
        return int(text) if _ORDER_ID.fullmatch(text) else None

    def find_order(self, call: Call) -> None:
        """Find the order among those that the caller may see."""
        if self.order_number(call.order_text) is None and self.answers.malformed_order_id == "400":
            row = self.contract.errors[15010]
            raise Refused(400, (Error(row.code, row.message.format(field="order id")),), "malformed order id")
        situation = self.situation(call)
        if situation.order is None or not self.may_see(situation.user, situation.order):
            raise self.order_not_found(call)
        call.order = situation.order

    def may_see(self, user: User | None, order: Order) -> bool:
        """Tell whether the order is one of the user's merchant."""
        return user is not None and user.merchant == order.merchant

    def order_not_found(self, call: Call) -> Refused:
        """Return the refusal for an order that does not exist, or is not the caller's."""
        if self.answers.order_not_found_code == "15020":
            # The document's example has this code and text, its table has not.
            return Refused(404, (Error(15020, "Order not found."),), "no such order")
        return self.refusal(15060, "no such order")

    def check_state(self, call: Call) -> None:
        """Refuse an order that is not paid, costs nothing, or is being refunded already."""
        assert call.order is not None  # noqa: S101  (find_order stands before this check)
        code = self.state_error(call.order)
        if code:
            raise self.refusal(code, f"the order is {call.order.status}, refund request {call.order.refund}")

    def state_error(self, order: Order) -> int | None:
        """Return the code that says why the order cannot be refunded, if it cannot."""
        if order.status is not Status.PAID:
            return 15030
        if order.price <= 0:
            return 15040
        return 15050 if order.open_refund else None

    # ---- fields

    def check_fields(self, call: Call) -> None:
        """Refuse the request with one error for every invalid field."""
        names = self.invalid_fields(call)
        if names:
            raise Refused(
                self.contract.errors[15010].status,
                tuple(self.field_error(name) for name in names for _ in range(self.reasons(name, call.document))),
                f"invalid: {', '.join(names)[:200]}",
            )

    def invalid_fields(self, call: Call) -> tuple[str, ...]:
        """Return the names of the invalid fields, each once."""
        document = call.document
        names = [name for name in FIELDS if not self.is_valid(name, document)]
        if self.answers.unknown_field == "15010":
            names += [name for name in document if name not in FIELDS]
        if self.answers.duplicate_keys == "15010":
            names += call.repeated
        if self.answers.deep_nesting == "15010":
            names += [name for name in call.deep if name not in FIELDS]
        return tuple(dict.fromkeys(names))

    def reasons(self, name: str, document: dict[str, object]) -> int:
        """Return how many errors an invalid field gets."""
        value = document.get(name)
        if self.answers.repeated_field_errors == "once" or name != "email" or not isinstance(value, str):
            return 1
        return 1 + (self.length(value) > LONGEST_EMAIL and not self.is_address(value))

    def field_error(self, name: str) -> Error:
        """Return the error that names an invalid field."""
        return Error(15010, self.contract.errors[15010].message.format(field=name))

    def is_valid(self, name: str, document: dict[str, object]) -> bool:
        """Tell whether a field of the document is valid, absence included."""
        if name == "description":
            return name not in document or self.is_description(document[name])
        return name in document and self.is_email(document[name])

    def is_description(self, value: object) -> bool:
        """Tell whether the value can be a description."""
        if not isinstance(value, str) or self.length(value) > LONGEST_DESCRIPTION:
            return False
        if self.answers.empty_description == "15010" and not value:
            return False
        if self.answers.nul_character == "15010" and "\0" in value:
            return False
        return self.answers.lone_surrogate != "15010" or not _LONE_SURROGATE.search(value)

    def is_email(self, value: object) -> bool:
        """Tell whether the value can be an email address."""
        if not isinstance(value, str) or self.length(value) > LONGEST_EMAIL:
            return False
        if self.answers.email_surrounding_space == "trimmed":
            value = _BLANK.sub("", value[:1]) + value[1:-1] + _BLANK.sub("", value[-1:])
        if self.answers.international_email == "15010" and not value.isascii():
            return False
        return self.is_address(value)

    def is_address(self, text: str) -> bool:
        """Tell whether the text is an address by some reading.

        It has one @ with something on each side, no white space, and labels of up to 63 letters.
        """
        local, _, domain = text.partition("@")
        if not (local and domain) or "@" in domain or _UNPLAUSIBLE.search(text) or text.startswith("mailto:"):
            return False
        return all(0 < len(label) <= _LONGEST_LABEL for label in domain.split("."))

    def length(self, text: str) -> int:
        """Return the number of characters, in the unit that this server counts in."""
        if self.answers.character_unit == "utf-16-units":
            return len(text.encode("utf-16-le", "surrogatepass")) // 2
        return len(text)
