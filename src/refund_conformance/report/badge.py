"""badge.json: the outcome in the form that shields.io's endpoint badge reads."""

import json

from refund_conformance.report.view_model import Page

FILE = "badge.json"

_COLORS = {"partial": "yellow", "conformant": "brightgreen", "violated": "red", "incomplete": "lightgrey"}


def badge(page: Page) -> str:
    """Return the badge of a page: how many of the clauses hold, and how many do not."""
    counts, verdict = page.counts, str(page.data["verdict"])
    parts = [f"{counts['held']} held"]
    parts += [f"{counts[result]} {result}" for result in ("violated", "warned", "untested") if counts[result]]
    content = {
        "schemaVersion": 1,
        "label": "refund conformance",
        "message": "incomplete" if verdict == "incomplete" else ", ".join(parts),
        "color": "yellow" if verdict == "conformant" and counts["warned"] else _COLORS[verdict],
        "isError": verdict == "violated",
    }
    return json.dumps(content, indent=2) + "\n"
