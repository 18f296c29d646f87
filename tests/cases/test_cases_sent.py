"""What the listed cases send, byte for byte: no payload changes unnoticed, nor an id, which waivers name.

`python tests/cases/test_cases_sent.py` writes cases_sent.json anew, for a change that is meant.
"""

import hashlib
import json
from pathlib import Path

from refund_conformance import contract as contracts
from refund_conformance.cases import all_cases
from refund_conformance.cases.case import Case

KEPT = Path(__file__).with_name("cases_sent.json")
ORDER = "730001"
OPAQUE = "0paque-Token"
SIGNED = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZXJjaGFudCIsImV4cCI6NDEwMjQ0NDgwMH0.c2lnbmVkIGJ5IG5vYm9keSBhdCBhbGw"
OF_A_NEW_KEY = {OPAQUE: {"other-key", "alg-none"}, SIGNED: {"embedded-key"}}
"""Forgeries that hold a signature, or a text, of a key that is made anew each time."""


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


def sent() -> dict[str, str]:
    """Return the digest of every listed case by its id."""
    return {id_: digest(case) for id_, case in all_cases(contracts.load()).items()}


def test_the_listed_cases_send_what_they_sent_before() -> None:
    assert sent() == json.loads(KEPT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    KEPT.write_text(json.dumps(sent(), indent=1) + "\n", encoding="utf-8")
