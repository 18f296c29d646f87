"""Each case's situation is what its request really is, by a reading of the request that shares no code with it."""

import base64
import json
import re
import sys
from dataclasses import dataclass, replace
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refund_conformance.cases import all_cases, explorations
from refund_conformance.cases.case import Case, Framing, plain_case
from refund_conformance.contract import model as contracts
from refund_conformance.oracle.situation import Situation

CONTRACT = contracts.load()
CASES = all_cases(CONTRACT)
ORDER = "730001"
TOKEN = jwt.encode({"sub": "merchant", "exp": 4102444800}, "k" * 32, "HS256")

STATES = {
    "refundable": "refundable",
    "refund_finished": "refundable",
    "not_paid": "not-paid",
    "zero_price": "zero-price",
    "refund_new": "refund-open",
    "refund_processing": "refund-open",
    "spent": "refund-open",
    "unknown": "unknown",
    "foreign": "foreign",
}


def route_of(case: Case) -> str:
    target = case.draft.path(ORDER).partition("?")[0]
    if target == f"/v1/order/{ORDER}/refund":
        return "refund" if case.draft.method == "POST" else "other-method"
    assert case.draft.method == "POST"
    if re.fullmatch(r"/v1/order/(?:[0-9]*|\.\.%2F.*)/refund", target):
        return "number-of-no-order"
    return "malformed-order-id" if re.fullmatch(r"/v1/order/[^/]*/refund", target) else "unknown-url"


def authorization_of(case: Case) -> tuple[str, set[str]]:
    """Return the kind of authorization, and the open questions about it."""
    fields = case.draft.authorization("AuthorizationJWT", TOKEN) or ()
    values = [value for name, value in fields if name == "AuthorizationJWT"]
    if len(values) != 1:
        return ("malformed" if values else "missing"), set()
    (value,) = values
    if case.draft.credential == "refresh_token":
        return "forged", set()
    if value == f"Bearer {TOKEN}":
        return ("expired" if case.draft.credential == "expired_token" else "valid"), set()
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "bearer" and rest == TOKEN:
        return "valid", {"bearer-case"}
    return ("forged" if scheme == "Bearer" and is_like_a_jwt(rest) else "malformed"), set()


def is_like_a_jwt(token: str) -> bool:
    if not re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(\.[!-\-/-~]*)?", token):
        return False
    try:
        json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    except ValueError:
        return False
    return True


def about_size(case: Case) -> set[str]:
    """Return the open questions about how much a request is, and how it is written and framed."""
    target = case.draft.path(ORDER).partition("?")[0]
    found = set()
    if len(case.draft.body) > 65_536 or len(target) > 255 + len("/v1/order//refund"):
        found.add("oversized-request")
    if "//" in target or "..%2F" in target:
        found.add("path-cleaning")
    if case.draft.framing is Framing.CHUNKS and not case.draft.trailer("X", TOKEN):
        found.add("chunked-body")
    if dict(case.draft.extra_headers).get("Content-Encoding"):
        found.add("unsupported-encoding")
    return found


def content_type_of(case: Case) -> tuple[str, set[str]]:
    value = case.draft.content_type
    if not value:
        return "missing", set()
    if value == "application/json":
        return "json", set()
    if value.lower() == "application/json":
        return "json", {"content-type-case"}
    if "iso-8859" in value:
        return "json", {"unsupported-encoding"}
    if re.fullmatch(r"application/json *; *[a-z]+=[A-Za-z0-9-]+", value):
        return "json", {"content-type-parameters"}
    return "other", set()


@dataclass
class Body:
    """What a body is: its kind, the invalid fields, and the open questions that it touches, with their fields."""

    kind: str
    invalid: frozenset[str] = frozenset()
    questions: frozenset[tuple[str, str]] = frozenset()


class TwiceError(Exception):
    """An object has a name twice."""


def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise TwiceError(twice)
    return dict(found)


def refuse(constant: str) -> None:
    raise ValueError(constant)


def body_of(raw: bytes) -> Body:
    for question, encoding in (("byte-order-mark", "utf-8-sig"), ("utf16-json", "utf-16")):
        if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe")[question == "utf16-json"]):
            inner = body_of(raw.decode(encoding).encode())
            return replace(inner, questions=inner.questions | {(question, "")})
    try:
        value = json.loads(raw.decode(), parse_int=float, parse_constant=refuse, object_pairs_hook=pairs)
    except TwiceError as found:
        name = str(found)
        once = json.dumps(dict(json.loads(raw)))
        return replace(body_of(once.encode()), questions=frozenset({("duplicate-keys", name)}))
    except RecursionError:
        return deep_body_of(raw)
    except ValueError:
        return Body("malformed")
    return fields_of(value) if isinstance(value, dict) else Body("not-an-object")


def deep_body_of(raw: bytes) -> Body:
    """Judge a text that is too deep for Python's parser, by putting something shallow in the deep place."""
    brackets = re.sub(rb"[^\[\]]", b"", raw)
    assert len(brackets) >= 40_000 or raw.startswith(b'{"a":{"a":')
    if not raw.startswith(b"{"):
        return Body("not-an-object" if raw == brackets else "malformed")
    shallow = re.sub(rb"\[{1000,}\]{1000,}", b"[]", raw)
    if shallow == raw:
        return Body("malformed")
    inner = body_of(shallow)
    deep = next(name for name, value in json.loads(shallow).items() if value == [])
    questions = {each for each in inner.questions if each[0] != "unknown-field"}
    return replace(inner, questions=frozenset(questions | {("deep-nesting", deep)}))


def fields_of(value: dict[str, Any]) -> Body:
    """Judge the two fields by hand: the document's own words about them."""
    invalid, questions = set(), set()
    if "description" in value:
        description = value["description"]
        if not isinstance(description, str) or len(description) > 500:
            invalid.add("description")
            if isinstance(description, float) and abs(description) > sys.float_info.max:
                questions.add(("number-range", "description"))
        else:
            questions |= {(name, "description") for name in asked_by_text(description)}
    email = value.get("email")
    if not isinstance(email, str) or len(email) > 80 or not is_address(email):
        if isinstance(email, str) and len(email) <= 80 and is_address(email.removesuffix("\n")):
            questions.add(("email-surrounding-space", "email"))
        else:
            invalid.add("email")
        if isinstance(email, str) and re.search("[\ud800-\udfff]", email):
            questions.add(("lone-surrogate", "email"))
        if isinstance(email, str) and len(email) > 80 and not is_address(email):
            questions.add(("repeated-field-errors", "email"))
    elif not email.isascii():
        questions.add(("international-email", "email"))
    unknown = {("unknown-field", name) for name in value if name not in ("description", "email")}
    questions |= {("unusual-members", "")} if len(unknown) > 100 else unknown
    return Body("object", frozenset(invalid), frozenset(questions))


def is_address(text: str) -> bool:
    """Tell whether a text is an address by some reading."""
    label = r"[^@.\s\x00-\x1f\ud800-\udfff]{1,63}"
    return re.fullmatch(rf"(?!mailto:)[^@\s\x00-\x1f\ud800-\udfff]+@{label}(\.{label})*", text) is not None


def asked_by_text(text: str) -> set[str]:
    """Return the open questions that a description touches."""
    found = set()
    if text == "":
        found.add("empty-description")
    if "\0" in text:
        found.add("nul-character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        found.add("lone-surrogate")
    elif len(text.encode("utf-16-le")) // 2 > 500:
        found.add("character-unit")
    return found


def situation_of(case: Case) -> Situation:
    """Return the situation as the request shows it."""
    authorization, about_token = authorization_of(case)
    content_type, about_type = content_type_of(case)
    body = body_of(case.draft.body)
    asks = case.is_asked  # such a case is sent for whichever order the run has for it
    is_other = case.draft.credential == "other_merchant_token"
    unconfigured = case.draft.credential == "unconfigured_token"
    asked = about_token | about_type | about_size(case)
    asked |= {"unconfigured-order"} if unconfigured and case.group not in ("unknown", "foreign") else set()
    return Situation(
        route=route_of(case),
        authorization=authorization,
        content_type=content_type,
        body="incomplete" if case.draft.framing.is_cut else body.kind,
        caller="unconfigured" if unconfigured else "configured",
        order="refundable" if asks else "foreign" if is_other else STATES[case.group],
        invalid=body.invalid,
        questions=tuple(sorted({*((each, "") for each in asked), *body.questions})),
    )


def given_situation(case: Case) -> Situation:
    return replace(case.situation, questions=tuple(sorted(case.situation.questions)))


@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.id.replace("/", "-"))
def test_the_situation_of_a_case_is_what_its_request_is(case: Case) -> None:
    assert given_situation(case) == situation_of(case)


DRAWN = explorations(CONTRACT)


@pytest.mark.parametrize("clause", DRAWN)
@given(data=st.data())
def test_the_situation_of_a_drawn_case_is_what_its_request_is(clause: str, data: st.DataObject) -> None:
    case = data.draw(DRAWN[clause])
    assert case.clause == clause
    assert given_situation(case) == situation_of(case)


@pytest.mark.parametrize("clause", [clause for clause in DRAWN if clause not in ("auth.first", "errors.alone")])
@given(data=st.data())
def test_a_drawn_case_has_one_wrong_part(clause: str, data: st.DataObject) -> None:
    case = data.draw(DRAWN[clause])
    (part,) = case.situation.wrong
    # What is valid goes to an order with an open refund request, so that no order is used up by it.
    assert dict(case.blame) == {part: "order.refund-open" if part == "order" else clause}
    assert (part == "order") <= (case.group == "spent")


def test_the_plain_case_has_nothing_wrong_and_nothing_open() -> None:
    case = plain_case(CONTRACT)
    assert situation_of(case) == case.situation == Situation()
    assert next(iter(CASES)) == case.id
