"""Every problem of a target.toml at once, where reading it for a run stops at the first."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from os import environ
from pathlib import Path
from typing import Any

from refund_conformance.contract import documents
from refund_conformance.contract.errors import SettingsError
from refund_conformance.contract.model import Contract
from refund_conformance.sut import settings as target_settings
from refund_conformance.sut.settings import GROUPS, HOOK

_STAND_IN = "stand-in"
_STAND_INS = {"target": {"base_url": "http://localhost"}, "auth": {"token": _STAND_IN}}
"""What a section must have, so that a setting left out because it is wrong is not reported as missing too."""

_MOST = 100
"""Problems that are reported, at most."""


def problems(
    path: Path, contract: Contract, environment: Mapping[str, str] | None = None
) -> tuple[SettingsError, ...]:
    """Return the problems of a settings file, in the order in which they are met; none if it can be used.

    The file is checked again without each setting that was found wrong. A file that cannot be read, or is not
    TOML, is one problem.
    """
    try:
        data = documents.read_toml(path, SettingsError)
    except SettingsError as problem:
        return (problem,)
    return tuple(_found(data, str(path), contract, environ if environment is None else environment))


def _found(
    data: dict[str, Any], source: str, contract: Contract, environment: Mapping[str, str]
) -> Iterator[SettingsError]:
    data, environment = deepcopy(data), dict(environment)
    for _ in range(_MOST):
        try:
            target_settings.parse(data, source, contract, environment)
        except SettingsError as problem:
            yield problem
            if not _left_out(problem.what.removeprefix(f"{source}: "), data, environment):
                return
        else:
            return


def _left_out(where: str, data: dict[str, Any], environment: dict[str, str]) -> bool:
    """Take out what a problem names; return whether anything changed."""
    variable = where.rpartition(" ")[2]
    if where.startswith("the environment variable ") and variable in environment:
        del environment[variable]
        return True
    before = deepcopy(data)
    steps = where.strip("[]").split(".")
    if where == "the top level":
        data.setdefault("target", {})
    elif len(steps) == 1:
        _mend_section(steps[0], data)
    else:
        _remove(steps, data)
    section = "target" if where == "the top level" else steps[0]
    least, present = _STAND_INS.get(section, {}), data.get(section, {})
    is_named = len(steps) == 1 or steps[1] in (*least, "username", "password")
    if least and is_named and not present.keys() & {*least, "username"}:
        data[section] = {**least, **present}
    return data != before


def _mend_section(section: str, data: dict[str, Any]) -> None:
    """Drop a section that is unknown or not a table; in a table, drop what only makes sense in pairs."""
    value = data.get(section)
    if section in _STAND_INS and isinstance(value, dict):
        for name in ("username", "password"):
            value.pop(name, None)
    else:
        data.pop(section, None)


def _remove(steps: list[str], data: dict[str, Any]) -> None:
    """Take out a setting, or one item of its list, without making another one wrong."""
    section, name, *index = steps
    settings = data.get(section)
    if not isinstance(settings, dict):
        return
    value = settings.get(name)
    if isinstance(value, list) and index and index[0].isdecimal() and int(index[0]) < len(value):
        del value[int(index[0])]
    elif section == "orders" and name in GROUPS and isinstance(value, list):
        settings[name] = _without_shared(name, settings)
    elif section == "orders" and name in ("source", "hook"):
        settings.pop("hook" if name == "hook" else "source", None)
        settings.pop("source", None)
        if "hook" in settings:
            settings["source"] = HOOK
    elif name in ("username", "password") and value != _STAND_IN:
        settings[name] = _STAND_IN
    else:
        settings.pop(".".join(steps[1:]) if name not in settings else name, None)


def _without_shared(group: str, orders: Mapping[str, Any]) -> list[Any]:
    """Return the orders of a group without the first that another group has as well; none if there is no such."""
    lists = [ids for name, ids in orders.items() if name in GROUPS and name != group and isinstance(ids, list)]
    others = {str(id_) for ids in lists for id_ in ids}
    shared = next((str(id_) for id_ in orders[group] if str(id_) in others), None)
    return [] if shared is None else [id_ for id_ in orders[group] if str(id_) != shared]
