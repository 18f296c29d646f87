"""Which clauses a permitted answer to a recorded request shows to hold, each for its own reason."""

import json
import re
from collections.abc import Iterator

from refund_conformance.cases.payloads import json_text
from refund_conformance.cases.recorded.exchange import Recorded
from refund_conformance.cases.recorded.possibilities import Possibilities, clauses_of, valid_clause
from refund_conformance.contract.model import VALID, Contract
from refund_conformance.oracle.permitted import Permitted

NO_EFFECT = {
    "authorization": "auth.no-effect",
    "content_type": "json.no-effect",
    "body": "json.no-effect",
    "field": "fields.no-effect",
}
"""The clause by which a request that is refused for a part has no effect."""


def shown_clauses(
    contract: Contract, found: Possibilities, recorded: Recorded, matched: frozenset[Permitted]
) -> tuple[str, ...]:
    """Return the clauses that an answer shows to hold, the most special first.

    ``matched`` are the permitted answers that it may be. It shows a refusal only of a part that is wrong for sure,
    and an acceptance only of what is right for sure.
    """
    parts = {answer.part for answer in matched}
    if parts == {""}:
        return tuple(dict.fromkeys(_accepted(contract, found, recorded)))
    sure = clauses_of(contract, found, recorded)
    shown: list[str] = []
    for answer in matched:
        if answer.part not in sure or answer.part == "field" or not _is_due(contract, found, answer):
            continue
        if answer.part == "authorization" and len(sure) > 1:
            shown.append("auth.first")
        shown.append(sure[answer.part])
        if answer.should:
            shown.append("auth.codes")
    fields = {answer.fields for answer in matched if answer.part == "field"}
    if fields == {found.invalid}:
        names = ["fields.all-reported"] if len(found.invalid) > 1 else [sure["field"]]
        shown += [*names, "fields.message-names-field"]
    return tuple(dict.fromkeys(shown))


def _is_due(contract: Contract, found: Possibilities, answer: Permitted) -> bool:
    """Whether an answer is the one for the value that the part has, and not for another that it may have."""
    outcome = contract.outcomes[answer.part, found.wrong[answer.part]]
    return (outcome.statuses, outcome.errors) == (answer.statuses, answer.errors)


def _accepted(contract: Contract, found: Possibilities, recorded: Recorded) -> Iterator[str]:
    if found.document is None:
        return
    for name in contract.fields:
        asked = any(name == about for one in found.situations for _, about in one.questions)
        if not asked and not any(name in one.invalid for one in found.situations):
            yield from _of_field(contract, name, found)
    if recorded.body is not None and is_unusual(contract, recorded.body):
        yield "json.valid-forms"
    if "content-type-case" not in found.asked and "content-type-parameters" not in found.asked:
        yield "content-type.exact"


def _of_field(contract: Contract, name: str, found: Possibilities) -> Iterator[str]:
    document = found.document or {}
    clause = valid_clause(contract, name, document)
    is_at_limit = len(str(document.get(name, ""))) == contract.fields[name].schema.get("maxLength")
    if not clause.endswith(".max-length") or is_at_limit:
        yield clause


def is_unusual(contract: Contract, body: bytes) -> bool:
    """Whether a JSON object is spelt as writers of JSON seldom do: with escapes, white space, or another order."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return False
    names = [name for name in value if name in contract.fields]
    in_order = names == [name for name in contract.fields if name in value]
    usual = (json.dumps(value), json.dumps(value, ensure_ascii=False))
    plain = body in (json_text.dump(value), *(text.encode("utf-8", "replace") for text in usual))
    return not in_order or (not plain and re.search(rb"\\u00[2-7][0-9A-Fa-f]|\n|\t|\s{2}", body) is not None)


def is_valid_for_sure(found: Possibilities) -> bool:
    """Whether nothing that a request says is wrong for sure."""
    return not found.wrong and not found.invalid and VALID["body"] in {one.body for one in found.situations}
