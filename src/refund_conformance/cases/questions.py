"""Cases that ask what the document leaves open, and cases at the limits of what a server can take in."""

from collections.abc import Iterator
from dataclasses import replace

from refund_conformance.cases.bodies import with_body
from refund_conformance.cases.case import SPENT, Case, Draft, Framing, made, plain_draft
from refund_conformance.cases.payloads import fields, headers, json_text
from refund_conformance.contract.model import Contract, Field
from refund_conformance.oracle.situation import Situation

INTERNATIONAL = "käufer@bücher.example"
_DEEP = "[" * json_text.DEPTH + "]" * json_text.DEPTH

LARGE_BODY = "large-body"

ASKING = "asks-"
"""How the slugs of cases begin that ask an open question."""


def question_cases(contract: Contract) -> Iterator[Case]:
    """Yield a case for each open question that one request can answer.

    The id's first half is the clause that an answer outside the permitted ones breaks.
    """
    draft = plain_draft(contract)
    media = contract.operation.media_type
    header = {
        "content-type-parameters": ("content-type.exact", replace(draft, content_type=f"{media}; charset=utf-8")),
        "content-type-case": ("content-type.exact", replace(draft, content_type=media.title())),
        "bearer-case": ("auth.malformed", replace(draft, authorization=headers.form("bearer {token}"))),
        "byte-order-mark": ("json.encoding", replace(draft, body=b"\xef\xbb\xbf" + draft.body)),
        "utf16-json": ("json.encoding", replace(draft, body=draft.body.decode().encode("utf-16"))),
        "unusual-members": ("server.no-5xx", with_body(contract, _with_unusual_members(contract))),
        "chunked-body": ("json.chunked", replace(draft, framing=Framing.CHUNKS)),
    }
    for question, (clause, asked) in header.items():
        yield _case(clause, question, "", asked)
    for slug, unsupported in {
        "charset": replace(draft, content_type=f"{media}; charset=iso-8859-1"),
        "coding": replace(draft, extra_headers=(("Content-Encoding", "br"),)),
    }.items():
        case = _case("server.no-5xx", "unsupported-encoding", "", unsupported)
        yield replace(case, id=f"{case.id}-{slug}")
    yield from _name_questions(contract, draft)
    yield from _value_questions(contract, draft)


def _with_unusual_members(contract: Contract) -> dict[str, object]:
    return {**fields.unusual_members(), **fields.plain(contract)}


def framing_cases(contract: Contract) -> Iterator[Case]:
    """Yield the plain body, cut short by its length and by its chunks."""
    for framing, what in ((Framing.CUT_LENGTH, "length"), (Framing.CUT_CHUNKS, "chunks")):
        yield made(
            f"json.incomplete/{framing.removeprefix('cut-')}",
            f"A body that breaks off, by its {what}, creates nothing.",
            Situation(body="incomplete"),
            replace(plain_draft(contract), framing=framing),
        )


def asked_together(contract: Contract) -> Iterator[Case]:
    """Yield requests that ask several questions each; one that is accepted answers them all."""
    yield at_once(contract)
    for field in contract.fields.values():
        if _is_text(field) and field.schema.get("format") != "email":
            yield _odd_text(contract, field)


def _odd_text(contract: Contract, field: Field) -> Case:
    """Return one request with every question about the characters of a text."""
    longest = fields.text("emoji", field.schema["maxLength"] - 2) + "@@"
    body = json_text.dump({**fields.plain(contract), field.name: longest}).replace(b"@@", b"\\u0000\\ud83d")
    situation = Situation(questions=tuple((question, field.name) for question in _OF_TEXTS))
    draft = replace(plain_draft(contract), body=body)
    return Case(f"{field.name}.unicode/{ASKING}{field.name}-at-once", _AT_ONCE, situation, draft)


_OF_TEXTS = ("character-unit", "nul-character", "lone-surrogate")
_AT_ONCE = "Several open questions at once: any lawful answer will do."


def at_once(contract: Contract) -> Case:
    """Return one request that asks every question about the body that leaves the others their place.

    Each is asked of one field, for the answers to all of them multiply. If it is accepted, each is answered.
    """
    plain, asked = fields.plain(contract), {"unknown-field": "comment"}
    for field in contract.fields.values():
        if field.schema.get("format") == "email" and "international-email" not in asked:
            plain[field.name] = INTERNATIONAL
            asked["international-email"] = field.name
        elif not field.required and _is_text(field) and "empty-description" not in asked:
            plain[field.name] = ""
            asked["empty-description"] = field.name
    name, value = next(reversed(plain.items()))
    asked["duplicate-keys"] = name
    twice = json_text.dump({name: value}).decode()[1:-1]
    body = f'{json_text.dump(plain).decode()[:-1]},"comment":"text",{twice}}}'
    situation = Situation(questions=tuple(asked.items()))
    return Case(
        "fields.name/asks-at-once", _AT_ONCE, situation, replace(plain_draft(contract), body=body.encode()), SPENT
    )


def _is_text(field: Field) -> bool:
    return field.schema.get("type") == "string" and bool(field.schema.get("maxLength"))


def _name_questions(contract: Contract, draft: Draft) -> Iterator[Case]:
    text = draft.body.decode()
    name, value = next(reversed(fields.plain(contract).items()))
    twice = f"{text[:-1]},{json_text.dump({name: value}).decode()[1:-1]}}}"
    yield _case("json.valid-forms", "duplicate-keys", name, replace(draft, body=twice.encode()))
    more = {**fields.plain(contract), "comment": "text"}
    yield _case("fields.name", "unknown-field", "comment", replace(draft, body=json_text.dump(more)))
    deep = f'{text[:-1]},"comment":{_DEEP}}}'
    case = _case("json.structure", "deep-nesting", "comment", replace(draft, body=deep.encode()))
    yield replace(case, rests=(*case.rests, "fields.name"))


def _value_questions(contract: Contract, draft: Draft) -> Iterator[Case]:
    plain = fields.plain(contract)
    for field in contract.fields.values():
        name = field.name
        if field.schema.get("format") == "email":
            body = json_text.dump({**plain, name: INTERNATIONAL})
            yield _case(f"{name}.accepts", "international-email", name, replace(draft, body=body))
            body = json_text.dump({**plain, name: f"{plain[name]}\n"})
            yield _case(f"{name}.format", "email-surrounding-space", name, replace(draft, body=body))
        elif _is_text(field):
            yield _case(
                f"{name}.unicode",
                "character-unit",
                name,
                replace(
                    draft, body=json_text.dump({**plain, name: fields.text("emoji", field.schema["maxLength"])})
                ),
                "refundable",
            )
            nul = json_text.dump({**plain, name: "a@b"}).replace(b"a@b", b"a\\u0000b")
            yield _case(f"{name}.unicode", "nul-character", name, replace(draft, body=nul), "refundable")
            half = nul.replace(b"\\u0000", b"\\ud83d")
            yield _case(f"{name}.unicode", "lone-surrogate", name, replace(draft, body=half), "refundable")
            if not field.required:
                empty = json_text.dump({**plain, name: ""})
                yield _case(f"{name}.optional", "empty-description", name, replace(draft, body=empty))


def _case(clause: str, question: str, field: str, draft: Draft, group: str = SPENT) -> Case:
    title = f"The open question {question}: any lawful answer will do."
    situation = Situation(questions=((question, field),))
    rests = ("order.once",) if group == SPENT else ()
    return Case(f"{clause}/{ASKING}{question}", title, situation, draft, group, rests=rests)


def limit_cases(contract: Contract) -> Iterator[Case]:
    """Yield bodies that strain a server: a huge number, deep nesting and a long text in one field."""
    plain = fields.plain(contract)
    field = next(iter(contract.fields))
    draft = plain_draft(contract)
    text = json_text.dump({**plain, field: "@@"}).decode()
    strains = {
        "huge-number": (text.replace('"@@"', "9" * 5000), "type", ("number-range", field)),
        "huge-exponent": (text.replace('"@@"', "1e999"), "type", ("number-range", field)),
        "deep-value": (text.replace('"@@"', _DEEP), "type", ("deep-nesting", field)),
        LARGE_BODY: (text.replace("@@", "x" * 150_000), "max-length", ("oversized-request", "")),
    }
    for slug, (body, aspect, question) in strains.items():
        broken = f"{field}.{aspect}"
        clause = broken if broken in contract.clauses else "server.no-5xx"
        yield Case(
            f"{'server.answers' if slug == LARGE_BODY else clause}/{slug}",
            f"A strain on the server ({slug}) gets an ordinary answer.",
            Situation(invalid=frozenset({field}), questions=(question,)),
            replace(draft, body=body.encode()),
            blame=(("field", clause),),
        )
