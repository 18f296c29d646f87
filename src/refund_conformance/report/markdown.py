"""summary.md: a run's outcome in Markdown, for job summaries and chats; failures first."""

import html
import re
from functools import cache

import jinja2
from markupsafe import Markup

from refund_conformance.report.escaping import plain
from refund_conformance.report.view_model import Page

LARGEST = 900_000
"""Bytes of a summary at most: GitHub refuses one over 1 MiB."""

_MARKS = re.compile(r"[\\`*_{}\[\]#|~@$^]|:(?=//)|(?<=www)\.")


def markdown(page: Page) -> str:
    """Return the summary of a page."""
    text = _environment().get_template("summary.md").render(page=page)
    if len(text.encode()) <= LARGEST:
        return text
    kept = text.encode()[:LARGEST].decode(errors="ignore")
    return kept[: kept.rfind("\n")] + "\n\n(cut short here)\n"


def changes(page: Page) -> str:
    """Return what changed since the run before."""
    return _environment().get_template("changes.md").render(page=page)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("refund_conformance.report"),
        autoescape=False,  # noqa: S701  (this is Markdown: _escaped escapes every text, for HTML too)
        finalize=_escaped,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _escaped(value: object) -> object:
    """Return a text such that nothing in it is markup, of Markdown or of HTML."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _MARKS.sub(lambda mark: f"&#{ord(mark[0])};", html.escape(plain(value, 600), quote=False))
