"""Values for the fields of the request schema: right ones, ones at the limit, ones that break one keyword."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from refund_conformance.cases.payloads import addresses
from refund_conformance.contract.errors import ContractError
from refund_conformance.contract.model import Contract, Field

SCRIPTS = {
    "ascii": "Damaged goods. ",
    "mixed": f"{'退货请求' * 9}воз\u00adврат e\u0301o\u0308é إرجاع החזר a\nb\tc\r\n <&'\"> ",
    "emoji": "😀❤\ufe0f",
}
"""Text of each kind of character that a length limit may be counted wrongly for."""

MARK = "[conformance test]"
"""Stands in the plain text, for people who see a refund request of the suite; the run's id is put into it."""

KEYWORDS = {"type", "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "enum"}
NOT_BLANK = r"\S"


@dataclass(frozen=True)
class Break:
    """A field made invalid: the clause suffix it belongs to, a slug, and the members in the field's place."""

    field: str
    aspect: str
    slug: str
    members: Mapping[str, Any]

    @property
    def clause(self) -> str:
        """The id of the clause that the break is about."""
        return "fields.name" if self.aspect == "name" else f"{self.field}.{self.aspect}"


def plain(contract: Contract) -> dict[str, Any]:
    """Return the plainest valid body: every field with an ordinary value."""
    return {field.name: ordinary(field) for field in contract.fields.values()}


def ordinary(field: Field) -> Any:
    """Return an ordinary value of a field. Raises ContractError for a keyword that is not known here."""
    schema = field.schema
    _refuse_unknown(field)
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "string":
        return "refunds@example.com" if schema.get("format") == "email" else _ordinary_text(schema)
    if kind == "integer":
        return math.ceil(schema["minimum"]) if "minimum" in schema else math.floor(schema.get("maximum", 1))
    if kind == "number":
        return schema.get("minimum", schema.get("maximum", 1))
    return _OTHER_TYPES[str(kind)][-1]


def _ordinary_text(schema: Mapping[str, Any]) -> str:
    plain, least = f"Damaged goods {MARK}", schema.get("minLength", 0)
    return (
        plain
        if least <= len(plain) <= schema.get("maxLength", len(plain))
        else text("ascii", max(13, least), schema)
    )


def _refuse_unknown(field: Field) -> None:
    """Raise ContractError for what the payloads here would not fit."""
    what, schema = f"request schema: field {field.name}", field.schema
    for keyword in sorted(schema.keys() - KEYWORDS - {"title", "description", "$comment"}):
        raise ContractError(what, f"keyword {keyword!r} has no payloads", "Leave it out.")
    for keyword, known in {"pattern": NOT_BLANK, "format": "email"}.items():
        if schema.get(keyword, known) != known:
            raise ContractError(what, f"{keyword} {schema[keyword]!r} has no payloads", f"Only {known!r} has.")
    if not isinstance(schema.get("type"), str) or schema["type"] not in _OTHER_TYPES:
        known = ", ".join(_OTHER_TYPES)
        raise ContractError(what, f"type {schema.get('type')!r} has no payloads", f"Give it one of {known}.")


def text(script: str, length: int, schema: Mapping[str, Any] | None = None) -> str:
    """Return ``length`` code points of a script, no longer than the schema allows."""
    length = min(length, (schema or {}).get("maxLength", length))
    pattern = SCRIPTS[script]
    return (pattern * (length // len(pattern) + 1))[:length]


SIGNS = (
    "50% {0} {} %s %n {{x}} ${x} #{x} <b title='a'>\\ \"q\" `id` ; -- <%= 1 %> "
    "http://example.org/?a=b&c=%20 $1 \\1 \\u0041 '||' \r\n"
)
"""What formatters, templates, shells and stores take for their own."""

LIKE_OTHERS = {"null": "null", "boolean": "true", "date": "2024-02-30T00:00:00Z", "number": "1e400", "array": "[]"}
"""Texts that look like a value of another type, by that type."""

ODD_TEXT = "👩‍👩‍👧 🇺🇳 \u0301 क्षि \u00a0 Rücksendung https://example.org/?a=b&c=%20 "
"""Joined emoji, a combining mark at the beginning of a word, and what else people paste into a form."""


def utf16_length(text: str) -> int:
    """Return how many UTF-16 units a text has."""
    return len(text.encode("utf-16-le")) // 2


TRAILING_BLANKS = "trailing-blanks"

_SHRINKING = "&amp;<b></b>%41\\x41"
"""A text with it is shorter to whoever decodes entities, percents or escapes first, or takes tags out."""


def over_limit(field: Field) -> dict[str, Any]:
    """Return values just over, over and far over a string field's length limit, by slug."""
    limit = field.schema.get("maxLength")
    if limit is None:
        return {}
    if field.schema.get("format") == "email":
        return {
            f"{limit + 1}": addresses.email(limit + 1),
            f"{10 * limit}": addresses.knotty_email(10 * limit),
            TRAILING_BLANKS: addresses.email(limit) + " " * 5,
        }
    solid, far = "x", 2**16 + limit // 2  # a length kept in 16 bits would be within the limit again
    return {
        f"{limit + 1}": _SHRINKING.ljust(limit + 1, solid)[: limit + 1],
        f"{far}": solid * far,
        "trailing-white-space": solid * (limit - 1) + " \n",
        "no-break-spaces": "\u00a0" + solid * (limit - 1) + "\ufeff",
        **{
            script: text(script, limit + 1).strip().ljust(limit + 1, "x")
            for script in SCRIPTS
            if script != "ascii"
        },
    }


def breaks(contract: Contract) -> Iterator[Break]:
    """Yield every listed way to break exactly one keyword of one field.

    That it is missing comes first, while a server may still have a valid one from the request before.
    """
    for field in contract.fields.values():
        if field.required:
            yield Break(field.name, "required", "absent", {})
        yield from _type_breaks(field)
        yield Break(field.name, "null", "null", {field.name: None})
        for slug, value in over_limit(field).items():
            aspect = "unicode" if slug in SCRIPTS else "max-length"
            yield Break(field.name, aspect, f"over-{slug}", {field.name: value})
        yield from _value_breaks(field)
        if field.required:
            yield from _name_breaks(field)


def _type_breaks(field: Field) -> Iterator[Break]:
    allowed, found = field.schema.get("type"), False
    for kind, values in _OTHER_TYPES.items():
        if kind == allowed or (kind, allowed) in _LIKE_ANOTHER:
            continue
        fits: tuple[Any, ...] = (_fraction(field.schema),) if (kind, allowed) == ("number", "integer") else values
        if kind in ("array", "object"):
            fits = ([], [ordinary(field)]) if kind == "array" else ({}, {field.name: ordinary(field)})
        for value in fits[-1:] if field.required else fits[:1]:
            yield Break(field.name, "type", f"{kind}-{_slug(value)}", {field.name: value})
        if field.required and not found:
            found, beside = True, {field.name: fits[-1], PROTOTYPE: {}}
            yield Break(field.name, "type", f"{kind}-{_slug(fits[-1])}-beside-prototype", beside)
        if kind == "array" and not field.required:
            value = fits[0] if field.required else fits[1]
            yield Break(field.name, "type", f"{kind}-{_slug(value)}", {field.name: value})


PROTOTYPE = "__proto__"
"""The name by which JavaScript reaches what an object inherits."""


def _fraction(schema: Mapping[str, Any]) -> float:
    """Return a number that is no integer, within the limits of an integer field."""
    return float(schema.get("minimum", schema.get("maximum", 2) - 1)) + 0.5


_LIKE_ANOTHER = {("integer", "number"), ("number", "string")}
"""Kinds that are no other type, or that whoever takes another kind for it takes too."""

_OTHER_TYPES: dict[str, tuple[Any, ...]] = {
    "string": ("text",),
    "integer": (0, 123),
    "number": (1.5,),
    "boolean": (False, True),
    "array": ([], ["text"]),
    "object": ({}, {"text": "text"}),
}


def _slug(value: object) -> str:
    if isinstance(value, list | dict):
        return "filled" if value else "empty"
    return str(value).lower().replace(".", "-")


def _value_breaks(field: Field) -> Iterator[Break]:
    schema = field.schema
    for slug, value in _too_empty(schema).items():
        yield Break(field.name, "empty", slug, {field.name: value})
    if schema.get("format") == "email":
        for slug, value in addresses.NO_EMAIL.items():
            if schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
                yield Break(field.name, "format", slug, {field.name: value})
    if "minimum" in schema:
        yield Break(field.name, "minimum", "below", {field.name: schema["minimum"] - 1})
    if "maximum" in schema:
        yield Break(field.name, "maximum", "above", {field.name: schema["maximum"] + 1})
    if schema.get("enum"):
        yield Break(field.name, "enum", "unlisted", {field.name: _unlisted(schema["enum"])})


def _too_empty(schema: Mapping[str, Any]) -> dict[str, str]:
    """Return values that are blank where that is not allowed, and one that is just too short, by slug."""
    least, not_blank = schema.get("minLength", 0), schema.get("pattern") == NOT_BLANK
    blank = {"empty": "", "white-space": " \t\n"} if not_blank else {}
    found = {slug: value for slug, value in blank.items() if len(value) >= least}
    if not_blank and not found:
        found["spaces"] = " " * least
    if least == 1 and not not_blank:
        found["empty"] = ""
    elif least > 1 and schema.get("format") != "email":
        found["short"] = "x" * (least - 1)
    return found


def _unlisted(listed: Sequence[Any]) -> Any:
    """Return a value of the same type as those listed, and none of them."""
    if all(isinstance(value, str) for value in listed):
        return "".join(listed) + "x"
    return max((value for value in listed if isinstance(value, int | float)), default=0) + 1


def _name_breaks(field: Field) -> Iterator[Break]:
    value, name = ordinary(field), field.name
    names = {
        "capitalised": name.capitalize(),
        "misspelt": name[:-1],
        "hyphenated": f"{name[:1]}-{name[1:]}",
        "trailing-space": f"{name} ",
        "nul-behind": f"{name}\0",
        "full-width": name.translate({ord(letter): ord(letter) + 0xFEE0 for letter in name}),
    }
    for slug, wrong in names.items():
        yield Break(field.name, "name", f"{name}-{slug}", {wrong: value})
    yield Break(field.name, "name", f"{name}-nested", {"data": {name: value}})
    yield Break(field.name, "name", f"{name}-in-prototype", {PROTOTYPE: {name: value}})


def broken(contract: Contract, *breaks: Break) -> dict[str, Any]:
    """Return the plain body with each break in its field's place, in the order of the fields."""
    by_field = {item.field: item.members for item in breaks}
    body: dict[str, Any] = {}
    for name, value in plain(contract).items():
        body.update(by_field.get(name, {name: value}))
    return body


def free_texts(contract: Contract) -> Iterator[str]:
    """Yield the names of the fields that take any text."""
    for field in contract.fields.values():
        if field.schema.get("type") == "string" and not field.schema.keys() & {"format", "enum"}:
            yield field.name


UNUSUAL_NAMES = (
    *("", "a\0b", "$where", "$ne", "a.b", "a[0]", "[]", "0", "-1", "true", "null", "ｅmail", "é", "😀", "\ufeff"),
    *("constructor", "prototype", "toString", "valueOf", "hasOwnProperty", "__defineGetter__", "then", "length"),
    *("__class__", "__init__", "__dict__", "self", "class", "type", "@type", "$type", "errors", "id", "order"),
)
"""Names of members that languages, mappers and stores use themselves."""

MANY_MEMBERS = 400


def unusual_members() -> dict[str, Any]:
    """Return several hundred members, some of them with unusual names."""
    names = (*UNUSUAL_NAMES, *(f"member{number}" for number in range(MANY_MEMBERS - len(UNUSUAL_NAMES))))
    return dict.fromkeys(names, 1)


def unknown_names(contract: Contract, body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the members of a body that are no fields."""
    return tuple(name for name in body if name not in contract.fields)


def invalid_fields(contract: Contract, body: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return, by field, the schema keywords that a body breaks: jsonschema's own judgement."""
    required = [field.name for field in contract.fields.values() if field.required]
    properties = {field.name: dict(field.schema) for field in contract.fields.values()}
    found: dict[str, set[str]] = {}
    for error in _validator(json.dumps({"required": required, "properties": properties})).iter_errors(dict(body)):
        if error.validator == "required":
            name = next(name for name in required if name not in body and repr(name) in error.message)
        else:
            name = str(error.absolute_path[0])
        found.setdefault(name, set()).add(str(error.validator))
    return found


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({"type": "object", **json.loads(schema)}, format_checker=addresses.formats)
