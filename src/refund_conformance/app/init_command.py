"""Carry out the init command: ask for what is missing, write the settings, and say what to do next."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import click

from refund_conformance.app import api_description, init
from refund_conformance.app.init import Answers
from refund_conformance.contract.errors import UsageError
from refund_conformance.contract.model import Contract
from refund_conformance.sut.settings import GROUPS, HOOK, LIST, SEARCH, is_loopback

TOKEN = "REFUND_TOKEN"  # noqa: S105  (the name of a variable)
USERNAME, PASSWORD = "REFUND_USERNAME", "REFUND_PASSWORD"


def execute(
    target: Path,
    contract: Contract,
    *,
    base_url: str | None,
    header: str | None,
    described: tuple[Path, ...],
    token: str | None,
    username: str | None,
    password: str | None,
    source: str | None,
    hook: str | None,
    ledger: str | None,
    orders: tuple[str, ...],
    allow_writes: bool | None,
    force: bool,
    asks: bool | None,
) -> Iterator[str]:
    """Write ``target`` and yield what there is to say. Raises UsageError for what cannot become settings."""
    if target.exists() and not force:
        raise UsageError(str(target), "exists already", "Name another file with --target, or give --force.")
    login = bool(username or password)
    if token and login:
        raise UsageError("--token", "stands beside --username or --password", "Give a token, or a login.")
    found = [api_description.read(path, contract.operation) for path in described]
    known = Answers(
        base_url=base_url or next((each.base_url for each in found if each.base_url), ""),
        header=header or next((each.header for each in found if each.header), ""),
        token=token or TOKEN,
        username=(username or USERNAME) if login else "",
        password=(password or PASSWORD) if login else "",
        source=source or (HOOK if hook else LIST),
        hook=hook or "",
        ledger=ledger or "",
        allow_writes=allow_writes,
        orders=init.groups_of(orders),
    )
    if sys.stdin.isatty() if asks is None else asks:
        known = _asked(
            known, contract, choose_token=not (token or login), choose_source=not (source or hook or orders)
        )
    url = api_description.base_url_of(known.base_url, contract.operation)
    known = replace(known, base_url=url or known.base_url)
    if not known.base_url:
        raise UsageError("--base-url", "is missing", "Give it, or a file that has it with --from.")
    schema = init.write(target, known, contract, replace=force)
    yield f"Written: {target}, and {schema} for your editor."
    yield from _next_steps(target, known)


def _asked(known: Answers, contract: Contract, *, choose_token: bool, choose_source: bool) -> Answers:
    """Ask for what is not known, with the likeliest answer to take by the return key.

    Raises UsageError if the answers end too early.
    """
    try:
        return _answered(known, contract, choose_token=choose_token, choose_source=choose_source)
    except click.Abort as problem:
        raise UsageError("init", "a question was not answered", "Answer it, or give options.") from problem


def _answered(known: Answers, contract: Contract, *, choose_token: bool, choose_source: bool) -> Answers:
    base_url = known.base_url or click.prompt("URL of the server, without /v1")
    header = known.header or click.prompt("Header of the token", default=contract.operation.authorization_header)
    known = replace(known, base_url=base_url, header=header)
    if choose_token and click.confirm(
        "Log in with user name and password, instead of a fixed token?", default=False
    ):
        known = replace(
            known,
            username=click.prompt("Environment variable with the user name", default=USERNAME),
            password=click.prompt("Environment variable with the password", default=PASSWORD),
        )
    elif choose_token:
        known = replace(known, token=click.prompt("Environment variable with the token", default=known.token))
    if known.allow_writes is None and not is_loopback(urlsplit(base_url).hostname or ""):
        known = replace(known, allow_writes=click.confirm("May refund requests be created there?", default=False))
    if choose_source:
        choice = click.Choice([LIST, HOOK, SEARCH])
        known = replace(known, source=click.prompt("Where do orders come from", type=choice, default=LIST))
    if known.source == HOOK and not known.hook:
        known = replace(known, hook=click.prompt("URL that makes orders"))
    if known.source == LIST and not known.orders:
        ids = {group: click.prompt(f"Orders: {group}, with commas", default="") for group in GROUPS}
        known = replace(
            known, orders=init.groups_of(tuple(f"{group}={text}" for group, text in ids.items() if text))
        )
    if not known.ledger:
        known = replace(
            known, ledger=click.prompt("Database URL of the ledger", default="", show_default="a file")
        )
    return known


def _next_steps(target: Path, known: Answers) -> Iterator[str]:
    names = [known.username, known.password] if known.username else [known.token]
    step = iter(range(1, 9))
    yield f"{next(step)}. Set {' and '.join(names)} in the environment."
    if known.source == LIST and not known.orders.get("refundable"):
        yield f"{next(step)}. List orders in [orders], a very cheap one first."
    yield f"{next(step)}. refund-conformance doctor --target {target}"
    yield f"{next(step)}. refund-conformance plan --target {target}"
    yield f"{next(step)}. refund-conformance run --target {target}"
