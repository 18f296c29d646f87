"""Make docs/settings.md, the reference of every setting and question: `python docs/settings_page.py`."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from refund_conformance.app import plan as planning
from refund_conformance.contract import documents, model
from refund_conformance.contract.model import Contract
from refund_conformance.sut.profile import PROFILES

PAGE = Path(__file__).with_name("settings.md")

INTRODUCTION = """\
# Settings

Every setting of `target.toml`, and every question that it can pin. `refund-conformance init` writes such a file
with these texts as comments, and `target.schema.json` beside it, from which editors complete keys and answers: the
first line of the settings, `#:schema ./target.schema.json`, names it. Unknown keys are errors. `${NAME}` in any
string takes the environment variable NAME. `refund-conformance doctor --target target.toml` reports every problem
of a file at once.

This page is made from `schemas/target.json` and the contract by `python docs/settings_page.py`.
"""


def page(contract: Contract) -> str:
    """Return the page as Markdown."""
    schema = documents.validator("target").schema
    assert isinstance(schema, dict)
    parts = [INTRODUCTION]
    for section, table in schema["properties"].items():
        parts.append(f"## [{section}]\n\n{table['description']}\n")
        parts += [_setting(section, key, value, schema) for key, value in table.get("properties", {}).items()]
        if section == "orders":
            parts.append(_uses(contract))
    parts += _questions(contract)
    return "\n".join(parts)


def _setting(section: str, key: str, value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    required = key in schema["properties"][section].get("required", ())
    default = f"default `{_toml(value['default'])}`" if "default" in value else "optional"
    default = "required" if required else default
    example = f"```toml\n[{section}]\n" + "\n".join(f"{key} = {_toml(each)}" for each in value["examples"][:1])
    return f"### {section}.{key}\n\n{_kind(value, schema)}, {default}. {value['description']}\n\n{example}\n```\n"


def _kind(value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in value:
        value = schema["$defs"][value["$ref"].rpartition("/")[2]]
    if "enum" in value:
        return "One of " + ", ".join(f"`{_toml(each)}`" for each in value["enum"])
    if value["type"] == "array":
        return "List of strings" if "type" in value["items"] else "List of order ids, as strings or integers"
    limits = [
        f"{words} {value[keyword]}"
        for keyword, words in (("minimum", "at least"), ("exclusiveMinimum", "more than"), ("maximum", "at most"))
        if keyword in value
    ]
    named = {"string": "String", "number": "Number", "integer": "Integer", "boolean": "`true` or `false`"}
    return ", ".join([named[value["type"]], *limits])


def _uses(contract: Contract) -> str:
    """Return how many orders of each group a run takes from the list, and which stay as they are."""
    settings = planning.settings_of(None, contract)
    plans = {
        name: planning.plan(settings, contract, profile, contract.clauses).orders
        for name, profile in PROFILES.items()
    }
    rows = ["### How many orders a run takes", ""]
    rows += ["| group | ci | nightly | used up |", "| --- | --- | --- | --- |"]
    for ci, nightly in zip(plans["ci"], plans["nightly"], strict=True):
        used = "yes" if ci.group in ("refundable", "refund_finished") else "no"
        rows.append(f"| {ci.group} | {_span(ci)} | {_span(nightly)} | {used} |")
    rows += [
        "",
        "The second number of refundable orders is needed if the target says yes to every open question. Orders",
        "that are not used up can be listed once and for all. With fewer orders, some checks stay untested.",
        "",
    ]
    return "\n".join(rows)


def _span(supply: planning.Supply) -> str:
    return str(supply.least) if supply.least == supply.most else f"{supply.least} to {supply.most}"


def _questions(contract: Contract) -> Iterator[str]:
    for question in contract.questions.values():
        if question.answers:
            permitted = ", ".join(f"`{answer}`" for answer in question.permitted)
            answers = ", ".join(f"`{answer}`" for answer in question.answers)
            text = f"{question.asks} Answers: {answers}. Permitted without a pin: {permitted}."
            example = question.permitted[0]
        else:
            parts = ", ".join(f"`{part}`" for part in question.order)
            text = f"{question.asks} Give the parts in order: {parts}. Without a pin, any order passes."
            example = ", ".join(question.order)
        pin = f"[questions]\n{question.id} = {_toml(example)}"
        yield f"### questions.{question.id}\n\n{text}\n\n```toml\n{pin}\n```\n"


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    PAGE.write_text(page(model.load()), encoding="utf-8")
