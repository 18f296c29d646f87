"""Everything that a recorded request may be, for all that its recording tells, and what follows from that."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from refund_conformance.cases.payloads.fields import invalid_fields
from refund_conformance.cases.recorded import authorization as tokens
from refund_conformance.cases.recorded import body as bodies
from refund_conformance.cases.recorded.body import Body
from refund_conformance.cases.recorded.exchange import Recorded, Shown
from refund_conformance.cases.recorded.route import Part, Place, route
from refund_conformance.contract.model import VALID, Contract
from refund_conformance.oracle.permitted import Permitted, permitted
from refund_conformance.oracle.situation import Situation

ORDER_STATES = ("unknown", "foreign", "not-paid", "zero-price", "refund-open")
"""What an order may be besides refundable."""

OTHERS_ORDER = ("unknown", "foreign")
"""What an order is to a caller whose it is not."""

KEYWORDS = ("required", "type", "pattern", "maxLength", "format")
"""Keywords of the schema that a field breaks, the one first that tells the most."""


Pins = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Possibilities:
    """What a recorded request may be.

    ``situations`` are all that it may be in. ``wrong`` are the parts that are wrong in each of them, ``invalid``
    the fields that are. ``document`` is the object in its body, None if there is none or it is not known. If the
    body ``is_open``, any answer about it is permitted. ``asked`` are the open questions that it touches.
    """

    situations: tuple[Situation, ...]
    wrong: Mapping[str, str]
    invalid: frozenset[str]
    document: Body | None
    is_open: bool
    asked: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        """The members of the body that are no fields of the contract, and may be called invalid."""
        return frozenset(name for situation in self.situations for _, name in situation.questions if name)


def possibilities(
    contract: Contract,
    header: str,
    recorded: Recorded,
    place: Place,
    shown: Shown = Shown(),  # noqa: B008
) -> Possibilities:
    """Return what a recorded request to the operation may be.

    ``header`` is the name of the authorization header, ``shown`` what the recording tells of the world around.
    """
    head = len(recorded.target) + sum(len(name) + len(value) + 4 for name, value in recorded.headers)
    parts = {
        "route": route(contract, recorded.method, place, head, is_served=shown.is_served),
        "authorization": tokens.authorization(contract, header, recorded, shown),
        "content_type": bodies.content_type(contract, recorded),
        "caller": Part(VALID["caller"], ("unconfigured",)),
        "order": _order(shown),
    }
    content = bodies.content(contract, recorded)
    if recorded.values("Transfer-Encoding"):  # which does not tell whether the last chunk came
        parts["body"] = Part("", ("incomplete",))
    situations = tuple(dict.fromkeys(_situations(parts, content.situations)))
    values = {part: {getattr(one, part) for one in situations} for part in VALID}
    wrong = {part: getattr(situations[0], part) for part, met in values.items() if VALID[part] not in met}
    invalid = frozenset.intersection(*(one.invalid if _has_fields(one) else frozenset() for one in situations))
    asked = tuple(dict.fromkeys(name for one in situations for name, _ in one.questions))
    return Possibilities(situations, wrong, invalid, content.document, content.is_open, asked)


def _order(shown: Shown) -> Part:
    if not shown.order:
        return Part(VALID["order"], ORDER_STATES)
    return Part(shown.order, () if shown.is_owner else OTHERS_ORDER)


def _has_fields(situation: Situation) -> bool:
    return situation.body in (VALID["body"], "incomplete")


def _situations(parts: Mapping[str, Part], contents: tuple[Situation, ...]) -> Iterator[Situation]:
    """Yield the situation as it looks, and with each part by itself as it may be instead.

    More than one at a time would permit nothing further: each wrong part may answer, and does so by itself.
    """
    asked = tuple(question for part in parts.values() for question in part.questions)
    for content in contents:
        looks = replace(content, questions=tuple(dict.fromkeys((*asked, *content.questions))))
        for name, part in parts.items():
            looks = looks.with_part(name, part.value) if part.value else looks
        yield looks
        for name, part in parts.items():
            yield from (looks.with_part(name, other) for other in part.others)


def permitted_answers(contract: Contract, found: Possibilities, pins: Mapping[str, str]) -> frozenset[Permitted]:
    """Return every answer that the contract permits in any of the situations that a request may be in."""
    known = tuple(sorted(pins.items()))
    answers = frozenset[Permitted]().union(*(_permitted(contract, one, known) for one in found.situations))
    return answers | _about_body(contract) if found.is_open else answers


def looks_permitted(contract: Contract, found: Possibilities, pins: Mapping[str, str]) -> frozenset[Permitted]:
    """Return the answers that are permitted if a request is as it looks, and nothing else is wrong."""
    return _permitted(contract, found.situations[0], tuple(sorted(pins.items())))


@lru_cache(4096)
def _permitted(contract: Contract, situation: Situation, pins: Pins) -> frozenset[Permitted]:
    return permitted(contract, situation, dict(pins))


def _about_body(contract: Contract) -> frozenset[Permitted]:
    """Return the answer to a body that is not known: any that has the status and codes of a refused one."""
    outcome = contract.outcomes["body", "malformed"]
    return frozenset({Permitted("body", outcome.statuses, "some")})


def clauses_of(contract: Contract, found: Possibilities, recorded: Recorded) -> dict[str, str]:
    """Return the clause that each part is the matter of that is wrong for sure, in the order of the parts."""
    clauses = {part: _clause(part, value, recorded) for part, value in found.wrong.items()}
    clauses = {part: clause for part, clause in clauses.items() if clause in contract.clauses}
    if found.invalid and found.document is not None:
        clauses["field"] = field_clause(contract, min(found.invalid), found.document)
    return clauses


def _clause(part: str, value: str, recorded: Recorded) -> str:
    if part == "route":
        return "route.method" if value == "other-method" else "route.order-id"
    if part == "body":
        return f"json.{'structure' if value == 'not-an-object' else _unreadable(recorded.body or b'')}"
    if part == "order":
        return "order.once"  # it is known only of orders for which a request was accepted
    return f"{ {'authorization': 'auth', 'content_type': 'content-type'}[part] }.{value}"


def _unreadable(body: bytes) -> str:
    try:
        body.decode("utf-8")
    except ValueError:
        return "encoding"
    return "malformed"


def field_clause(contract: Contract, field: str, document: Body) -> str:
    """Return the clause that an invalid field is the matter of."""
    broken, value = invalid_fields(contract, document).get(field, set()), document.get(field)
    word = next((word for word in KEYWORDS if word in broken), "format")
    if word == "required" and any(name.lower() == field for name in document):
        return "fields.name"
    aspects = {"type": "null" if value is None else "type", "pattern": "empty", "maxLength": "max-length"}
    aspect = aspects.get(word, word)
    if aspect == "max-length" and not str(value).isascii() and f"{field}.unicode" in contract.clauses:
        aspect = "unicode"
    clause = f"{field}.{aspect}"
    return clause if clause in contract.clauses else "fields.all-reported"


def promises_of(contract: Contract, document: Body | None) -> dict[str, str]:
    """Return the clause that fails if a part or a field is refused with which nothing is wrong."""
    parts = {
        "authorization": "auth.accepts",
        "content_type": "content-type.exact",
        "body": "json.valid-forms",
    }
    for name in contract.fields:
        parts[name] = valid_clause(contract, name, document or {})
    return parts


def valid_clause(contract: Contract, field: str, document: Body) -> str:
    """Return the clause that promises that a field's valid value is accepted."""
    value, schema = document.get(field), contract.fields[field].schema
    wanted = [f"{field}.accepts", f"{field}.max-length"]
    if field not in document:
        wanted.insert(0, f"{field}.optional")
    elif isinstance(value, str) and not value.isascii():
        wanted.insert(0, f"{field}.unicode")
    elif isinstance(value, str) and len(value) == schema.get("maxLength"):
        wanted.insert(0, f"{field}.max-length")
    return next((clause for clause in wanted if clause in contract.clauses), "fields.all-reported")
