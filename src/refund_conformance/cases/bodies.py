"""Cases about the fields of the body, made from the request schema."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st

from refund_conformance.cases.case import Case, Draft, made, plain_draft
from refund_conformance.cases.payloads import drawn, fields, json_text
from refund_conformance.cases.payloads.addresses import is_surrounded
from refund_conformance.cases.payloads.fields import Break
from refund_conformance.cases.payloads.paths import with_query
from refund_conformance.contract.model import Contract
from refund_conformance.oracle.situation import Situation

PAIRED = 6
"""How many bodies have every field invalid at once."""


LONGEST_BODY = 64 * 1024
"""Bytes of a body up to which no front has a reason to refuse it by itself."""


def with_body(contract: Contract, body: Mapping[str, Any]) -> Draft:
    """Return the plain request with another body."""
    return replace(plain_draft(contract), body=json_text.dump(dict(body)))


def body_situation(contract: Contract, body: Mapping[str, Any]) -> Situation:
    """Return the situation that a body makes: the fields that jsonschema finds invalid, and unknown ones."""
    broken = fields.invalid_fields(contract, body)
    asked = [("unknown-field", name) for name in fields.unknown_names(contract, body)]
    surrounded = {name for name, words in broken.items() if words == {"format"} and is_surrounded(body[name])}
    asked += [("email-surrounding-space", name) for name in sorted(surrounded)]
    asked += [("repeated-field-errors", name) for name, words in broken.items() if len(words) > 1]
    asked += [("lone-surrogate", name) for name in sorted(broken) if _has_lone_surrogate(body.get(name))]
    if len(json_text.dump(dict(body))) > LONGEST_BODY:
        asked.append(("oversized-request", ""))
    return Situation(invalid=frozenset(broken) - surrounded, questions=tuple(asked))


def _has_lone_surrogate(value: object) -> bool:
    return isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value)


Body = Mapping[str, Any]


def _in_order(contract: Contract, body: Body, item: Break) -> Body:
    return body


def _turned(contract: Contract, body: Body, item: Break) -> Body:
    return dict(reversed(list(body.items())))


def _alone(contract: Contract, body: Body, item: Break) -> Body:
    """Leave out the optional fields that are not broken."""
    if not item.members:
        return body  # an object without members is a case of its own
    optional = {field.name for field in contract.fields.values() if not field.required} - {
        item.field,
        *item.members,
    }
    return {name: value for name, value in body.items() if name not in optional}


_SHAPES = (_in_order, _turned, _alone)
"""What the members beside a broken field are, in turn: a server may look at a field only if others are there."""


def broken_cases(contract: Contract) -> Iterator[Case]:
    """Yield a case for each way to break exactly one keyword of one field."""
    for place, item in enumerate(fields.breaks(contract)):
        body = _SHAPES[place % len(_SHAPES)](contract, fields.broken(contract, item), item)
        case = _broken(contract, f"{item.clause}/{item.slug}", body, item)
        named = (f"{item.field}.required",) if item.aspect == "name" else ()
        yield replace(case, rests=(*_left_out(contract, (item.field, *body)), *named))
    yield from _empty_case(contract)
    yield from _query_cases(contract)


def _query_cases(contract: Contract) -> Iterator[Case]:
    """Yield the body without its first required field, which stands in the URL's query instead."""
    plain = fields.plain(contract)
    name = next((field.name for field in contract.fields.values() if field.required), None)
    if name is not None:
        body = {other: value for other, value in plain.items() if other != name}
        draft = with_body(contract, body)
        draft = replace(draft, path=with_query(draft.path, urlencode({name: plain[name]})))
        title = "A field in the URL's query is none of the body's."
        yield made(f"{name}.required/in-query", title, body_situation(contract, body), draft)


def _empty_case(contract: Contract) -> Iterator[Case]:
    """Yield the object without members: each required field is missing."""
    required = next((field.name for field in contract.fields.values() if field.required), None)
    if required is not None:
        title = "An object without members is refused."
        case = made(
            f"{required}.required/empty-object", title, body_situation(contract, {}), with_body(contract, {})
        )
        yield replace(case, rests=_left_out(contract, ()))


def _left_out(contract: Contract, names: Collection[str]) -> tuple[str, ...]:
    """Return the clauses by which the optional fields may be left out that are not among the names."""
    optional = (field.name for field in contract.fields.values() if not field.required)
    return tuple(f"{name}.optional" for name in optional if name not in names)


def broken_case(contract: Contract, id_: str, *breaks: Break) -> Case:
    """Return the case of a body with these fields broken."""
    return _broken(contract, id_, fields.broken(contract, *breaks), *breaks)


def _broken(contract: Contract, id_: str, body: Body, *breaks: Break) -> Case:
    what = " and ".join(f"{item.field} ({item.slug})" for item in breaks)
    return made(id_, f"An invalid {what} is refused.", body_situation(contract, body), with_body(contract, body))


def several_fields_cases(contract: Contract) -> Iterator[Case]:
    """Yield bodies in which every field is invalid at once, in different ways."""
    by_field: dict[str, list[Break]] = {}
    for item in fields.breaks(contract):
        chosen = by_field.setdefault(item.field, [])
        if item.aspect not in {other.aspect for other in chosen} and item.aspect != "name":
            chosen.append(item)
    if len(by_field) < 2:
        return
    turned = [items[:: 1 if place % 2 == 0 else -1] for place, items in enumerate(by_field.values())]
    for row in range(PAIRED):
        breaks = [items[row % len(items)] for items in turned]
        slug = "-and-".join(f"{item.field}-{item.aspect}" for item in breaks)
        case = broken_case(contract, f"fields.all-reported/{slug}"[:120], *breaks)
        yield replace(case, rests=tuple(item.clause for item in breaks))


def named_cases(contract: Contract) -> Iterator[Case]:
    """Yield one case for each field, to see whether the message names it."""
    firsts: dict[frozenset[str], Case] = {}
    for case in broken_cases(contract):
        firsts.setdefault(case.situation.invalid, case)
    for name in contract.fields:
        case = firsts[frozenset({name})]
        title = f"The message for an invalid {name} names it."
        named = made(f"fields.message-names-field/{name}", title, case.situation, case.draft)
        yield replace(named, rests=(case.clause,))


def explored_bodies(contract: Contract) -> dict[str, st.SearchStrategy[Case]]:
    """Return, by clause, strategies that draw further bodies that break one keyword of one field."""
    found: dict[str, st.SearchStrategy[Case]] = {}
    for field, aspect in product(contract.fields.values(), ("type", "max-length", "unicode", "format")):
        values = drawn.breaking(field, aspect)
        if values is not None:
            found[f"{field.name}.{aspect}"] = values.map(_breaker(contract, field.name, aspect))
    for field in contract.fields.values():
        clause = next(
            (c for c in (f"{field.name}.accepts", f"{field.name}.unicode") if c in contract.clauses), None
        )
        if clause is not None:
            valid = drawn.valid(field).map(_accepter(contract, clause, field.name))
            found[clause] = st.one_of(valid, found[clause]) if clause in found else valid
    return found


def _accepter(contract: Contract, clause: str, name: str) -> Callable[[Any], Case]:
    """Return what makes a case of a valid value, sent where an open refund request must stand in its way."""

    def accepted(value: Any) -> Case:
        body = {**fields.plain(contract), name: value}
        situation = replace(body_situation(contract, body), order="refund-open")
        title = f"Whatever the valid {name}, an open refund request stands in the way."
        case = made(f"{clause}/drawn-valid", title, situation, with_body(contract, body), "spent")
        return replace(case, blame=(("order", "order.refund-open"),))

    return accepted


def _breaker(contract: Contract, field: str, aspect: str) -> Callable[[Any], Case]:
    return lambda value: broken_case(
        contract, f"{field}.{aspect}/drawn", Break(field, aspect, "drawn", {field: value})
    )
