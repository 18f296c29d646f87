"""Lay a page out: Jinja2 templates, our style and script, and the policy that lets nothing else run."""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files

import jinja2
from markupsafe import Markup

from refund_conformance.report.page import Page
from refund_conformance.report.visible import tidy


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
        "policy": _policy(list(scripts.values()), style),
    }
    return _environment().get_template("frame.html", globals=dict(known))


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("refund_conformance.report"),
        autoescape=True,
        finalize=_visible,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _visible(value: object) -> object:
    """Make what a template puts out visible: no control characters, no lone surrogates."""
    if isinstance(value, Markup):
        return value
    return tidy(value) if isinstance(value, str) else value


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
