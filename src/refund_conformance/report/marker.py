"""What stands in a report directory while its run goes on: pages that say so, not those of the run before."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import escape

from refund_conformance.contract.model import Contract
from refund_conformance.report import artifacts, summary
from refund_conformance.report.atomic_write import replace_file

TOLD = "The run that writes this report has not come to its end: it goes on, or it was killed."

_HTML = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Conformance report: incomplete</title></head>
<body><h1>Incomplete</h1><p>{told}</p><p>Target {target}, begun {begun}</p></body>
</html>
"""

_JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="refund-conformance" tests="1" errors="1" failures="0" skipped="0">\
<testcase classname="run" name="complete"><error message="{told}"/></testcase></testsuite></testsuites>
"""


def mark(directory: Path, contract: Contract, start: Mapping[str, Any], *, pages: bool) -> None:
    """Replace the files of the run before by such as tell that a run has begun.

    Without ``pages``, only conformance.json is replaced, and the pages are removed. Raises OSError if that fails,
    and RunError if the start is not one by the schema.
    """
    made = summary.summarize(contract, [start])
    summary.write(directory, made)
    for name, text in _pages(start).items():
        if pages:
            replace_file(directory / name, text)
        else:
            (directory / name).unlink(missing_ok=True)


def _pages(start: Mapping[str, Any]) -> dict[str, str]:
    target, begun = str(start["target"]), str(start["time"])
    summed = {"tests": 1, "passed": 0, "failed": 1, "pending": 0, "skipped": 0, "other": 0, "start": 0, "stop": 0}
    test = {"name": "run::complete", "status": "failed", "duration": 0, "message": TOLD}
    results = {"tool": {"name": "refund-conformance"}, "summary": summed, "tests": [test]}
    told = {"schemaVersion": 1, "label": artifacts.BADGE_LABEL, "message": "incomplete", "color": "lightgrey"}
    return {
        artifacts.HTML: _HTML.format(told=TOLD, target=escape(target), begun=escape(begun)),
        artifacts.JUNIT: _JUNIT.format(told=TOLD),
        artifacts.CTRF: json.dumps({"results": results}, indent=2) + "\n",
        artifacts.MARKDOWN: f"## ⚠️ Incomplete\n\n{TOLD}\n",
        artifacts.BADGE: json.dumps({**told, "isError": False}, indent=2) + "\n",
    }
