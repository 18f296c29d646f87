"""Requests that tell causes apart: each differs from the plain one in a single feature of one field's value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from refund_conformance.cases.bodies import body_situation, with_body
from refund_conformance.cases.case import SPENT, Case, made
from refund_conformance.cases.payloads import fields
from refund_conformance.contract.model import Contract, Field

PROBE = "probe-"
"""How the slugs of such requests begin."""

MOST = 12
"""Probes of one clause at most."""


@dataclass(frozen=True)
class Probe:
    """A value of a field with one ``feature``, in words that fit behind "with"; it must be accepted.

    ``wider`` is the feature that this one is a kind of, "" if there is none.
    """

    feature: str
    case: Case
    wider: str = ""


_BEYOND_ASCII = "characters beyond ASCII"

_TEXTS = {
    _BEYOND_ASCII: "Rücksendung",
    "Chinese characters": "退货请求",
    "emoji": "broken \U0001f600",
    "combining marks": "cafe\u0301",
    "right-to-left script": "החזר",
    "angle brackets": "a <b> c",
    "quotes": "a \"b\" 'c'",
    "backslashes": "a\\b",
    "line breaks": "a\r\nb",
    "tabs": "a\tb",
    "percent signs": "50% %s",
    "braces": "{0} {{x}} ${x}",
}

_ADDRESSES = {
    "capitals": "Refunds@Example.com",
    "digits": "refunds24@example2.com",
    "a plus sign": "refunds+shop@example.com",
    "a dot before the @": "re.funds@example.com",
    "an underscore": "re_funds@example.com",
    "a hyphen before the @": "re-funds@example.com",
    "an apostrophe": "o'brien@example.com",
    "a hyphen in the domain": "refunds@my-shop.com",
    "a subdomain": "refunds@mail.example.com",
    "one letter before the @": "r@example.com",
    "a domain of two letters": "refunds@ex.co",
    "a long top-level domain": "refunds@example.photography",
}


@lru_cache(4)
def probes(contract: Contract) -> Mapping[str, tuple[Probe, ...]]:
    """Return the probes by the clause whose failures they explain."""
    return MappingProxyType(dict(_probes(contract)))


def _probes(contract: Contract) -> Iterator[tuple[str, tuple[Probe, ...]]]:
    free = set(fields.free_texts(contract))
    for field in contract.fields.values():
        if field.schema.get("format") == "email":
            yield f"{field.name}.accepts", tuple(_made(contract, field, f"{field.name}.accepts", _ADDRESSES))
        elif field.name in free:
            yield f"{field.name}.unicode", tuple(_made(contract, field, f"{field.name}.unicode", _TEXTS))


def _made(contract: Contract, field: Field, clause: str, values: Mapping[str, str]) -> Iterator[Probe]:
    for feature, value in list(values.items())[:MOST]:
        body = {**fields.plain(contract), field.name: value}
        situation = body_situation(contract, body)
        if situation.wrong or situation.questions:
            continue
        slug = f"{PROBE}{feature.lower().replace('@', 'at').replace(' ', '-')}"
        title = f"A valid {field.name} with {feature} is accepted."
        wider = "" if value.isascii() or feature == _BEYOND_ASCII else _BEYOND_ASCII
        yield Probe(feature, made(f"{clause}/{slug}", title, situation, with_body(contract, body), SPENT), wider)
