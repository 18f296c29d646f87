"""What a target is never sent: anything, if it is denied; requests that may create something, if not allowed."""

from dataclasses import replace
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from refund_conformance.contract.errors import SettingsError
from refund_conformance.contract.model import Operation
from refund_conformance.sut.settings import NONEXISTENT_ORDER_ID, Settings, is_loopback

HARMLESS_GROUPS = ("unknown",)
"""Order groups for which no request can create anything, on a faulty target either: there is no such order."""


def check(settings: Settings, operation: Operation, *, allow_writes: bool, read_only: bool) -> None:
    """Raise SettingsError if the target's host is denied, or is another machine and writing is not allowed."""
    host = (urlsplit(settings.base_url).hostname or "").rstrip(".")
    for pattern in (*operation.production_hosts, *settings.denied_hosts):
        if fnmatchcase(host, pattern.lower()):
            raise SettingsError(
                f"target.base_url: host {host}", f"is denied ({pattern})", "Name a test environment's host."
            )
    if not (is_loopback(host) or settings.allow_writes or allow_writes or read_only):
        raise SettingsError(
            f"target.base_url: host {host}",
            "is not this machine, and the suite creates refund requests there",
            "If that is meant, set target.allow_writes = true or give --allow-writes; else --read-only.",
        )


def read_only(settings: Settings) -> Settings:
    """Return the settings without any order on which a request could have an effect."""
    orders = {group: settings.orders.get(group, (NONEXISTENT_ORDER_ID,)) for group in HARMLESS_GROUPS}
    return replace(settings, orders=orders, read_only=True)
