"""Write a target.toml with a comment on every setting, from what a person chose or a file describes."""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from refund_conformance.contract import documents
from refund_conformance.contract.errors import SuiteError, UsageError
from refund_conformance.contract.model import Contract, Question
from refund_conformance.report.atomic_write import replace_file
from refund_conformance.sut import settings as target_settings
from refund_conformance.sut.settings import GROUPS, HOOK, LIST, is_loopback

SCHEMA = "target.schema.json"
"""The schema for editors, written beside the settings: with the questions of the contract and their answers."""

_WIDTH = 110
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Answers:
    """What is known of a target; "" and None mean: not known.

    ``token``, ``username`` and ``password`` are names of environment variables. ``orders`` has ids by group.
    """

    base_url: str = ""
    header: str = ""
    token: str = "REFUND_TOKEN"  # noqa: S105  (the name of a variable)
    username: str = ""
    password: str = ""
    source: str = LIST
    hook: str = ""
    ledger: str = ""
    allow_writes: bool | None = None
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def groups_of(words: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the orders by group that words like ``refundable=730001,730002`` give.

    Raises UsageError for a word of another form and for an unknown group.
    """
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        group, equals, ids = word.partition("=")
        if group not in GROUPS or not equals:
            raise UsageError(
                f"--orders {word}", "names no group", f"Write GROUP=ID,ID; groups: {', '.join(GROUPS)}."
            )
        listed = tuple(id_.strip() for id_ in ids.split(",") if id_.strip())
        found[group] = (*found.get(group, ()), *listed)
    return found


def write(path: Path, answers: Answers, contract: Contract, *, replace: bool = False) -> Path:
    """Write the settings, and the schema for editors beside them; return where that is.

    Raises UsageError if the file exists and is not to be replaced, or cannot be written, and SettingsError if
    the answers do not make settings that a run takes.
    """
    if path.exists() and not replace:
        raise UsageError(str(path), "exists already", "Name another file with --target, or give --force.")
    _check(answers, str(path), contract)
    text = "\n".join(_lines(answers, path.name)) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text)
        replace_file(path.with_name(SCHEMA), json.dumps(schema(contract), indent=2, ensure_ascii=False) + "\n")
    except OSError as problem:
        raise UsageError(str(path), problem.strerror or "cannot be written", "Name another place.") from problem
    return path.with_name(SCHEMA)


def schema(contract: Contract) -> dict[str, Any]:
    """Return the schema of the settings with each open question, so that editors offer ids and answers."""
    whole = documents.validator("target").schema
    assert isinstance(whole, dict)  # noqa: S101  (a schema of ours is no plain true or false)
    completed = deepcopy(whole)
    completed["properties"]["questions"] |= {
        "additionalProperties": False,
        "properties": {question.id: _answers_schema(question) for question in contract.questions.values()},
    }
    return completed


def _answers_schema(question: Question) -> dict[str, Any]:
    if not question.answers:
        parts = ", ".join(question.order)
        return {"description": f"{question.asks} Parts in their order: {parts}.", "type": "string"}
    numbers = [int(answer) for answer in question.answers if answer.isdecimal()]
    return {"description": question.asks, "enum": [*question.answers, *numbers]}


def _check(answers: Answers, source: str, contract: Contract) -> None:
    """Raise SettingsError if a run would refuse the answers; variables are checked by name alone."""
    for what, name in (("token", answers.token), ("user name", answers.username), ("password", answers.password)):
        if name and not _NAME.fullmatch(name):
            raise UsageError(
                f"{what} {name!r}", "is not the name of an environment variable", "Write it like TOKEN."
            )
    active = _active(answers)
    names = re.findall(r"\$\{(\w+)\}", json.dumps(active))
    try:
        target_settings.parse(active, source, contract, dict.fromkeys(names, "value"))
    except SuiteError as problem:
        raise UsageError(problem.what, problem.why, problem.remedy) from problem


def _active(answers: Answers) -> dict[str, dict[str, Any]]:
    """Return the settings that are set, by section."""
    target: dict[str, Any] = {"base_url": answers.base_url}
    host = urlsplit(answers.base_url).hostname or ""
    if answers.allow_writes is not None or not is_loopback(host):
        target["allow_writes"] = bool(answers.allow_writes)
    auth = {"header": answers.header} if answers.header else {}
    if answers.username:
        auth |= {"username": f"${{{answers.username}}}", "password": f"${{{answers.password}}}"}
    else:
        auth["token"] = f"${{{answers.token}}}"
    orders: dict[str, Any] = {"source": answers.source}
    orders |= {"hook": answers.hook} if answers.hook or answers.source == HOOK else {}
    orders |= {"ledger": answers.ledger} if answers.ledger else {}
    orders |= {group: list(ids) for group, ids in answers.orders.items()}
    return {"target": target, "auth": auth, "orders": orders}


def _lines(answers: Answers, name: str) -> Iterator[str]:
    """Yield the lines of the file: what is set as it is, every other setting as a comment with an example."""
    described = documents.validator("target").schema
    assert isinstance(described, dict)  # noqa: S101  (a schema of ours is no plain true or false)
    active = _active(answers)
    yield f"#:schema ./{SCHEMA}"
    yield from _comment("Target settings of refund-conformance. ${NAME} takes the environment variable NAME.")
    yield from _comment(f"Next: refund-conformance doctor --target {name}")
    for section, table in described["properties"].items():
        yield ""
        yield from _comment(table["description"])
        yield f"[{section}]"
        for key, setting in table.get("properties", {}).items():
            yield ""
            yield from _comment(setting["description"])
            if key in active[section]:
                yield f"{key} = {_toml(active[section][key])}"
            else:
                yield f"# {key} = {_toml(setting.get('default', setting['examples'][0]))}"
    yield from (
        f"# {key} = {_toml(value)}" for key, value in described["properties"]["questions"]["examples"][0].items()
    )


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _toml(value: Any) -> str:
    """Return a value as TOML writes it: of strings, numbers, true, false and lists of them JSON does the same."""
    return json.dumps(value, ensure_ascii=False)
