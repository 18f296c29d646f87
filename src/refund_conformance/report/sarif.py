"""report.sarif: one result for each cause, with a fingerprint that stays, for code scanning."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from refund_conformance.contract.model import Contract, Level
from refund_conformance.report.cause_cards import Card
from refund_conformance.report.view_model import Page

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(contract: Contract, start: Mapping[str, Any], page: Page) -> str:
    """Return the causes of a run as a SARIF 2.1.0 log.

    The fingerprint of a cause is made of its target and clauses, so that the same one in the next run is the same
    alert. A result stands in the file of the target's settings, if the run had one.
    """
    rules = [
        {
            "id": clause.id,
            "shortDescription": {"text": clause.promise},
            "help": {"text": f"{clause.promise} Source: {clause.source}."},
            "defaultConfiguration": {"level": "error" if clause.level is Level.MUST else "warning"},
        }
        for clause in contract.clauses.values()
    ]
    driver = {"name": "refund-conformance", "version": str(page.data["version"]) or "unknown", "rules": rules}
    results = [_result(card, str(page.data["target"]), str(start.get("settings", ""))) for card in page.cards]
    run = {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints"}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _result(card: Card, target: str, settings: str) -> dict[str, Any]:
    clauses = sorted(card.clauses)
    digest = hashlib.sha256("\n".join([target, *clauses]).encode("utf-8", "surrogatepass")).hexdigest()
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": clause, "kind": "clause"} for clause in clauses]
    }
    if settings and not settings.startswith(("/", "..")):
        region = {"startLine": 1}
        location["physicalLocation"] = {"artifactLocation": {"uri": settings.replace("\\", "/")}, "region": region}
    next_ = f" Next: {card.command}" if card.command else ""
    return {
        "ruleId": clauses[0],
        "level": "error",
        "message": {"text": f"{card.title}. {card.explanation}{next_}"},
        "partialFingerprints": {"cause/v1": digest},
        "locations": [location],
        "properties": {"clauses": clauses, "cases": card.count, "confidence": card.confidence},
    }
