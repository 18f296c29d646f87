"""Say what happened to a case in one sentence: headings state the event, not the promise."""

import re
from collections.abc import Mapping
from typing import Any

from refund_conformance.report.escaping import plain

Event = Mapping[str, Any]

LONGEST = 150

_SUBJECT = re.compile(
    r"(?P<subject>.+?),? (?:(?:is|are) (?:refused|accepted|not found|answered)|(?:gets?|creates?|authorizes?) )"
)
_KINDS = {
    "accepted": "was accepted",
    "refused": "was refused ({actual})",
    "other-error": "was answered {actual}",
    "status": "was answered {actual}",
    "shape": "was answered without an error body of the documented form",
    "unknown-code": "was answered with an unknown code ({actual})",
    "mixture": "was answered with codes that must not stand together ({actual})",
    "fields": "did not get exactly one error for each invalid field ({actual})",
    "unnamed": "got a message that does not name the field",
    "crash": "made the server fail ({actual})",
    "silence": "got no usable answer ({actual})",
    "effect": "was refused and yet had an effect ({actual})",
    "unsteady": "was not answered the same each time",
    "advice": "was answered {actual}",
}


def happened(case: Event, lengths: Mapping[str, int] | None = None) -> str:
    """Return what happened to a case that failed; its own title for one that did not.

    ``lengths`` are the characters of the fields of its request, which are told where a field is the matter.
    """
    if not case["findings"]:
        return plain(case["title"], LONGEST)
    finding = case["findings"][0]
    form = _KINDS.get(finding["kind"], "was answered {actual}")
    told = form.format(actual=plain(finding["actual"], 80))
    return f"{plain(_subject(case, lengths or {}), LONGEST)} {told}"


def _subject(case: Event, lengths: Mapping[str, int]) -> str:
    match = _SUBJECT.match(case["title"])
    if not match:
        return f"{case['title'].rstrip('.')}:"
    subject = match["subject"]
    field = case["clause"].partition(".")[0]
    named = re.fullmatch(rf"An? (?:valid|invalid) {re.escape(field)} \((.+)\)", subject)
    if named and field in lengths:
        return f"{'An' if field[0] in 'aeiou' else 'A'} {field} of {lengths[field]:,} characters ({named[1]})"
    return subject
