"""Tell a chat when a target's verdict or violated clauses change: a message in the form of Slack and its likes.

Nobody calls this by itself: ``python -m refund_conformance.report.webhook DIR`` posts to the address in
REFUND_CONFORMANCE_WEBHOOK, and does nothing if there is none, or if nothing changed since the run before.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from refund_conformance.contract import documents
from refund_conformance.contract.errors import RunError, SuiteError
from refund_conformance.report import history, summary
from refund_conformance.report.escaping import plain

VARIABLE = "REFUND_CONFORMANCE_WEBHOOK"
TIMEOUT = 10.0
"""Seconds for the chat to answer."""

Data = Mapping[str, Any]

_SIGNS = {
    "conformant": ":white_check_mark:",
    "partial": ":large_yellow_circle:",
    "violated": ":x:",
    "incomplete": ":warning:",
}


def notify(directory: Path, address: str, link: str = "") -> bool:
    """Post a message if verdict or violated clauses changed since the run before; return whether it was posted.

    The first run of a target has none before it, and is told. Raises RunError if the chat does not take it.
    """
    path = directory / summary.FILE
    data = documents.read_json(path, RunError)
    documents.check(data, "conformance-report", str(path), RunError)
    before = history.before(directory, data)
    if (
        before
        and before[-1].verdict == data["verdict"]
        and _violated(before[-1].results) == _violated(history.results(data))
    ):
        return False
    try:
        told = message(data, before[-1].verdict if before else "", link)
        answer = requests.post(address, json=told, timeout=TIMEOUT, allow_redirects=False)
        answer.raise_for_status()
    except requests.RequestException as problem:
        # The address is a secret: a message about it names the kind of problem only.
        said = f"did not take the message ({type(problem).__name__})"
        raise RunError(VARIABLE, said, "Check the address.") from None
    return True


def _violated(results: Mapping[str, str]) -> set[str]:
    return {clause for clause, result in results.items() if result == "violated"}


def message(data: Data, before: str, link: str = "") -> dict[str, str]:
    """Return the message: one text, in which nothing of the target is markup."""
    bad = [row["id"] for row in data["clauses"] if row["result"] == "violated"]
    change = f" (was {before})" if before else ""
    run = ", ".join(_escaped(data[key]) for key in ("target", "profile", "started"))
    lines = [f"{_SIGNS[data['verdict']]} Refund conformance: {data['verdict']}{change}", run]
    lines += [f"{_escaped(cause['title'])}" for cause in data.get("causes", [])[:5]]
    if bad:
        lines.append(f"Violated: {', '.join(bad[:10])}" + (f" and {len(bad) - 10} more" if len(bad) > 10 else ""))
    if data["reason"]:
        lines.append(f"Reason: {_escaped(data['reason'])}")
    if link:
        lines.append(_escaped(link))
    return {"text": "\n".join(lines)}


def _escaped(text: str) -> str:
    return plain(text, 400).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")


def main() -> None:
    """Post for the directory that the command line names, if an address is set."""
    address = os.environ.get(VARIABLE, "")
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else "reports/latest")
    if not address:
        sys.stdout.write(f"{VARIABLE} is not set: nobody is told.\n")
        return
    try:
        posted = notify(directory, address, os.environ.get("REFUND_CONFORMANCE_LINK", ""))
    except SuiteError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(problem.exit_status)
    sys.stdout.write(f"The verdict {'changed, and the chat was told' if posted else 'is the same'}.\n")


if __name__ == "__main__":
    main()
