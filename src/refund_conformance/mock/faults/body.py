"""Faults of reading JSON: what is let through, what is refused, and what breaks."""

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qsl

from refund_conformance.mock.call import Answer, Call, Received, Refused
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.builders import about, having, is_a, refused_as, with_effect
from refund_conformance.mock.faults.fault import FaultyEndpoint, Shelf, crash
from refund_conformance.mock.json_text import JsonText, NotJsonError
from refund_conformance.mock.nesting import NotNestedError, read_nested

shelf = Shelf()

_BROKEN = having(110)


def repairing(repair: Callable[[str], str]) -> FaultyEndpoint:
    """Return an endpoint that tries again with a repaired text where one is not JSON."""

    class Repairing(Endpoint):
        def parse_body(self, body: bytes) -> JsonText:
            try:
                return super().parse_body(body)
            except NotJsonError:
                repaired = repair(body.decode("utf-8", "surrogateescape"))
                return super().parse_body(repaired.encode("utf-8", "surrogateescape"))

    return Repairing


def _sub(pattern: str, replacement: str) -> Callable[[str], str]:
    return lambda text: re.sub(pattern, replacement, text, flags=re.DOTALL)


def _first_document(text: str) -> str:
    try:
        value, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return text
    return json.dumps(value)


def _completed(text: str) -> str:
    quotes = len(re.findall(r'(?<!\\)"', text)) % 2
    missing = "]" * (text.count("[") - text.count("]")) + "}" * (text.count("{") - text.count("}"))
    return re.sub(r"[,:]\s*$", "", text) + '"' * quotes + missing


for _name, _story, _repair in (
    (
        "comments",
        "The reader takes JSON5 or JSONC, comments included.",
        _sub(r"/\*.*?\*/|//[^\n\"]*(?=\n|$)|#[^\n\"]*(?=\n|$)", ""),
    ),
    ("trailing-comma", "The reader forgives a comma before the end, as many do.", _sub(r",(\s*[}\]])", r"\1")),
    (
        "nan",
        "NaN and Infinity are numbers to Python's and PHP's readers.",
        _sub(r":\s*-?(?:NaN|Infinity)\b", ":0"),
    ),
    (
        "infinity",
        "Infinity is a number too large to keep, and NaN is not.",
        _sub(r":\s*-?Infinity\b", ":0"),
    ),
    (
        "capital-literals",
        "True, False and Null may be written with capitals, as in YAML.",
        lambda text: re.sub(r":\s*(true|false|null)\b", lambda match: match[0].lower(), text, flags=re.IGNORECASE),
    ),
    (
        "nan-accepted",
        "NaN in a field is read as no value at all.",
        _sub(r'"description"\s*:\s*-?(?:NaN|Infinity)\s*,', ""),
    ),
    (
        "read-as-form",
        "What is no JSON is read as a form, as a framework's request object does.",
        lambda text: json.dumps(dict(parse_qsl(text, keep_blank_values=True))) if "=" in text else text,
    ),
    (
        "single-quotes",
        "The body is evaluated as JavaScript, or read as YAML.",
        lambda text: text.replace("'", '"'),
    ),
    (
        "bare-keys",
        "The reader takes keys without quotes, as JSON5 and YAML have them.",
        _sub(r"([{,]\s*)([A-Za-z_]\w*)\s*:", r'\1"\2":'),
    ),
    ("rest-ignored", "A streaming reader stops after the first value.", _first_document),
    (
        "raw-controls",
        "Control characters in strings are let through, as with strict=False.",
        lambda text: re.sub(r"[\x00-\x1f]", " ", text),
    ),
    (
        "leading-zeros",
        "Numbers go through a number parser that takes leading zeros.",
        _sub(r"(:\s*-?)0+(?=[0-9])", r"\1"),
    ),
    (
        "bad-escapes",
        "Unknown escapes stand for the character after the backslash.",
        _sub(r'\\(?![\\"/bfnrtu])', ""),
    ),
    (
        "empty-as-object",
        "An empty body is taken for an empty object, as by Express and Rails.",
        lambda text: text if text.strip() else "{}",
    ),
    ("truncated", "A repairing reader closes what was left open.", _completed),
    (
        "missing-commas",
        "A hand-written reader does not insist on commas.",
        _sub(r'("|\d|true|false|null)(\s+")', r"\1,\2"),
    ),
    (
        "unicode-space",
        "White space is what the language says, no-break spaces and form feeds too.",
        _sub(r"[\x0b\x0c\u00a0\u2028\u2029\ufeff]+", ""),
    ),
):
    shelf.put(f"json-lenient-{_name}", "json.malformed", _story, repairing(_repair))

shelf.put(
    "json-malformed-500", "json.malformed", "The parse exception is not caught.", refused_as(_BROKEN, 500, ())
)
shelf.put(
    "json-malformed-422", "json.malformed", "The framework calls it unprocessable.", refused_as(_BROKEN, 422)
)
shelf.put(
    "json-malformed-15010",
    "json.malformed",
    "A failed parse yields null, and then every field is missing.",
    refused_as(_BROKEN, 400, (15010,)),
)


@shelf.fault(
    "json-malformed-page", "json.malformed", "The framework's error page stands in for the API's error body."
)
class MalformedPage(Endpoint):
    def answer_refusal(self, refusal: Refused, step: str) -> Answer:
        if _BROKEN(refusal):
            return Answer(400, b"<h1>Bad Request</h1>", "text/html")
        return super().answer_refusal(refusal, step)


@shelf.fault(
    "json-malformed-own-body", "json.malformed", "Spring writes its own error object before one's handler runs."
)
class OwnBody(Endpoint):
    def answer_refusal(self, refusal: Refused, step: str) -> Answer:
        if _BROKEN(refusal):
            body = b'{"timestamp": 1700000000, "status": 400, "error": "Bad Request"}'
            return Answer(400, body, "application/json")
        return super().answer_refusal(refusal, step)


# ---- encoding


def decoding(decode: Callable[[bytes], str]) -> FaultyEndpoint:
    """Return an endpoint that reads bytes that are not UTF-8 in its own way."""

    class Decoding(Endpoint):
        def parse_body(self, body: bytes) -> JsonText:
            try:
                body.decode()
            except UnicodeDecodeError:
                return super().parse_body(decode(body).encode("utf-8", "replace"))
            return super().parse_body(body)

    return Decoding


shelf.put(
    "json-utf8-replaced",
    "json.encoding",
    "Invalid bytes become replacement characters, as in Go and Node.",
    decoding(lambda body: body.decode("utf-8", "replace")),
)
shelf.put(
    "json-utf8-dropped",
    "json.encoding",
    "Invalid bytes are dropped, as with PHP's ignore flag.",
    decoding(lambda body: body.decode("utf-8", "ignore")),
)
shelf.put(
    "json-latin1",
    "json.encoding",
    "What is not UTF-8 is taken for Latin-1.",
    decoding(lambda body: body.decode("latin-1")),
)


@shelf.fault("json-utf8-500", "json.encoding", "The decode error is another class than the parse error.")
class DecodeCrashes(Endpoint):
    def parse_body(self, body: bytes) -> JsonText:
        try:
            body.decode()
        except UnicodeDecodeError:
            raise crash("invalid byte sequence") from None
        return super().parse_body(body)


# ---- structure


def shaping(wanted: Callable[[object], bool], shape: Callable[[object], dict[str, object]]) -> FaultyEndpoint:
    """Return an endpoint that makes an object of other values in its own way."""

    class Shaping(Endpoint):
        def object_of(self, value: object) -> dict[str, object]:
            if not isinstance(value, dict) and wanted(value):
                return shape(value)
            return super().object_of(value)

    return Shaping


def _crashing(value: object) -> dict[str, object]:
    raise crash(f"{type(value).__name__} has no members")


def _first_object(value: object) -> dict[str, object]:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return value[0]
    return {}


def _decoded_again(value: object) -> dict[str, object]:
    try:
        inner = json.loads(str(value))
    except (ValueError, RecursionError):
        inner = {}
    return inner if isinstance(inner, dict) else {}


for _name, _story, _wanted, _shape in (
    ("array-500", "An array has no members, and asking for one is fatal.", is_a(list), _crashing),
    ("scalar-500", "A number or string is indexed like an object.", is_a(str, float, bool), _crashing),
    ("null-500", "null passes the parser and is then used.", is_a(type(None)), _crashing),
    ("array-first", "A list of one is unwrapped, for clients that send batches.", is_a(list), _first_object),
    ("array-15010", "To PHP an array without keys is an object without fields.", is_a(list), lambda _: {}),
    ("scalar-15010", "A scalar has none of the fields, so each is missing.", is_a(str, float, bool), lambda _: {}),
    ("null-15010", "null counts as an empty object.", is_a(type(None)), lambda _: {}),
    (
        "string-decoded",
        "A string is decoded a second time, for clients that encode twice.",
        is_a(str),
        _decoded_again,
    ),
):
    shelf.put(f"json-{_name}", "json.structure", _story, shaping(_wanted, _shape))


@shelf.fault("json-deep-500", "json.structure", "A recursive reader runs out of stack on deep nesting.")
class DeepCrashes(Endpoint):
    limit = 100

    def parse_body(self, body: bytes) -> JsonText:
        depth = deepest = 0
        for byte in body:
            depth += (byte in b"[{") - (byte in b"]}")
            deepest = max(deepest, depth)
        if deepest > self.limit:
            raise crash("maximum recursion depth exceeded")
        return super().parse_body(body)


# ---- valid forms that are refused


def refusing(pattern: str) -> FaultyEndpoint:
    """Return an endpoint that does not take texts with some valid spelling for JSON."""

    class Refusing(Endpoint):
        def parse_body(self, body: bytes) -> JsonText:
            if re.search(pattern, body.decode("utf-8", "replace"), re.DOTALL):
                raise NotJsonError("not as expected")
            return super().parse_body(body)

    return Refusing


for _name, _story, _pattern in (
    (
        "outer-space",
        "A body must start with { and end with }, says a hand-written guard.",
        r"^[ \t\r\n]|[ \t\r\n]$",
    ),
    ("line-breaks", "A log-injection filter refuses bodies of several lines.", r"[\r\n]"),
    ("unicode-escapes", "A hand-written reader knows no \\u escapes.", r"\\u"),
    ("slash-escapes", "A hand-written reader knows the common escapes only.", r"\\/"),
    ("raw-unicode", "The reader insists on ASCII with escapes.", r"[^\x00-\x7f]"),
    (
        "key-order",
        "The body is matched with a pattern that has the keys in the document's order.",
        r'"email".*"description"',
    ),
):
    shelf.put(f"json-refused-{_name}", "json.valid-forms", _story, refusing(_pattern))


@shelf.fault("json-raw-keys", "json.valid-forms", "Keys are compared before their escapes are read.")
class RawKeys(Endpoint):
    def read_json(self, call: Call) -> None:
        super().read_json(call)
        written = set(re.findall(rb'"((?:[^"\\]|\\.)*)"\s*:', call.received.body))
        call.document = {
            key: value for key, value in call.document.items() if key.encode("utf-8", "replace") in written
        }


# ---- effects


def _not_an_object(answer: Answer) -> bool:
    return answer.codes == (110,) and "not an object" in answer.reason


shelf.put(
    "json-broken-with-effect",
    "json.no-effect",
    "A draft is opened before the body is read.",
    with_effect(lambda answer: answer.codes == (110,)),
)
shelf.put(
    "json-structure-with-effect",
    "json.no-effect",
    "The body is stored raw, and its form is checked later.",
    with_effect(_not_an_object),
)
shelf.put(
    "content-type-with-effect",
    "json.no-effect",
    "A logger after the fact checks the content type.",
    with_effect(lambda answer: answer.codes == (111,)),
)


@shelf.fault(
    "json-readable-with-effect",
    "json.no-effect",
    "The refund is made from the fields that a broken text still shows.",
)
class ReadableEffect(Endpoint):
    def answer(self, received: Received) -> Answer:
        answer = super().answer(received)
        if answer.codes == (110,) and b'"email"' in received.body and not _reads(received.body):
            number = self.order_number(self.match_route(Call(received)) or "")
            self.store.create_refund_request(number or 0, "unknown@example.com", None)
        return answer


def _reads(body: bytes) -> bool:
    try:
        read_nested(body.decode())
    except (NotNestedError, UnicodeDecodeError):
        return False
    return True


shelf.put(
    "json-not-an-object-422",
    "json.structure",
    "A schema error is unprocessable to the validator.",
    refused_as(about(110, "not an object"), 422),
)
