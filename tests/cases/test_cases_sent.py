"""What the listed cases send, byte for byte: no payload changes unnoticed, nor an id, which waivers name.

`python tests/cases/test_cases_sent.py` writes cases_sent.json anew, for a change that is meant.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from refund_conformance.cases import all_cases
from refund_conformance.cases.case import Case
from refund_conformance.contract import model as contracts
from refund_conformance.contract.model import Contract, Field

KEPT = Path(__file__).with_name("cases_sent.json")
ORDER = "730001"
OPAQUE = "0paque-Token"
SIGNED = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZXJjaGFudCIsImV4cCI6NDEwMjQ0NDgwMH0.c2lnbmVkIGJ5IG5vYm9keSBhdCBhbGw"
OF_A_NEW_KEY = {OPAQUE: {"other-key", "alg-none"}, SIGNED: {"embedded-key"}}
"""Forgeries that hold a signature, or a text, of a key that is made anew each time."""


EVERY_KEYWORD: dict[str, dict[str, Any]] = {
    "quantity": {"type": "integer", "minimum": 1, "maximum": 99},
    "weight": {"type": "number", "minimum": 0},
    "least": {"type": "integer", "maximum": 7},
    "reason": {"type": "string", "enum": ["defect", "other"]},
    "rank": {"type": "integer", "enum": [1, 2]},
    "note": {"type": "string", "minLength": 3, "maxLength": 20},
    "name": {"type": "string", "minLength": 1},
    "place": {"type": "string", "pattern": "\\S", "minLength": 2},
    "copy": {"type": "string", "format": "email", "minLength": 6, "maxLength": 40},
    "urgent": {"type": "boolean"},
    "lines": {"type": "array"},
    "buyer": {"type": "object"},
}
"""Fields beside the document's, with every keyword that has payloads; every other one is required."""


def contracts_sent() -> dict[str, Contract]:
    """Return the contract as it is, and with fields of every keyword."""
    shipped = contracts.load()
    more = {
        name: Field(name, bool(place % 2), schema) for place, (name, schema) in enumerate(EVERY_KEYWORD.items())
    }
    return {"shipped": shipped, "every keyword": replace(shipped, fields={**shipped.fields, **more})}


def digest(case: Case) -> str:
    """Return a short digest of a case's request, with its group, its pick and its title."""
    draft = case.draft
    authorizations = [
        None if case.slug in left_out else draft.authorization("AuthorizationJWT", token)
        for token, left_out in OF_A_NEW_KEY.items()
    ]
    request = (draft.method, draft.path(ORDER), draft.content_type, draft.credential, authorizations)
    told = repr((case.title, case.group, case.pick, request)).encode()
    return hashlib.sha256(told + draft.body).hexdigest()[:16]


def sent() -> dict[str, dict[str, str]]:
    """Return the digests of every listed case by its id, for each contract."""
    return {
        name: {id_: digest(case) for id_, case in all_cases(contract).items()}
        for name, contract in contracts_sent().items()
    }


def test_the_listed_cases_send_what_they_sent_before() -> None:
    assert sent() == json.loads(KEPT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    KEPT.write_text(json.dumps(sent(), indent=1) + "\n", encoding="utf-8")
