"""Target settings: what target.toml says, checked."""

import math
import os
import re
import ssl
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from refund_conformance.contract import documents
from refund_conformance.contract.errors import SettingsError
from refund_conformance.contract.model import PRECEDENCE, Contract
from refund_conformance.transport import tls

GROUPS = (
    "refundable",
    "not_paid",
    "zero_price",
    "refund_new",
    "refund_processing",
    "refund_finished",
    "foreign",
    "unknown",
)
LIST, HOOK, SEARCH = "list", "hook", "search"
"""Sources of orders: the settings alone, a URL of the target's owners, the platform's own search."""

NONEXISTENT_ORDER_ID = "2147483646"
"""An order that no target has: well-formed by any reading, and far beyond what is counted up to."""

CREDENTIALS = ("token", "expired_token", "unconfigured_token", "other_merchant_token", "refresh_token")


@dataclass(frozen=True)
class Settings:
    """One target.

    ``timeout`` is the time in seconds for one whole answer. ``max_seconds``, ``max_requests`` and ``max_orders``
    bound a run (None: as the profile does). ``allow_writes`` is needed for a host that is not this machine, and
    ``denied_hosts`` are patterns of hosts that are never sent anything. ``examples`` is where payloads that failed
    are kept: a directory, or a Redis URL. ``tokens`` has the credentials that are set, ``username`` and
    ``password`` are for the login operation. ``orders`` has the ids by group, ``source`` tells where others come
    from, ``hook`` is the URL that gives them; ``fresh`` tells that none of them was used before the run.
    ``ledger`` is the database URL of the order ledger, ``pins`` has the answers to open questions. ``read_only``
    tells that nothing may be sent which could create something.
    """

    base_url: str
    timeout: float = 10.0
    max_requests_per_second: float | None = None
    max_seconds: float | None = None
    max_requests: int | None = None
    max_orders: int | None = None
    allow_writes: bool = False
    denied_hosts: tuple[str, ...] = ()
    proxy: str | None = None
    ca_bundle: str | None = None
    examples: str | None = field(default=None, repr=False)
    header: str = "AuthorizationJWT"
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = LIST
    hook: str | None = field(default=None, repr=False)
    fresh: bool = False
    ledger: str | None = field(default=None, repr=False)
    pins: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that must not be seen."""
        urls = filter(None, (self.proxy, self.ledger, self.examples, self.hook))
        passwords = (unquote(urlsplit(url).password or "") for url in urls if "://" in url)
        return (*self.tokens.values(), *filter(None, (self.password, *passwords)))


def load(path: Path, contract: Contract, environment: Mapping[str, str] | None = None) -> Settings:
    """Read a target.toml. ``${NAME}`` in a string takes an environment variable.

    The order ledger is beside the file, unless that says otherwise: orders are used up for good. Orders that are
    fresh for each run need none. Raises SettingsError naming the file, the key, the reason and the remedy.
    """
    settings = parse(documents.read_toml(path, SettingsError), str(path), contract, environment)
    if settings.ledger or (settings.fresh and settings.source == LIST):
        return settings
    return replace(settings, ledger=f"sqlite:///{path.absolute().with_suffix('.ledger.sqlite')}")


def parse(
    data: Mapping[str, Any], source: str, contract: Contract, environment: Mapping[str, str] | None = None
) -> Settings:
    """Check settings that are read already; ``source`` names them in errors."""
    data = _expanded(data, source, os.environ if environment is None else environment, ())
    _refuse_unknown_keys(data, source)
    _check_credentials(data.get("auth"), source)
    _check_numbers(data.get("target"), source)
    documents.check(data, "target", source, SettingsError)
    target, auth, orders = data["target"], data.get("auth", {}), data.get("orders", {})
    base_url = _base_url(target["base_url"], source)
    if not auth.get("token") and "username" not in auth:
        raise SettingsError(
            f"{source}: auth.token", "is not set, nor are auth.username and auth.password", "Set one or the other."
        )
    bundle = _ca_bundle(target, source, os.environ if environment is None else environment)
    return Settings(
        **{
            **target,
            "base_url": base_url,
            "denied_hosts": tuple(target.get("denied_hosts", ())),
            "ca_bundle": bundle,
        },
        header=auth.get("header", contract.operation.authorization_header),
        tokens={name: auth[name] for name in CREDENTIALS if auth.get(name)},
        username=auth.get("username"),
        password=auth.get("password"),
        orders=_orders({name: ids for name, ids in orders.items() if name in GROUPS}, source),
        source=orders.get("source", LIST),
        hook=_hook(orders, source),
        fresh=orders.get("fresh", False),
        ledger=orders.get("ledger"),
        pins=_pins(data.get("questions", {}), source, contract),
    )


def _ca_bundle(target: Mapping[str, Any], source: str, environment: Mapping[str, str]) -> str | None:
    """Return the authorities that the settings name, or else the environment; check that they can be read."""
    what, bundle = f"{source}: target.ca_bundle", target.get("ca_bundle")
    if bundle is None:
        named = tls.from_environment(environment)
        if named is None:
            return None
        what, bundle = f"the environment variable {named[0]}", named[1]
    try:
        tls.context(bundle)
    except OSError as problem:
        why = "holds no certificates in PEM form" if isinstance(problem, ssl.SSLError) else problem.strerror
        remedy = "Name a file of certificates in PEM form, or leave it out."
        raise SettingsError(what, f"{bundle!r}: {why}", remedy) from problem
    return str(bundle)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or address alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _refuse_unknown_keys(data: Mapping[str, Any], source: str) -> None:
    """Name an unknown key with the known ones near it, which a schema's message does not."""
    properties = documents.validator("target").schema["properties"]  # type: ignore[index]
    for section, value in data.items():
        if section not in properties:
            known = ", ".join(properties)
            raise SettingsError(f"{source}: [{section}]", "is no section", f"The sections are {known}.")
        keys = properties[section].get("properties")
        if keys and isinstance(value, Mapping):
            unknown = next((key for key in value if key not in keys), None)
            if unknown is not None:
                raise SettingsError(
                    f"{source}: {section}.{unknown}",
                    "is no setting",
                    f"Settings of [{section}]: {', '.join(keys)}.",
                )


def _check_credentials(auth: Any, source: str) -> None:
    """Check what is secret here, since a schema's message would tell the value."""
    if not isinstance(auth, Mapping):
        return
    for name in (*CREDENTIALS, "password"):
        value = auth.get(name, "")
        if not isinstance(value, str):
            raise SettingsError(f"{source}: auth.{name}", "is no text", "Write it in quotes.")
        if name in CREDENTIALS and not all("!" <= letter <= "~" for letter in value):
            raise SettingsError(
                f"{source}: auth.{name}",
                "holds a space or another character that no token has",
                "Give the token alone, without a scheme before it.",
            )


def _check_numbers(target: Any, source: str) -> None:
    """Refuse inf and nan, which TOML has and no limit of a schema catches."""
    for name, value in target.items() if isinstance(target, Mapping) else ():
        if isinstance(value, float) and not math.isfinite(value):
            raise SettingsError(f"{source}: target.{name}", f"is {value}", "Write a number, or leave it out.")


_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _expanded(value: Any, source: str, environment: Mapping[str, str], where: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(item, source, environment, (*where, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, source, environment, where) for item in value]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        found = environment.get(match[1])
        if not found:
            state = "is not set" if found is None else "is empty"
            raise SettingsError(
                f"{source}: {'.'.join(where)}", f"the environment variable {match[1]} {state}", f"Set {match[1]}."
            )
        return found

    expanded = _VARIABLE.sub(variable, value)
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in expanded):
        raise SettingsError(
            f"{source}: {'.'.join(where)}", "holds a line break or another control character", "Take it out."
        )
    return expanded


def _base_url(text: str, source: str) -> str:
    what, remedy = f"{source}: target.base_url", "Write it like https://staging.example."
    if re.search(r"[?#\s]|^[^/]*//[^/]*@", text):  # not told: a password may be in it
        raise SettingsError(what, "it holds more than scheme, host, port and path", remedy)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as problem:
        raise SettingsError(what, f"{text!r} is no URL ({problem})", remedy) from problem
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise SettingsError(what, f"{text!r} is no http or https URL with a host", remedy)
    return text.rstrip("/")


def _hook(orders: Mapping[str, Any], source: str) -> str | None:
    """Check that there is a hook exactly if it is to give orders. It is not told: its query may be secret."""
    what, hook, chosen = f"{source}: orders.hook", orders.get("hook"), orders.get("source", LIST)
    if hook is None and chosen == HOOK:
        raise SettingsError(
            what, "is not set", f"Set it to the URL that gives orders, or choose {LIST} or {SEARCH}."
        )
    if hook is not None and chosen != HOOK:
        raise SettingsError(
            what, f"is set, but orders.source is {chosen!r}", f'Set orders.source = "{HOOK}", or leave it out.'
        )
    if hook is not None and not _is_url(hook):
        raise SettingsError(what, "is no http or https URL", "Write it like https://staging.example/states.")
    return hook


def _is_url(text: str) -> bool:
    """Whether a text is an http or https URL with a host and without user, password and fragment."""
    try:
        return bool(re.fullmatch(r"https?://[^/?#\s@]+(/[^#\s]*)?", text)) and bool(urlsplit(text).port != 0)
    except ValueError:
        return False


def _orders(groups: Mapping[str, list[str | int]], source: str) -> dict[str, tuple[str, ...]]:
    orders = {group: tuple(dict.fromkeys(map(str, ids))) for group, ids in groups.items() if ids}
    owner: dict[str, str] = {}
    for group, ids in orders.items():
        for id_ in ids:
            if owner.setdefault(id_, group) != group:
                raise SettingsError(
                    f"{source}: orders.{group}", f"order {id_} is also in {owner[id_]}", "List it once."
                )
    return orders


def _pins(pins: Mapping[str, str | int], source: str, contract: Contract) -> dict[str, str]:
    found: dict[str, str] = {}
    for id_, pinned in pins.items():
        found[id_] = str(pinned)
        question = contract.questions.get(id_)
        if question is None:
            known = ", ".join(contract.questions)
            raise SettingsError(f"{source}: questions.{id_}", "is no open question", f"There are {known}.")
        if id_ == PRECEDENCE:
            parts = [part.strip() for part in str(pinned).split(",")]
            if len(set(parts)) < len(parts) or not set(parts) <= set(question.order):
                raise SettingsError(
                    f"{source}: questions.{id_}",
                    "does not list parts once each",
                    f"Order these, with commas: {', '.join(question.order)}.",
                )
            # A report leaves the route out, of which nothing shows.
            left_out = [part for part in question.order if part not in parts]
            found[id_] = ", ".join([*left_out, *parts])
        elif str(pinned) not in question.answers:
            answers = ", ".join(question.answers)
            raise SettingsError(
                f"{source}: questions.{id_}", f"{pinned!r} is no answer to it", f"The answers are {answers}."
            )
    return found
