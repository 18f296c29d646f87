"""Cases about the request as HTTP and JSON see it: URL, method, authorization, content type, JSON text."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from urllib.parse import quote

from hypothesis import strategies as st

from refund_conformance.cases.bodies import body_situation, with_body
from refund_conformance.cases.case import Case, Draft, Framing, made, missing_case, plain_draft
from refund_conformance.cases.payloads import fields, headers, json_text, paths
from refund_conformance.cases.payloads.fields import Break
from refund_conformance.cases.payloads.paths import PathForm
from refund_conformance.contract.model import Contract
from refund_conformance.oracle.situation import Situation

OTHER_METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE")


def route_cases(contract: Contract) -> Iterator[Case]:
    """Yield cases for unknown URLs, other methods and malformed order ids."""
    draft = plain_draft(contract)
    for slug, path in paths.unknown_urls(contract.operation.path).items():
        yield made(
            f"route.unknown-url/{slug}",
            f"A URL that the API does not have ({slug}) is not found.",
            Situation(route="unknown-url"),
            replace(draft, path=path),
        )
    for method in OTHER_METHODS:
        yield made(
            f"route.method/{method.lower()}",
            f"{method} on the refund URL creates nothing.",
            Situation(route="other-method"),
            replace(draft, method=method),
        )
    for slug, write in paths.malformed_ids().items():
        malformed = made(
            f"route.order-id/{slug}",
            f"An order id that no order has ({slug}) is not found.",
            Situation(
                route="number-of-no-order" if paths.is_undecided(write) else "malformed-order-id",
                questions=tuple(_asked_by(write)),
            ),
            replace(draft, path=_with_id(contract, write)),
        )
        yield replace(malformed, rests=("order.unknown",))


def _asked_by(write: PathForm) -> Iterator[tuple[str, str]]:
    """Yield the open questions that an id in a URL touches."""
    if paths.is_cleaned(write):
        yield "path-cleaning", ""
    if paths.is_oversized(write):
        yield "oversized-request", ""


def _with_id(contract: Contract, write: PathForm) -> PathForm:
    return lambda order: contract.operation.path.replace("{order}", quote(write(order), safe=""))


def auth_cases(contract: Contract) -> Iterator[Case]:
    """Yield cases for authorization that is missing, malformed, forged or expired."""
    draft = plain_draft(contract)
    yield missing_case(contract)
    yield made(
        "auth.missing/standard-header",
        "A token in the standard Authorization header alone authorizes nothing.",
        Situation(authorization="missing"),
        replace(draft, authorization=headers.standard_header),
    )
    yield made(
        "auth.missing/trailer",
        "A token in a trailer field behind the body authorizes nothing.",
        Situation(authorization="missing"),
        replace(draft, authorization=headers.absent, framing=Framing.CHUNKS, trailer=headers.bearer),
    )
    drafts = _shaped_drafts(contract)
    for slug, form in headers.MALFORMED.items():
        yield made(
            f"auth.malformed/{slug}",
            f"An authorization header of another form ({slug}) is refused.",
            Situation(authorization="malformed"),
            replace(next(drafts), authorization=form),
        )
    for slug in headers.FORGERIES:
        yield made(
            f"auth.forged/{slug}",
            f"A forged token ({slug}) is refused.",
            Situation(authorization="forged"),
            replace(next(drafts), authorization=headers.forged(slug)),
        )
    yield made(
        "auth.forged/refresh-token",
        "The login's refresh token is no token for the API.",
        Situation(authorization="forged"),
        replace(draft, credential="refresh_token"),
    )
    yield made(
        "auth.expired/expired-token",
        "An expired token is refused.",
        Situation(authorization="expired"),
        replace(draft, credential="expired_token"),
    )


def _shaped_drafts(contract: Contract) -> Iterator[Draft]:
    """Yield the plain request with its members in order, turned round, and without the optional ones, in turn.

    A server may make a check only if some member is there, or stands first.
    """
    plain = fields.plain(contract)
    required = {name: value for name, value in plain.items() if contract.fields[name].required}
    bodies = (plain, dict(reversed(plain.items())), required or plain)
    return cycle(with_body(contract, body) for body in bodies)


def auth_code_cases(contract: Contract) -> Iterator[Case]:
    """Yield one case for each kind of refused authorization, to see the codes."""
    draft = plain_draft(contract)
    kinds = {
        "missing": replace(draft, authorization=headers.absent),
        "forged": replace(draft, authorization=headers.forged("payload-changed")),
        "expired": replace(draft, credential="expired_token"),
    }
    for kind, wrong in kinds.items():
        case = made(f"auth.codes/{kind}", f"The code tells that authorization is {kind}.", Situation(), wrong)
        situation = Situation(authorization=kind)
        yield replace(case, situation=situation, blame=(("authorization", f"auth.{kind}"),))


def content_type_cases(contract: Contract) -> Iterator[Case]:
    """Yield cases for no content type, while a server may have kept the one of the request before, and others."""
    draft = plain_draft(contract)
    yield made(
        "content-type.missing/no-header",
        "A request without a content type is refused.",
        Situation(content_type="missing"),
        replace(draft, content_type=None),
    )
    yield made(
        "content-type.missing/empty",
        "A request with an empty content type is refused.",
        Situation(content_type="missing"),
        replace(draft, content_type=""),
    )
    for shaped, (slug, media_type) in zip(_shaped_drafts(contract), headers.JSON_BODY_TYPES.items(), strict=False):
        yield made(
            f"content-type.other/{slug}",
            f"The content type {media_type} is refused, though the body is JSON.",
            Situation(content_type="other"),
            replace(shaped, content_type=media_type),
        )
    yield from _form_cases(contract)


def spelling_cases(contract: Contract) -> Iterator[Case]:
    """Yield spellings of the content type that may be answered as the plain one is, with a body that is not valid.

    A server that finds its validator by the header's text finds none for these: it must not accept what comes.
    """
    firsts: dict[str, Break] = {}
    for item in fields.breaks(contract):
        if item.aspect == "type":
            firsts.setdefault(item.field, item)
    body = fields.broken(contract, *firsts.values())
    for slug, (question, template, spell) in headers.SPELLINGS.items():
        situation = body_situation(contract, body)
        clause = next(iter(firsts.values())).clause
        yield made(
            f"{clause}/content-type-{slug}",
            f"A body with invalid fields is refused under another spelling of its content type ({slug}) too.",
            replace(situation, questions=(*situation.questions, (question, ""))),
            replace(
                with_body(contract, body),
                content_type=template.replace("{type}", spell(contract.operation.media_type)),
            ),
        )


def _form_cases(contract: Contract) -> Iterator[Case]:
    """Yield the two form types with a body of their own kind."""
    body = fields.plain(contract)
    bodies = {
        "application/x-www-form-urlencoded": "&".join(
            f"{name}={quote(str(value))}" for name, value in body.items()
        ),
        "multipart/form-data; boundary=frontier": "".join(
            f'--frontier\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in body.items()
        )
        + "--frontier--\r\n",
    }
    for media_type, text in bodies.items():
        slug = "urlencoded" if "urlencoded" in media_type else "multipart"
        yield made(
            f"content-type.other/form-body-{slug}",
            f"A form ({slug}) is refused.",
            Situation(content_type="other", body="malformed"),
            replace(plain_draft(contract), content_type=media_type, body=text.encode()),
        )


def json_cases(contract: Contract) -> Iterator[Case]:
    """Yield cases for bodies that are not JSON, not UTF-8, or no object.

    The required fields in them are invalid: a server that reads such a body leniently refuses it with the wrong
    error, instead of accepting it and using up an order.
    """
    body = doomed(contract)
    for slug, raw in json_text.malformed(body).items():
        yield _body_case(contract, f"json.malformed/{slug}", f"Malformed JSON ({slug})", "malformed", raw)
    yield _body_case(
        contract,
        "json.malformed/deep-unclosed",
        "Deep unclosed nesting",
        "malformed",
        json_text.unclosed_nesting(),
    )
    for slug, raw in json_text.badly_encoded(body).items():
        yield _body_case(contract, f"json.encoding/{slug}", f"Invalid UTF-8 ({slug})", "malformed", raw)
    for slug, raw in json_text.not_objects(body).items():
        yield _body_case(
            contract, f"json.structure/{slug}", f"JSON that is no object ({slug})", "not-an-object", raw
        )


def doomed(contract: Contract) -> dict[str, object]:
    """Return a body whose required string fields are blank: no server that reads it may accept it."""
    plain = fields.plain(contract)
    return {
        name: "" if contract.fields[name].required and isinstance(value, str) else value
        for name, value in plain.items()
    }


def _body_case(contract: Contract, id_: str, what: str, value: str, body: bytes) -> Case:
    return made(id_, f"{what} is refused.", Situation(body=value), replace(plain_draft(contract), body=body))


def explored_requests(contract: Contract) -> dict[str, st.SearchStrategy[Case]]:
    """Return, by clause, strategies that draw further cases of these areas."""
    draft = plain_draft(contract)
    token = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
    kinds = st.sampled_from(["application", "text", "image", "multipart", "json"])
    others = st.builds("{}/{}".format, kinds, token).filter(lambda t: t != contract.operation.media_type)
    media_types = st.sampled_from(headers.UNDECLARED_TYPES) | others
    return {
        "json.malformed": json_text.damaged(doomed(contract)).map(
            lambda raw: _body_case(contract, "json.malformed/drawn", "Damaged JSON", "malformed", raw)
        ),
        "content-type.other": media_types.map(
            lambda media_type: made(
                "content-type.other/drawn",
                "Another content type is refused.",
                Situation(content_type="other"),
                replace(draft, content_type=media_type),
            )
        ),
    }
