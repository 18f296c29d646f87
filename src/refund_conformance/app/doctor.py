"""Look at a target and its settings before a run: line by line what is well, what is not, and what to do about it.

Nothing that is sent can have an effect.
"""

import os
import stat
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path

import jwt

from refund_conformance.app import settings_problems
from refund_conformance.app.doctor_lines import Level, Line, of_settings, of_target, ok, span, warning
from refund_conformance.app.doctor_network import reached
from refund_conformance.app.plan import plan
from refund_conformance.cases.case import plain_draft
from refund_conformance.cases.orders import REFUNDABLE_GROUPS
from refund_conformance.contract.errors import SettingsError, SuiteError, TargetError
from refund_conformance.contract.model import Contract
from refund_conformance.oracle.error_body import read
from refund_conformance.report.escaping import plain
from refund_conformance.sut import order_sources, safety
from refund_conformance.sut import settings as target_settings
from refund_conformance.sut.client import Client
from refund_conformance.sut.ledger import Ledger, open_ledger
from refund_conformance.sut.order_sources import OrderPages
from refund_conformance.sut.profile import PROFILES
from refund_conformance.sut.settings import CREDENTIALS, GROUPS, HOOK, LIST, NONEXISTENT_ORDER_ID, Settings
from refund_conformance.sut.tokens import OWN
from refund_conformance.transport.exchange import Exchange, Response
from refund_conformance.transport.redaction import Redactor
from refund_conformance.transport.retry import is_inconclusive

CLOCK = 30.0
"""Seconds that two clocks may be apart."""


REFUSED = {
    "expired_token": "If it has really expired, the run may report auth.expired.",
    "refresh_token": "It is no token for the API; the run may report auth.forged.",
}
"""Tokens that are refused, with what to think if one is not."""


def examine(path: Path, contract: Contract) -> Iterator[Line]:
    """Yield what is found, one by one, without any secret. If settings are wrong, nothing else is looked at."""
    wrong = settings_problems.problems(path, contract)
    yield from (of_settings("settings", f"{each.what}: {each.why}", each.remedy) for each in wrong)
    if wrong:
        return
    settings = target_settings.load(path, contract)
    redactor = Redactor(settings.secrets)
    for line in _Doctor(path, settings, contract).lines():
        text, remedy = (plain(redactor.text(part), 400) for part in (line.text, line.remedy))
        yield replace(line, text=text, remedy=remedy)


class _Doctor:
    """Looks at one target."""

    def __init__(self, path: Path, settings: Settings, contract: Contract) -> None:
        self._path = path
        self._settings = settings
        self._contract = contract
        self._ledger: Ledger | None = None
        self._has_pages = False

    def lines(self) -> Iterator[Line]:
        yield self._file()
        yield from self._opened_ledger()
        try:
            objection = self._objection()
            if objection is not None:
                yield objection
                if objection.level is Level.PROBLEM:
                    return
            reach = list(reached("target", self._settings.base_url, self._settings))
            yield from reach
            if self._settings.source == HOOK:
                yield from reached("hook", order_sources.origin(self._settings.hook or ""), self._settings)
            if all(line.level is not Level.PROBLEM for line in reach):
                yield from self._asked()
        finally:
            if self._ledger is not None:
                self._ledger.close()

    # -- settings -----------------------------------------------------------------------------------

    def _file(self) -> Line:
        mode = stat.S_IMODE(self._path.stat().st_mode)
        if os.name != "posix" or not mode & 0o077 or not _holds_secrets(self._path):
            return ok("settings", f"{self._path} can be read")
        return warning(
            "settings",
            f"{self._path} holds secrets, and others on this machine can read it (mode {mode:03o})",
            f"chmod 600 {self._path}, or take the secrets from the environment as ${{NAME}}.",
        )

    def _opened_ledger(self) -> Iterator[Line]:
        settings = self._settings
        if settings.ledger:
            try:
                self._ledger = open_ledger(settings.ledger, settings.base_url, "doctor")
                yield ok("ledger", "can be opened")
            except SettingsError as problem:
                yield of_settings("ledger", problem.why, problem.remedy)
        elif settings.source != HOOK:
            yield warning(
                "ledger",
                "is not set, so each run forgets which orders it has used up",
                "Set orders.ledger, unless every run has fresh orders.",
            )

    def _objection(self) -> Line | None:
        """Return what stands against a run there: a host that is denied, or one that may not be written to."""
        settings, operation = self._settings, self._contract.operation
        for allowed, line in ((True, of_settings), (False, warning)):
            try:
                safety.check(settings, operation, allow_writes=allowed, read_only=False)
                if settings.source == HOOK:
                    order_sources.check_hook(settings, operation)
            except SettingsError as problem:
                return line("safety", f"{problem.what} {problem.why}", problem.remedy)
        return None

    # -- what is asked of the target ----------------------------------------------------------------

    def _asked(self) -> Iterator[Line]:
        try:
            asking = order_sources.client(self._settings, self._contract.operation)
        except TargetError as problem:
            yield of_target("token", f"{problem.what} {problem.why}", problem.remedy)
            return
        with closing(asking):
            pages = OrderPages(self._settings, self._contract.operation, asking)
            exchange = self._harmless(pages, asking, OWN)
            if exchange.response is not None:
                yield _clock(exchange, exchange.response)
            token = self._token(exchange, asking.tokens.get(OWN))
            yield token
            if token.level is Level.PROBLEM:
                return
            yield from self._others(pages, asking)
            yield from self._orders(pages)
            yield from self._supply()

    def _harmless(self, pages: OrderPages, asking: Client, credential: str) -> Exchange:
        """Ask with a token for an order that does not exist: its data, or a refund by a body that says nothing."""
        order = self._settings.orders.get("unknown", (NONEXISTENT_ORDER_ID,))[0]
        exchange = pages.get(order, credential)
        response = exchange.response
        if response is not None and response.status != 401 and self._is_a_page(response):
            self._has_pages = True
            return exchange
        request = asking.request(replace(plain_draft(self._contract), body=b"{}", credential=credential), order)
        return asking.send(request) if request is not None else exchange

    def _is_a_page(self, response: Response) -> bool:
        """Whether a GET was answered about an order; an error that the contract does not have is of a route."""
        return response.status == 200 or not self._contract.errors.keys().isdisjoint(read(response).codes)

    def _token(self, exchange: Exchange, token: str) -> Line:
        what, response = f"auth.{OWN}", exchange.response
        if response is None or is_inconclusive(exchange) or response.status >= 500:
            said = f"answered {response.status}" if response else f"gave no answer: {exchange.detail}"
            return of_target("target", said, "See that the server is up.")
        if response.status in (401, 403):
            remedy = "Set one that is valid, or auth.username and auth.password."
            return of_target(what, f"is rejected{_codes(response)}", remedy)
        codes = read(response).codes
        if not codes and response.status != 200:
            said = f"{exchange.request.method} {exchange.request.target} was answered{_codes(response)}"
            return of_target("target", said, "Check base_url; the API has no such answer.")
        if 15000 in codes:
            return of_target(what, "belongs to no configuration (15000)", "Ask for the account to be set up.")
        left, renewed = seconds_left(token), self._settings.username is not None
        if left is None:
            return ok(what, "is accepted; when it expires cannot be read from it")
        if left < (self._settings.max_seconds or PROFILES["nightly"].seconds) and not renewed:
            remedy = "Set auth.username and auth.password, so that it is renewed, or a newer token."
            return warning(what, f"is accepted, but expires in {span(left)}", remedy)
        return ok(what, f"is accepted, and expires in {span(left)}{', then it is renewed' if renewed else ''}")

    def _others(self, pages: OrderPages, asking: Client) -> Iterator[Line]:
        for name in CREDENTIALS[1:]:
            token, what = self._settings.tokens.get(name), f"auth.{name}"
            if token is None:
                continue
            if token == asking.tokens.get(OWN):
                yield of_settings(what, f"is the same as auth.{OWN}", "Set another, or leave it out.")
                continue
            left, expired = seconds_left(token), name == "expired_token"
            if left is not None and (left <= 0) is not expired:
                text = f"is valid for another {span(left)}" if expired else f"expired {span(-left)} ago"
                remedy = "Set one that has expired." if expired else "Set one that is valid."
                yield of_settings(what, text, f"{remedy} Or leave it out.")
                continue
            response = self._harmless(pages, asking, name).response
            if response is None:
                yield of_target(what, "got no answer", "Try again.")
            elif (name in REFUSED) is (response.status == 401):
                told = f"is rejected{_codes(response)}" if name in REFUSED else "is accepted"
                told = f"has expired, and {told}" if expired else told
                yield ok(what, told if name in REFUSED or left is None else f"{told}, and expires in {span(left)}")
            elif name in REFUSED:
                yield warning(what, f"is not rejected ({response.status})", REFUSED[name])
            else:
                yield of_target(what, f"is rejected{_codes(response)}", "Set one that is valid, or leave it out.")

    # -- orders -------------------------------------------------------------------------------------

    def _orders(self, pages: OrderPages) -> Iterator[Line]:
        listed = [group for group in GROUPS if self._settings.orders.get(group)]
        if listed and not self._has_pages:
            path = order_sources.ORDER_PATH.format(order="{id}")
            yield ok("orders", f"the target has no GET {path}, so the states of orders were not looked at")
            return
        for group in listed:
            yield self._order(pages, group, self._settings.orders[group])

    def _order(self, pages: OrderPages, group: str, listed: tuple[str, ...]) -> Line:
        """Look at the first order of a group that was not used before."""
        what, remedy = f"orders.{group}", "List others, or correct the group."
        free = self._ledger.free(listed) if self._ledger and group in REFUNDABLE_GROUPS else list(listed)
        if not free:
            return of_settings(what, f"all {len(listed)} were used before", "List others.")
        response = pages.get(free[0]).response
        if response is None or response.status not in (200, 404):
            said = response.status if response else "nothing"
            return warning(what, f"GET for order {free[0]} was answered with {said}", "Try again.")
        hidden = group in ("foreign", "unknown")
        if hidden and response.status == 404:
            return ok(what, f"order {free[0]} is not shown, as it should be")
        if hidden or response.status == 404:
            return of_target(
                what, f"order {free[0]} is {'shown, though it should not be' if hidden else 'not found'}", remedy
            )
        data = order_sources.order_data(response.body)
        fits = data.fits(group) if data else None
        if data is None or fits is None:
            return ok(what, f"order {free[0]} is there; its data do not show whether it is in that state")
        if fits:
            return ok(what, f"order {free[0]} is in that state")
        shown = (
            f"belongs to orders.{data.group}" if data.group else f"shows no more than the status {data.status!r}"
        )
        return of_target(what, f"order {free[0]} {shown}", remedy)

    def _supply(self) -> Iterator[Line]:
        """Compare the refundable orders with what a ci run needs."""
        settings, profile = self._settings, PROFILES["ci"]
        try:
            if settings.source not in (LIST, HOOK):
                settings = order_sources.with_orders(settings, self._contract, profile)
            planned = plan(settings, self._contract, profile, self._contract.clauses)
        except SuiteError as problem:
            yield of_target("orders", f"{problem.what} {problem.why}", problem.remedy)
            return
        supply = planned.supply("refundable")
        if supply.source == HOOK and not supply.listed:
            yield ok("supply", "the hook is asked for refundable orders when a run begins")
            return
        takes = f"a ci run takes {supply.least} to {supply.most}"
        text = f"{supply.free} refundable orders can be used; {takes}{supply.forecast}"
        enough = supply.free >= supply.most
        yield ok("supply", text) if enough else warning("supply", text, "List more in orders.refundable.")


def seconds_left(token: str) -> float | None:
    """Return the seconds until a token's end, below zero once it is over; None if the token does not tell."""
    try:
        expiry = jwt.decode(token, options={"verify_signature": False}).get("exp")
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return None
    return expiry - time.time() if isinstance(expiry, int | float) else None


def _codes(response: Response) -> str:
    codes = read(response).codes
    return f" ({response.status}, {', '.join(map(str, codes)) or 'no code'})"


def _holds_secrets(path: Path) -> bool:
    """Whether a settings file has a secret in it that is not taken from the environment."""
    auth = tomllib.loads(path.read_text(encoding="utf-8")).get("auth", {})
    values = [auth.get(name, "") for name in (*CREDENTIALS, "password")]
    return any(value and "${" not in value for value in values)


def _clock(exchange: Exchange, response: Response) -> Line:
    try:
        there = parsedate_to_datetime(response.header("Date") or "").timestamp()
    except (ValueError, OverflowError):
        return ok("clock", "the target sends no Date header")
    apart = there - (exchange.started + exchange.seconds)
    if abs(apart) <= CLOCK:
        return ok("clock", f"no more than {CLOCK:g} s apart")
    text = f"the target's clock is {span(abs(apart))} {'ahead of' if apart > 0 else 'behind'} ours"
    return warning("clock", text, "Set the clocks: when tokens expire depends on them.")
