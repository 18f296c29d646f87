"""Look at a target and its settings before a run: line by line what is well, what is not, and what to do about it.

Nothing that is sent can have an effect.
"""

import os
import socket
import ssl
import stat
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import jwt

from refund_conformance.app import settings_problems
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
from refund_conformance.sut.settings import CREDENTIALS, GROUPS, HOOK, LIST, NOWHERE, Settings
from refund_conformance.sut.tokens import OWN
from refund_conformance.transport import tls
from refund_conformance.transport.exchange import Exchange, Response
from refund_conformance.transport.redaction import Redactor
from refund_conformance.transport.retry import is_inconclusive

CLOCK = 30.0
"""Seconds that two clocks may be apart."""

CERTIFICATE_DAYS = 14
"""Days before a certificate's end from which on it is a warning."""

_DAY, _HOUR = 86400, 3600

REFUSED = {
    "expired_token": "If it has really expired, the run may report auth.expired.",
    "refresh_token": "It is no token for the API; the run may report auth.forged.",
}
"""Tokens that are refused, with what to think if one is not."""


class Level(StrEnum):
    """How a line is meant."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Line:
    """One thing that was looked at. ``status`` is the exit status that a problem of its kind asks for."""

    level: Level
    what: str
    text: str
    remedy: str = ""
    status: int = 0

    def __str__(self) -> str:
        told = f"{self.level:<8} {self.what}: {self.text}"
        return f"{told}\n{'':<8} {self.remedy}" if self.remedy else told


def _ok(what: str, text: str) -> Line:
    return Line(Level.OK, what, text)


def _warning(what: str, text: str, remedy: str) -> Line:
    return Line(Level.WARNING, what, text, remedy)


def _setting(what: str, text: str, remedy: str) -> Line:
    """Return a problem of the settings."""
    return Line(Level.PROBLEM, what, text, remedy, SettingsError.exit_status)


def _problem(what: str, text: str, remedy: str) -> Line:
    """Return a problem of the target."""
    return Line(Level.PROBLEM, what, text, remedy, TargetError.exit_status)


def exit_status(lines: list[Line]) -> int:
    """Return the exit status that lines ask for: that of the settings before that of the target."""
    return min((line.status for line in lines if line.status), default=0)


def examine(path: Path, contract: Contract) -> Iterator[Line]:
    """Yield what is found, one by one, without any secret. If settings are wrong, nothing else is looked at."""
    wrong = settings_problems.problems(path, contract)
    yield from (_setting("settings", f"{each.what}: {each.why}", each.remedy) for each in wrong)
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
            reach = list(_reached("target", self._settings.base_url, self._settings))
            yield from reach
            if self._settings.source == HOOK:
                yield from _reached("hook", order_sources.origin(self._settings.hook or ""), self._settings)
            if all(line.level is not Level.PROBLEM for line in reach):
                yield from self._asked()
        finally:
            if self._ledger is not None:
                self._ledger.close()

    # -- settings -----------------------------------------------------------------------------------

    def _file(self) -> Line:
        mode = stat.S_IMODE(self._path.stat().st_mode)
        if os.name != "posix" or not mode & 0o077 or not _holds_secrets(self._path):
            return _ok("settings", f"{self._path} can be read")
        return _warning(
            "settings",
            f"{self._path} holds secrets, and others on this machine can read it (mode {mode:03o})",
            f"chmod 600 {self._path}, or take the secrets from the environment as ${{NAME}}.",
        )

    def _opened_ledger(self) -> Iterator[Line]:
        settings = self._settings
        if settings.ledger:
            try:
                self._ledger = open_ledger(settings.ledger, settings.base_url, "doctor")
                yield _ok("ledger", "can be opened")
            except SettingsError as problem:
                yield _setting("ledger", problem.why, problem.remedy)
        elif settings.source != HOOK:
            yield _warning(
                "ledger",
                "is not set, so each run forgets which orders it has used up",
                "Set orders.ledger, unless every run has fresh orders.",
            )

    def _objection(self) -> Line | None:
        """Return what stands against a run there: a host that is denied, or one that may not be written to."""
        settings, operation = self._settings, self._contract.operation
        for allowed, line in ((True, _setting), (False, _warning)):
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
            yield _problem("token", f"{problem.what} {problem.why}", problem.remedy)
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
        order = self._settings.orders.get("unknown", (NOWHERE,))[0]
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
            return _problem("target", said, "See that the server is up.")
        if response.status in (401, 403):
            remedy = "Set one that is valid, or auth.username and auth.password."
            return _problem(what, f"is rejected{_codes(response)}", remedy)
        codes = read(response).codes
        if not codes and response.status != 200:
            said = f"{exchange.request.method} {exchange.request.target} was answered{_codes(response)}"
            return _problem("target", said, "Check base_url; the API has no such answer.")
        if 15000 in codes:
            return _problem(what, "belongs to no configuration (15000)", "Ask for the account to be set up.")
        left, renewed = seconds_left(token), self._settings.username is not None
        if left is None:
            return _ok(what, "is accepted; when it expires cannot be read from it")
        if left < (self._settings.max_seconds or PROFILES["nightly"].seconds) and not renewed:
            remedy = "Set auth.username and auth.password, so that it is renewed, or a newer token."
            return _warning(what, f"is accepted, but expires in {span(left)}", remedy)
        return _ok(what, f"is accepted, and expires in {span(left)}{', then it is renewed' if renewed else ''}")

    def _others(self, pages: OrderPages, asking: Client) -> Iterator[Line]:
        for name in CREDENTIALS[1:]:
            token, what = self._settings.tokens.get(name), f"auth.{name}"
            if token is None:
                continue
            if token == asking.tokens.get(OWN):
                yield _setting(what, f"is the same as auth.{OWN}", "Set another, or leave it out.")
                continue
            left, expired = seconds_left(token), name == "expired_token"
            if left is not None and (left <= 0) is not expired:
                text = f"is valid for another {span(left)}" if expired else f"expired {span(-left)} ago"
                remedy = "Set one that has expired." if expired else "Set one that is valid."
                yield _setting(what, text, f"{remedy} Or leave it out.")
                continue
            response = self._harmless(pages, asking, name).response
            if response is None:
                yield _problem(what, "got no answer", "Try again.")
            elif (name in REFUSED) is (response.status == 401):
                told = f"is rejected{_codes(response)}" if name in REFUSED else "is accepted"
                told = f"has expired, and {told}" if expired else told
                yield _ok(
                    what, told if name in REFUSED or left is None else f"{told}, and expires in {span(left)}"
                )
            elif name in REFUSED:
                yield _warning(what, f"is not rejected ({response.status})", REFUSED[name])
            else:
                yield _problem(what, f"is rejected{_codes(response)}", "Set one that is valid, or leave it out.")

    # -- orders -------------------------------------------------------------------------------------

    def _orders(self, pages: OrderPages) -> Iterator[Line]:
        listed = [group for group in GROUPS if self._settings.orders.get(group)]
        if listed and not self._has_pages:
            path = order_sources.ORDER_PATH.format(order="{id}")
            yield _ok("orders", f"the target has no GET {path}, so the states of orders were not looked at")
            return
        for group in listed:
            yield self._order(pages, group, self._settings.orders[group])

    def _order(self, pages: OrderPages, group: str, listed: tuple[str, ...]) -> Line:
        """Look at the first order of a group that was not used before."""
        what, remedy = f"orders.{group}", "List others, or correct the group."
        free = self._ledger.free(listed) if self._ledger and group in REFUNDABLE_GROUPS else list(listed)
        if not free:
            return _setting(what, f"all {len(listed)} were used before", "List others.")
        response = pages.get(free[0]).response
        if response is None or response.status not in (200, 404):
            said = response.status if response else "nothing"
            return _warning(what, f"GET for order {free[0]} was answered with {said}", "Try again.")
        hidden = group in ("foreign", "unknown")
        if hidden and response.status == 404:
            return _ok(what, f"order {free[0]} is not shown, as it should be")
        if hidden or response.status == 404:
            return _problem(
                what, f"order {free[0]} is {'shown, though it should not be' if hidden else 'not found'}", remedy
            )
        data = order_sources.order_data(response.body)
        fits = data.fits(group) if data else None
        if data is None or fits is None:
            return _ok(what, f"order {free[0]} is there; its data do not show whether it is in that state")
        if fits:
            return _ok(what, f"order {free[0]} is in that state")
        shown = (
            f"belongs to orders.{data.group}" if data.group else f"shows no more than the status {data.status!r}"
        )
        return _problem(what, f"order {free[0]} {shown}", remedy)

    def _supply(self) -> Iterator[Line]:
        """Compare the refundable orders with what a ci run needs."""
        settings, profile = self._settings, PROFILES["ci"]
        try:
            if settings.source not in (LIST, HOOK):
                settings = order_sources.with_orders(settings, self._contract, profile)
            planned = plan(settings, self._contract, profile, self._contract.clauses)
        except SuiteError as problem:
            yield _problem("orders", f"{problem.what} {problem.why}", problem.remedy)
            return
        supply = planned.supply("refundable")
        if supply.source == HOOK and not supply.listed:
            yield _ok("supply", "the hook is asked for refundable orders when a run begins")
            return
        text = f"{supply.free} refundable orders can be used; a ci run takes {supply.least} to {supply.most}"
        enough = supply.free >= supply.most
        yield _ok("supply", text) if enough else _warning("supply", text, "List more in orders.refundable.")


def seconds_left(token: str) -> float | None:
    """Return the seconds until a token's end, below zero once it is over; None if the token does not tell."""
    try:
        expiry = jwt.decode(token, options={"verify_signature": False}).get("exp")
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return None
    return expiry - time.time() if isinstance(expiry, int | float) else None


def span(seconds: float) -> str:
    """Return a time in the two largest units that it has."""
    whole = int(seconds)
    if whole >= 2 * _DAY:
        return f"{whole // _DAY} days"
    if whole >= _HOUR:
        return f"{whole // _HOUR} h {whole % _HOUR // 60} min"
    return f"{whole // 60} min" if whole >= 60 else f"{whole} s"


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
        return _ok("clock", "the target sends no Date header")
    apart = there - (exchange.started + exchange.seconds)
    if abs(apart) <= CLOCK:
        return _ok("clock", f"no more than {CLOCK:g} s apart")
    text = f"the target's clock is {span(abs(apart))} {'ahead of' if apart > 0 else 'behind'} ours"
    return _warning("clock", text, "Set the clocks: when tokens expire depends on them.")


def _reached(what: str, url: str, settings: Settings) -> Iterator[Line]:
    """Resolve the name, connect, and look at the certificate, without sending a request."""
    if settings.proxy:
        yield _ok(what, "is reached by a proxy, so name, connection and certificate were not looked at")
        return
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        yield _problem(
            what, f"the name {host} cannot be resolved ({problem})", "Check the URL and the name server."
        )
        return
    try:
        with socket.create_connection((host, port), settings.timeout) as connection:
            yield _ok(what, f"{host} port {port} takes connections")
            if parts.scheme == "https":
                yield _certificate(what, host, connection, settings.ca_bundle)
    except OSError as problem:
        remedy = "See that the server is up, and that a firewall lets requests through."
        yield _problem(what, f"{host} port {port} cannot be reached ({problem})", remedy)


def _certificate(what: str, host: str, connection: socket.socket, bundle: str | None) -> Line:
    try:
        with tls.context(bundle).wrap_socket(connection, server_hostname=host) as secured:
            certificate, version = secured.getpeercert() or {}, secured.version()
    except ssl.SSLCertVerificationError as problem:
        remedy = "Renew the certificate, or name the authority that signed it in target.ca_bundle."
        return _problem(what, f"its certificate is not valid: {problem.verify_message}", remedy)
    except OSError as problem:
        return _problem(what, f"no TLS connection ({problem})", "See that the port speaks TLS 1.2 or later.")
    left = ssl.cert_time_to_seconds(str(certificate.get("notAfter"))) - time.time()
    text = f"{version}, and the certificate is valid for {span(left)}"
    return _ok(what, text) if left >= CERTIFICATE_DAYS * _DAY else _warning(what, text, "Renew it in time.")
