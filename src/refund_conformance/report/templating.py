"""Lay a page out: Jinja2 templates, our style and script, and the policy that lets nothing else run."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup

from refund_conformance.report.escaping import plain, tidy
from refund_conformance.report.items import LISTED, Item
from refund_conformance.report.view_model import Page

LONGEST = 10_000
"""Characters of any one text on a page at most."""


def content(page: Page) -> str:
    """Return the main part of report.html."""
    return _environment().get_template("content.html").render(page=page)


def frame() -> jinja2.Template:
    """Return the template that pytest-html renders: the page around the main part, with its table of cases."""
    scripts = {"before": _text("before.js"), "plugin": _plugin_script(), "own": _text("report.js")}
    style = _text("report.css")
    known: Mapping[str, object] = {
        "scripts": {name: Markup(text) for name, text in scripts.items()},  # noqa: S704  (ours and the plugin's)
        "style": Markup(style),  # noqa: S704  (ours)
        "rows": LISTED,
        "policy": _policy(list(scripts.values()), style),
    }
    return _environment().overlay(finalize=None).get_template("frame.html", globals=dict(known))


def head() -> list[str]:
    """Return the head cells of the table of cases."""
    return _environment().get_template("head.html").render().strip().splitlines()


def row(item: Item, result: str, label: str, duration: str) -> list[str]:
    """Return the cells of a case in the table of cases."""
    template = _environment().get_template("row.html")
    return template.render(item=item, result=result, label=label, duration=duration).strip().splitlines()


def own_text() -> str:
    """Return the text of every template, style and script of the page."""
    folder = files("refund_conformance.report") / "templates"
    templates = sorted((path for path in folder.iterdir() if path.is_file()), key=str)
    return "\n".join([*(path.read_text(encoding="utf-8") for path in templates), _plugin_script()])


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("refund_conformance.report"),
        autoescape=True,
        finalize=_visible,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    environment.filters["json_attribute"] = _json_attribute
    return environment


def _visible(value: object) -> object:
    """Make what a template puts out visible and bounded: no control characters, no lone surrogates."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return tidy(value if len(value) <= LONGEST else value[:LONGEST] + "…")


def _json_attribute(text: str) -> Markup:
    """Return a JSON text for an attribute in single quotes; what is HTML's own is escaped as JSON has it."""
    for mark in "&<>'":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return Markup(text)  # noqa: S704


def _policy(scripts: list[str], style: str) -> str:
    """Return the Content-Security-Policy: these scripts and this style run, nothing is loaded, nothing is sent."""
    allowed = " ".join(_digest(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_digest(style)}; "
        "base-uri 'none'; form-action 'none'; img-src data:"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _plugin_script() -> str:
    return (files("pytest_html") / "resources" / "app.js").read_text(encoding="utf-8")


def _text(name: str) -> str:
    return (files("refund_conformance.report") / "templates" / name).read_text(encoding="utf-8")
