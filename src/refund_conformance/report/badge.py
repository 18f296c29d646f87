"""badge.json: the outcome in the form that shields.io's endpoint badge reads."""

import json

from refund_conformance.report.artifacts import BADGE_LABEL
from refund_conformance.report.summary import INCOMPLETE, PARTIAL
from refund_conformance.report.view_model import Page

AMBER = "#ffbf00"

_COLORS = {"conformant": "brightgreen", "partial": AMBER, "violated": "red", "incomplete": "lightgrey"}


def badge(page: Page) -> str:
    """Return the badge of a page: how many of the clauses hold, and how many do not, or of how many they are."""
    counts, verdict = page.counts, str(page.data["verdict"])
    parts = [f"{counts['held']} held"]
    parts += [f"{counts[result]} {result}" for result in ("violated", "warned", "untested") if counts[result]]
    if verdict == PARTIAL:
        parts = [f"{counts['held']}/{sum(counts.values())}"]
    content = {
        "schemaVersion": 1,
        "label": BADGE_LABEL,
        "message": "incomplete" if verdict == INCOMPLETE else ", ".join(parts),
        "color": "yellow" if verdict == "conformant" and counts["warned"] else _COLORS[verdict],
        "isError": verdict == "violated",
    }
    return json.dumps(content, indent=2) + "\n"
