"""Recorded exchanges for tests: cases as a proxy would have seen them, and messages by hand."""

import base64
import json
from dataclasses import replace
from typing import Any

from refund_conformance.cases.case import Case, Framing
from refund_conformance.cases.recorded.exchange import Answer, Recorded, Shown
from refund_conformance.cases.recorded.opinion import Opinion, View, opinion
from refund_conformance.cases.recorded.route import place_of
from refund_conformance.contract import model as contracts

CONTRACT = contracts.load()
HEADER = CONTRACT.operation.authorization_header
VIEW = View(CONTRACT, HEADER, {})
NOW = 1_800_000_000.0
ORDER = "730001"
DATE = ("Date", "Fri, 15 Jan 2027 08:00:00 GMT")
"""The time that NOW is."""


def part(value: object) -> str:
    """Return a value as a part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token(end: float = NOW + 3600, alg: str = "RS256") -> str:
    """Return a JWT with an end, and a signature that nobody can check."""
    return f"{part({'alg': alg, 'typ': 'JWT'})}.{part({'sub': 'merchant', 'exp': end})}.c2lnbmF0dXJlc2lnbmF0dXJl"


TOKEN = token()
PLAIN = b'{"description":"Wrong product","email":"merchant@gmail.com"}'
HEADERS = (("Host", "api.example"), ("Content-Type", "application/json"), (HEADER, f"Bearer {TOKEN}"))
BASE = Recorded(
    source="traffic.har, entry 1",
    recorder="traffic.har",
    origin="https://api.example",
    method="POST",
    target=f"/v1/order/{ORDER}/refund",
    headers=HEADERS,
    body=PLAIN,
    answer=Answer(200, "OK", (), b""),
    earliest=NOW,
    latest=NOW + 0.1,
    keeps_headers=True,
)


def body(document: object) -> Recorded:
    """Return the plain request with another body."""
    return replace(BASE, body=json.dumps(document).encode())


def with_header(name: str, value: str | None) -> Recorded:
    """Return the plain request with another value of a header field; None leaves it out."""
    kept = tuple(pair for pair in BASE.headers if pair[0] != name)
    return replace(BASE, headers=kept if value is None else (*kept, (name, value)))


def errors(*rows: tuple[int, str]) -> bytes:
    """Return an error body."""
    return json.dumps({"errors": [{"error": code, "message": message} for code, message in rows]}).encode()


def answered(recorded: Recorded, status: int, *codes: int, field: str = "email", **more: Any) -> Recorded:
    """Return an exchange with another answer, worded as documented."""
    rows = [
        (code, CONTRACT.errors[code].message.format(field=field) if code in CONTRACT.errors else "?")
        for code in codes
    ]
    headers = (("Content-Type", "application/json"),) if codes else ()
    content = errors(*rows) if codes else b""
    return replace(recorded, answer=replace(Answer(status, "", headers, content), **more))


SERVED = Shown(is_served=True)


def judged(recorded: Recorded, shown: Shown = SERVED, **pins: str) -> Opinion:
    """Return what an exchange shows, where the endpoint is known to answer."""
    place = place_of(CONTRACT, recorded.target)
    assert place is not None
    pinned = {name.replace("_", "-"): answer for name, answer in pins.items()}
    return opinion(View(CONTRACT, HEADER, pinned), recorded, place, shown)


def clauses(found: Opinion) -> list[str]:
    """Return the clauses that an exchange breaks."""
    return [finding.clause for finding in found.findings if finding.kind != "advice"]


def as_recorded(case: Case) -> Recorded | None:
    """Return a case's request as a proxy would see it; None if the token allows no such, or it goes elsewhere."""
    draft = case.draft
    pairs = draft.authorization(HEADER, TOKEN)
    target = draft.path(ORDER)
    if pairs is None or place_of(CONTRACT, target) is None:
        return None
    end = NOW - 90_000 if draft.credential == "expired_token" else NOW + 3600
    pairs = tuple((name, value.replace(TOKEN, token(end))) for name, value in pairs)
    typed = () if draft.content_type is None else (("Content-Type", draft.content_type),)
    headers = tuple((draft.spelling(name), value) for name, value in (*typed, *pairs))
    framing = () if draft.framing is Framing.LENGTH else (("Transfer-Encoding", "chunked"),)
    sent = replace(BASE, method=draft.method, target=target, body=draft.body)
    return replace(sent, headers=(("Host", "api.example"), *headers, *draft.extra_headers, *framing))
