"""Cases in which several parts of a request are wrong at once: a covering array of all pairs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, partial

import covertable
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from refund_conformance.cases.bodies import body_situation
from refund_conformance.cases.case import SPENT, Case, Draft, plain_draft
from refund_conformance.cases.orders import UNCONFIGURED_ORDER
from refund_conformance.cases.payloads import fields, headers, json_text
from refund_conformance.contract.model import Contract
from refund_conformance.oracle.situation import Situation

FACTORS: Mapping[str, tuple[str, ...]] = {
    "who": ("merchant", "missing", "forged", "unconfigured"),
    "media": ("json", "other"),
    "body": ("plain", "malformed", "one-field", "all-fields"),
    "order": ("refundable", "not_paid", SPENT, "unknown", "foreign"),
}
"""What is combined: caller and authorization, content type, body and fields, order group."""

_CLAUSES = ("auth.first", "errors.alone")
"""What combinations without and with authorization are about."""

_STATES = {"not_paid": "not-paid", "zero_price": "zero-price", SPENT: "refund-open"}
_ORDER_CLAUSES = {"refund-open": "order.once"}

_MIXTURE = ("merchant", "json", "all-fields", SPENT)


def _unhidden(who: str, media: str, body: str, order: str) -> tuple[str, ...]:
    """Return a row in which nothing hides that fields and the order's state are wrong, if they are.

    What a server says of both must not be mixed, and that shows only where it comes to both.
    """
    if who == "unconfigured" and body in ("one-field", "all-fields") and order in _STATES:
        return "merchant", "json", "all-fields", order
    return who, media, body, order


def combined_cases(contract: Contract) -> Iterator[Case]:
    """Yield cases in which every pair of values of two factors meets, where at least two parts are wrong."""
    rows = covertable.make({name: list(values) for name, values in FACTORS.items()})
    seen: set[tuple[str, ...]] = set()
    for values in (*(_unhidden(*(row[name] for name in FACTORS)) for row in rows), _MIXTURE):
        case = combination(contract, *values)
        if values not in seen and len(case.situation.wrong) > 1:
            seen.add(values)
            yield case


def explored_combinations(contract: Contract) -> dict[str, SearchStrategy[Case]]:
    """Return, by clause, strategies that draw combinations of at least two wrong parts at random."""
    made = cache(partial(combination, contract))
    drawn = st.tuples(*(st.sampled_from(values) for values in FACTORS.values())).map(lambda values: made(*values))
    several = drawn.filter(lambda case: len(case.situation.wrong) > 1)
    return {
        "auth.first": several.filter(lambda case: case.clause == "auth.first"),
        "errors.alone": several.filter(lambda case: case.clause == "errors.alone"),
    }


def combination(contract: Contract, who: str, media: str, body: str, order: str) -> Case:
    """Return the case of one value of each factor."""
    situation, draft = _body(contract, body)
    if who in ("missing", "forged"):
        form = headers.absent if who == "missing" else headers.forged("payload-changed")
        situation, draft = situation.with_part("authorization", who), replace(draft, authorization=form)
    elif who == "unconfigured":
        situation = situation.with_part("caller", who)
        draft = replace(draft, credential="unconfigured_token")
        if order not in ("unknown", "foreign"):
            situation = replace(situation, questions=(*situation.questions, *UNCONFIGURED_ORDER))
    if media == "other":
        situation = situation.with_part("content_type", "other")
        draft = replace(draft, content_type="text/plain")
    situation = situation.with_part("order", _STATES.get(order, order))
    clause = _CLAUSES[situation.authorization == "valid"]
    names = [who, media, body, order.replace("_", "-")]
    blame = tuple((part, _clause(contract, situation, part)) for part in situation.wrong)
    title = f"Several things wrong at once: {', '.join(situation.wrong) or 'nothing'}."
    rests = tuple(f"{name}.null" for name in sorted(situation.invalid))
    return Case(f"{clause}/{'-'.join(names)}", title, situation, draft, order, blame=blame, rests=rests)


def _body(contract: Contract, body: str) -> tuple[Situation, Draft]:
    draft = plain_draft(contract)
    if body in ("one-field", "all-fields"):
        nulls = dict.fromkeys(contract.fields, None)
        first = next(iter(contract.fields))
        value = nulls if body == "all-fields" else {**fields.plain(contract), first: None}
        return body_situation(contract, value), replace(draft, body=json_text.dump(value))
    if body == "malformed":
        return Situation(body=body), replace(draft, body=draft.body[:-1])
    return Situation(), draft


def _clause(contract: Contract, situation: Situation, part: str) -> str:
    """Return the clause that is about a wrong part alone."""
    if part == "field":
        name = min(situation.invalid)
        return f"{name}.null" if f"{name}.null" in contract.clauses else "fields.all-reported"
    value = getattr(situation, part)
    if part == "order":
        return _ORDER_CLAUSES.get(value, f"order.{value}")
    return {
        "authorization": f"auth.{value}",
        "content_type": f"content-type.{value}",
        "body": f"json.{value}",
        "caller": "caller.configuration",
    }[part]
