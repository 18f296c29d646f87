"""Faults of the description: its limit, its unit, its characters and its type."""

import html
import json
import re
import unicodedata
from collections.abc import Callable
from typing import Literal
from urllib.parse import unquote

from refund_conformance.mock.call import Call
from refund_conformance.mock.checks import LONGEST_DESCRIPTION
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.builders import is_a
from refund_conformance.mock.faults.fault import FaultyEndpoint, Shelf, crash

shelf = Shelf()

_LIMIT = LONGEST_DESCRIPTION


@shelf.fault(
    "desc-required", "description.optional", "The column is NOT NULL, and the validator was made from it."
)
class Required(Endpoint):
    def is_valid(self, name: str, document: dict[str, object]) -> bool:
        return super().is_valid(name, document) and (name != "description" or name in document)


@shelf.fault("desc-missing-500", "description.optional", "The length of a missing description is asked for.")
class MissingCrashes(Endpoint):
    def check_fields(self, call: Call) -> None:
        if "description" not in call.document:
            raise crash("undefined has no length")
        super().check_fields(call)


# ---- limit and unit


def judged(text_is_valid: Callable[[str], bool]) -> FaultyEndpoint:
    """Return an endpoint that judges descriptions that are text in its own way."""

    class Judging(Endpoint):
        def is_description(self, value: object) -> bool:
            return text_is_valid(value) if isinstance(value, str) else super().is_description(value)

    return Judging


def up_to(limit: int, measure: Callable[[str], int] = len) -> FaultyEndpoint:
    """Return an endpoint with another limit, or another measure of length."""
    return judged(lambda text: measure(text) <= limit)


def _utf8(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _reasoned(text: str) -> bool:
    return not 0 < len(text) < 10 and len(text) <= _LIMIT


def _formless(text: str) -> int:
    return sum(unicodedata.category(letter) != "Cf" for letter in text)


def _visible(text: str) -> int:
    return sum(not unicodedata.combining(letter) for letter in text)


for _name, _story, _endpoint in (
    ("501-accepted", "The comparison is off by one.", up_to(_LIMIT + 1)),
    ("500-refused", "The limit is compared with less-than.", up_to(_LIMIT - 1)),
    (
        "zero-refused",
        "PHP takes the text 0 for nothing, and nothing for no reason.",
        judged(lambda text: 0 < len(text) <= _LIMIT and text != "0"),
    ),
    ("shortest-refused", "A minimum of some characters shall make people give reasons.", judged(_reasoned)),
    ("unlimited", "The limit stands in the documentation only.", up_to(10**9)),
    ("limit-255", "The column is a VARCHAR(255), the default of several frameworks.", up_to(255)),
    ("limit-512", "The limit was rounded up to a power of two.", up_to(512)),
    ("limit-1000", "The limit was raised in the code, and the document forgotten.", up_to(1000)),
    ("truncated", "MySQL outside its strict mode cuts off what is too long.", judged(lambda _: True)),
    (
        "trimmed-before-count",
        "A middleware trims all strings first, as Laravel's does.",
        up_to(_LIMIT, lambda text: len(text.strip())),
    ),
    (
        "entities-decoded",
        "Entities of HTML are decoded before validation.",
        up_to(_LIMIT, lambda text: len(html.unescape(text))),
    ),
    (
        "tags-stripped",
        "Tags are taken out before validation.",
        up_to(_LIMIT, lambda text: len(re.sub(r"<[^>]*>", "", text))),
    ),
    (
        "percents-decoded",
        "The text is decoded as a URL's is before validation.",
        up_to(_LIMIT, lambda text: len(unquote(text))),
    ),
    (
        "all-white-trimmed",
        "JavaScript's trim takes off no-break spaces and byte order marks.",
        up_to(_LIMIT, lambda text: len(text.strip("\u00a0\ufeff"))),
    ),
    (
        "dollar-before-line-end",
        "The pattern ends with a dollar, which holds before a last line end too.",
        up_to(_LIMIT, lambda text: len(text.removesuffix("\n"))),
    ),
    (
        "spaces-collapsed",
        "Runs of white space are collapsed before validation.",
        up_to(_LIMIT, lambda text: len(re.sub(r"\s+", " ", text))),
    ),
    (
        "only-just-over",
        "A guard checks the first thousand characters of what was read.",
        judged(lambda text: not _LIMIT < len(text) <= 1000),
    ),
):
    shelf.put(f"desc-{_name}", "description.max-length", _story, _endpoint)


@shelf.fault("desc-long-500", "description.max-length", "The database refuses the text that nobody has measured.")
class LongCrashes(Endpoint):
    def is_description(self, value: object) -> bool:
        if isinstance(value, str) and len(value) > _LIMIT:
            raise crash("value too long for type character varying(500)")
        return super().is_description(value)


@shelf.fault(
    "desc-long-413", "description.max-length", "A limit on the whole body answers before the field's does."
)
class LongIs413(Endpoint):
    def check_fields(self, call: Call) -> None:
        if len(call.received.body) > 8 * _LIMIT:
            raise self.refusal(110, "body too long")
        super().check_fields(call)


def without(refused: Callable[[str], bool]) -> FaultyEndpoint:
    """Return an endpoint that keeps the limit but refuses some texts for their characters."""
    return judged(lambda text: len(text) <= _LIMIT and not refused(text))


def _has(pattern: str) -> Callable[[str], bool]:
    return lambda text: re.search(pattern, text) is not None


def _normalized(form: Literal["NFC", "NFKD"]) -> Callable[[str], int]:
    return lambda text: len(unicodedata.normalize(form, text))


def _is_right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text)


for _name, _story, _measure in (
    ("in-bytes", "The length is that of the UTF-8 bytes: Go's len, PHP's strlen, a column in bytes.", _utf8),
    ("escaped", "The limit is checked on the JSON text, escapes and all.", lambda text: len(json.dumps(text)) - 2),
    ("as-html", "Special characters are escaped for HTML first.", lambda text: len(html.escape(text))),
    (
        "in-1000-bytes",
        "The column has room for two bytes a letter.",
        lambda text: max(len(text), _utf8(text) - _LIMIT),
    ),
    ("lines-twice", "Line ends become CR LF first, as in forms.", lambda text: len(text) + text.count("\n")),
    ("visible", "Combining marks are not counted.", _visible),
    ("without-formats", "Characters without a width are taken out first.", _formless),
    (
        "without-selectors",
        "Variation selectors are taken out first.",
        lambda text: len(re.sub("[\ufe00-\ufe0f]", "", text)),
    ),
    ("composed", "The text is normalized to NFC first.", _normalized("NFC")),
    ("decomposed", "The text is normalized to NFKD first.", _normalized("NFKD")),
):
    shelf.put(f"desc-counted-{_name}", "description.unicode", _story, up_to(_LIMIT, _measure))

for _name, _story, _refused in (
    ("ascii-only", "A pattern permits letters, digits and punctuation of ASCII.", _has(r"[^\x00-\x7f]")),
    ("latin1-only", "The column's character set is Latin-1.", _has(r"[^\x00-\xff]")),
    ("no-emoji", "MySQL's utf8 cannot hold what is beyond the basic plane.", _has("[\U00010000-\U0010ffff]")),
    ("no-line-breaks", "The pattern is .{0,500}, whose dot matches no line end.", _has(r"[\n\r]")),
    ("no-tabs", "Tabs are refused as control characters.", _has(r"\t")),
    (
        "no-marks",
        "Letters and digits only, and a combining mark is neither.",
        lambda text: _visible(text) < len(text),
    ),
    ("no-right-to-left", "A filter against spoofing refuses right-to-left text.", _is_right_to_left),
    ("no-hebrew", "The list of allowed scripts lacks one.", _has(r"[\u0590-\u05ff]")),
    ("no-links", "A filter against advertisements refuses links.", _has(r"https?://")),
    ("no-null-text", "The text null is read as nothing, and nothing is no reason.", _has(r"\Anull\Z")),
    ("no-boolean-text", "Texts are read as YAML first, where true is none.", _has(r"\A(?:true|false)\Z")),
    (
        "no-date-text",
        "What looks like a date is read as one, and this is not in the calendar.",
        _has(r"\A\d+-\d+-"),
    ),
    ("no-percent", "The text is checked as a pattern of the database's.", _has("%")),
    ("no-angle-brackets", "A filter against script injection refuses markup.", _has(r"[<>&]")),
):
    shelf.put(f"desc-{_name}", "description.unicode", _story, without(_refused))


@shelf.fault("desc-emoji-500", "description.unicode", "MySQL's three-byte utf8 fails on insert.")
class EmojiCrashes(Endpoint):
    def create_refund(self, call: Call) -> None:
        if max(str(call.document.get("description", "")), default="") >= "\U00010000":
            raise crash("incorrect string value")
        super().create_refund(call)


# ---- type


def also(takes: Callable[[object], bool]) -> FaultyEndpoint:
    """Return an endpoint that takes further values for a description."""

    class Taking(Endpoint):
        def is_description(self, value: object) -> bool:
            return takes(value) or super().is_description(value)

    return Taking


for _name, _story, _takes in (
    ("number-coerced", "Scalars are turned into strings, as by PHP and Jackson.", is_a(float)),
    ("boolean-coerced", "true becomes the text true.", is_a(bool)),
    ("array-coerced", "An array is joined, or becomes the word Array.", is_a(list)),
    ("object-coerced", "An object is printed in braces.", is_a(dict)),
    (
        "falsy-skipped",
        "Validation starts with: if there is a description.",
        lambda value: not value and value is not None,
    ),
):
    shelf.put(f"desc-{_name}", "description.type", _story, also(_takes))


@shelf.fault("desc-type-500", "description.type", "A method of strings is called on whatever came.")
class TypeCrashes(Endpoint):
    def is_description(self, value: object) -> bool:
        if value is not None and not isinstance(value, str):
            raise crash(f"{type(value).__name__} has no attribute strip")
        return super().is_description(value)


@shelf.fault(
    "desc-type-110", "description.type", "Decoding into a typed record fails as a whole, as in Go and Java."
)
class TypeIs110(Endpoint):
    def is_description(self, value: object) -> bool:
        if value is not None and not isinstance(value, str):
            raise self.refusal(110, "cannot unmarshal into string")
        return super().is_description(value)


shelf.put(
    "desc-null-absent",
    "description.null",
    "null and absence are one, as in most typed languages.",
    also(lambda value: value is None),
)


@shelf.fault("desc-null-500", "description.null", "The key is there, so its value is used.")
class NullCrashes(Endpoint):
    def is_description(self, value: object) -> bool:
        if value is None:
            raise crash("null pointer")
        return super().is_description(value)


@shelf.fault("desc-null-text", "description.null", "null becomes the text null.")
class NullAsText(Endpoint):
    def is_description(self, value: object) -> bool:
        return super().is_description("null" if value is None else value)
