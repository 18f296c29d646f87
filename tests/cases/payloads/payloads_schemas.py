"""Two schemas, and the keywords that a body breaks by a judgement of the tests' own."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from refund_conformance.contract import model as contracts
from refund_conformance.contract.model import Contract, Field

SHIPPED = contracts.load()
EXTENDED = replace(
    SHIPPED,
    fields={
        name: Field(name, required, schema)
        for name, required, schema in (
            ("quantity", True, {"type": "integer", "minimum": 1, "maximum": 99}),
            ("reason", True, {"type": "string", "enum": ["defect", "other"]}),
            ("note", True, {"type": "string", "pattern": r"\S", "minLength": 3, "maxLength": 20}),
            ("code", False, {"type": "string", "minLength": 5}),
            ("initial", False, {"type": "string", "minLength": 1}),
            ("contact", False, {"type": "string", "format": "email", "maxLength": 40}),
            ("urgent", False, {"type": "boolean"}),
            ("amount", False, {"type": "number", "minimum": 0.5, "description": "in euros"}),
            ("level", False, {"type": "integer", "maximum": -3}),
            ("size", False, {"type": "integer", "enum": [1, 2, 3]}),
            ("items", True, {"type": "array"}),
            ("extra", False, {"type": "object"}),
        )
    },
)
"""Another schema altogether: types, limits and keywords that the shipped one does not have."""

CONTRACTS = {"shipped": SHIPPED, "extended": EXTENDED}

KEYWORDS = {
    "type": {"type"},
    "null": {"type"},
    "max-length": {"maxLength"},
    "unicode": {"maxLength"},
    "empty": {"pattern", "minLength"},
    "format": {"format"},
    "required": {"required"},
    "name": {"required"},
    "minimum": {"minimum"},
    "maximum": {"maximum"},
    "enum": {"enum"},
}
"""The keyword that a break of each aspect breaks."""

checker = FormatChecker(formats=())


@checker.checks("email")
def looks_like_an_email(value: object) -> bool:
    if not isinstance(value, str) or not value.strip():
        return True
    label = r"[^@.\s\x00-\x1f\x7f\ud800-\udfff]{1,63}"
    local = r"(?!mailto:)[^@\s\x00-\x1f\x7f\ud800-\udfff]+"
    return re.fullmatch(rf"{local}@{label}(\.{label})*", value) is not None


def strictly_an_email(value: str) -> bool:
    """Whether nobody could call it anything but an address (RFC 5321's limits on its parts)."""
    local, _, domain = value.rpartition("@")
    labels = domain.split(".")
    return (
        re.fullmatch(r"[A-Za-z0-9]+([._+'-][A-Za-z0-9]+)*", local) is not None
        and len(local) <= 64
        and len(labels) >= 2
        and all(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", label) for label in labels)
        and all(len(label) <= 63 for label in labels)
    )


@cache
def validator(name: str) -> Draft202012Validator:
    described = CONTRACTS[name].fields.values()
    schema = {
        "type": "object",
        "required": [field.name for field in described if field.required],
        "properties": {field.name: dict(field.schema) for field in described},
    }
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=checker)


def broken_keywords(contract: Contract, body: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return the keywords that a body breaks, by field."""
    (name,) = (name for name, each in CONTRACTS.items() if each is contract)
    found: dict[str, set[str]] = {}
    for error in validator(name).iter_errors(body):
        if error.validator == "required":
            missing = [name for name in contract.fields if error.message == f"{name!r} is a required property"]
            assert len(missing) == 1
            found.setdefault(missing[0], set()).add("required")
        else:
            found.setdefault(str(error.absolute_path[0]), set()).add(str(error.validator))
    return found
