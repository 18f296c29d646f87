"""Requests that must be accepted: one for each promise, and as few as possible that carry all of them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from refund_conformance.cases.bodies import body_situation
from refund_conformance.cases.case import SPENT, Case, made, plain_draft
from refund_conformance.cases.payloads import addresses, fields, json_text
from refund_conformance.contract.model import Contract, Field

JOINED = "order.refundable/joined"
"""How the ids of requests begin that carry several promises."""


@dataclass(frozen=True)
class Text:
    """A free text that holds ``pieces``; where there are ``scripts``, these fill it up to the field's limit.

    The first of the scripts fills most of it.
    """

    pieces: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()

    def written(self, limit: int) -> str:
        """Return the text: within ``limit`` whether it is counted in code points or in UTF-16 units."""
        text = "".join((*self.pieces, *(fields.SCRIPTS[script] for script in self.scripts[1:])))
        while self.scripts and fields.utf16_length(text) < limit:
            text += fields.SCRIPTS[self.scripts[0]]
        while fields.utf16_length(text) > limit:
            text = text[:-1]
        return text

    def with_other(self, other: "Text", limit: int) -> "Text | None":
        """Return the text that both are part of; None if one would take the other's place."""
        if bool(self.pieces) != bool(other.pieces):
            return None
        pieces = tuple(dict.fromkeys((*self.pieces, *other.pieces)))
        scripts = tuple(dict.fromkeys((*self.scripts, *other.scripts)))
        return Text(pieces, scripts) if fields.utf16_length("".join(pieces)) <= limit else None


@dataclass(frozen=True)
class Valid:
    """What one promise asks of a request; what it leaves open, another may ask for.

    ``values`` are those of fields, None leaves one out; ``texts`` are what free texts hold. ``form`` writes the
    body, and ``spelling`` the names of the header fields. ``promises``, ``rests`` and ``group`` are those of the
    case.
    """

    id: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, Text] = field(default_factory=dict)
    form: Callable[[Mapping[str, Any]], bytes] = json_text.dump
    spelling: Callable[[str], str] = str
    promises: tuple[tuple[str, str], ...] = ()
    rests: tuple[str, ...] = ("order.refundable",)
    group: str = "refundable"

    def body(self, contract: Contract) -> dict[str, Any]:
        """Return the members of the request's body."""
        texts = {name: text.written(limit_of(contract.fields[name])) for name, text in self.texts.items()}
        body = {**fields.plain(contract), **texts, **self.values}
        return {name: value for name, value in body.items() if value is not None}

    def case(self, contract: Contract) -> Case:
        """Return the request as a case."""
        body = self.body(contract)
        draft = replace(plain_draft(contract), body=self.form(body), spelling=self.spelling)
        case = made(self.id, self.title, body_situation(contract, body), draft, self.group)
        return replace(case, promises=self.promises, rests=self.rests)

    def with_other(self, other: "Valid", contract: Contract) -> "Valid | None":
        """Return the request that carries both promises; None if they exclude each other."""
        texts = dict(self.texts)
        for name, text in other.texts.items():
            limit = limit_of(contract.fields[name])
            joined = texts[name].with_other(text, limit) if name in texts else text
            if joined is None or name in self.values:
                return None
            texts[name] = joined
        if other.values.keys() & (self.values.keys() | self.texts.keys()):
            return None
        if json_text.dump not in (self.form, other.form) or str not in (self.spelling, other.spelling):
            return None
        return replace(
            self,
            values={**self.values, **other.values},
            texts=texts,
            form=self.form if other.form is json_text.dump else other.form,
            spelling=self.spelling if other.spelling is str else other.spelling,
            promises=tuple(dict.fromkeys((*self.promises, *other.promises))),
            rests=(),
        )


def limit_of(about: Field) -> int:
    """Return the most characters of a text field; those of an ordinary text where there is no limit."""
    return int(about.schema.get("maxLength", len(fields.SIGNS) * 2))


@dataclass(frozen=True)
class Joined:
    """One request that carries the promises of ``members``, which are ids of cases."""

    case: Case
    members: tuple[str, ...]


def joined_cases(contract: Contract, chosen: Collection[str]) -> Iterator[Joined]:
    """Yield as few requests as carry the promises of the chosen clauses; one promise alone is its own case."""
    groups: list[tuple[Valid, list[Valid]]] = []
    wanted = [v for v in valids(contract) if v.id.partition("/")[0] in chosen and v.group == "refundable"]
    for valid in wanted:
        for place, (whole, members) in enumerate(groups):
            joined = whole.with_other(valid, contract)
            if joined is not None:
                groups[place] = (joined, [*members, valid])
                break
        else:
            groups.append((valid, [valid]))
    for number, (whole, members) in enumerate(groups, 1):
        ids = tuple(member.id for member in members)
        title = f"A valid request that keeps to {len(ids)} promises at once is accepted."
        named = replace(whole, id=f"{JOINED}-{number}", title=title) if len(ids) > 1 else whole
        yield Joined(named.case(contract), ids)


def valid_cases(contract: Contract) -> Iterator[Case]:
    """Yield a case for each promise to accept a request, but for the plain one."""
    for valid in valids(contract):
        yield valid.case(contract)


def valids(contract: Contract) -> Iterator[Valid]:
    """Yield what each promise to accept a request asks of it."""
    for about in contract.fields.values():
        yield from _of_field(contract, about)
    yield from _forms(contract)
    yield Valid(
        "auth.accepts/small-letters",
        "A valid token is accepted under the header's name in small letters.",
        spelling=str.lower,
        promises=(("content_type", "content-type.exact"),),
    )


def _of_field(contract: Contract, about: Field) -> Iterator[Valid]:
    name, schema = about.name, about.schema
    is_email = schema.get("format") == "email"
    if "maxLength" in schema and not is_email:
        yield _text(f"{name}.unicode/at-limit-mixed", name, Text(scripts=("mixed",)))
        yield _text(f"{name}.max-length/at-limit-ascii", name, Text(scripts=("ascii",)))
        yield _text(f"{name}.unicode/emoji", name, Text((fields.ODD_TEXT,), ("emoji",)))
        if len(fields.SIGNS) <= schema["maxLength"]:
            yield _text(f"{name}.unicode/signs", name, Text((fields.SIGNS,)))
    if is_email:
        if "maxLength" in schema:
            yield _of_value(f"{name}.max-length/at-limit-ascii", name, addresses.email(schema["maxLength"]))
        for slug, value in addresses.accepted_emails().items():
            yield _of_value(f"{name}.accepts/{slug}", name, value)
    if not about.required:
        yield _of_value(f"{name}.optional/absent", name, None)
    if name in fields.free_texts(contract):
        yield from _told_apart(about)


def _text(id_: str, name: str, text: Text) -> Valid:
    return Valid(id_, _title(id_), texts={name: text})


def _of_value(id_: str, name: str, value: Any) -> Valid:
    return Valid(id_, _title(id_), values={name: value})


def _title(id_: str) -> str:
    clause, _, slug = id_.partition("/")
    return f"A valid {clause.partition('.')[0]} ({slug}) is accepted."


def _told_apart(about: Field) -> Iterator[Valid]:
    """Yield texts that readers take for another type, or for none.

    They go to an order that is used up where the target looks at fields first: no order is worth each of them.
    """
    least, most = about.schema.get("minLength", 0), about.schema.get("maxLength", 1000)
    likes = {f"like-{slug}": text for slug, text in fields.LIKE_OTHERS.items()}
    for slug, text in {"shortest": "0" * max(1, least), **likes}.items():
        if least <= len(text) <= most:
            aspect = "max-length" if slug == "shortest" and "maxLength" in about.schema else "unicode"
            valid = _of_value(f"{about.name}.{aspect}/{slug}", about.name, text)
            yield replace(valid, group=SPENT, rests=("order.refundable", "order.once"))


def _forms(contract: Contract) -> Iterator[Valid]:
    """Yield unusual spellings of a JSON object."""
    free: Sequence[str] = tuple(fields.free_texts(contract))
    of_fields = tuple(clause.id for clause in contract.clauses.values() if clause.area in contract.fields)
    promises = (("authorization", "auth.accepts"), ("content_type", "content-type.exact"))
    for (slug, form), spelling in zip(json_text.FORMS.items(), (str.title, str.upper), strict=True):
        yield Valid(
            f"json.valid-forms/{slug}",
            f"An object spelt unusually ({slug}) is accepted.",
            texts={name: Text((json_text.ESCAPES,)) for name in free[:1]},
            form=form,
            spelling=spelling,
            promises=promises,
            rests=("order.refundable", *of_fields),
        )
