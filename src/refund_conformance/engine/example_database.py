"""Where Hypothesis keeps payloads that failed, so that a later run, or another machine's, tries them first."""

from datetime import timedelta
from pathlib import Path

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

from refund_conformance.contract.errors import SettingsError

EXPIRY_DAYS = 30
"""How long a payload that failed is kept in Redis after it was last seen."""


def database(place: str | None, clause: str) -> ExampleDatabase | None:
    """Return the part of an example database that is about a clause; None if no place is set.

    ``place`` is a directory, or the URL of a Redis. Raises SettingsError for a Redis that cannot be reached.
    """
    if place is None:
        return None
    if "://" not in place:
        return DirectoryBasedExampleDatabase(Path(place) / clause)
    what, remedy = "target.examples", "Name a directory, or a Redis like redis://host:6379/0."
    try:
        from hypothesis.extra.redis import RedisExampleDatabase
        from redis import Redis, RedisError
    except ImportError as problem:
        raise SettingsError(what, "needs a package for Redis", "Install refund-conformance[redis].") from problem
    try:
        client = Redis.from_url(place, socket_timeout=5, socket_connect_timeout=5)
        client.ping()
    except (RedisError, ValueError, OSError) as problem:
        raise SettingsError(what, f"cannot be used ({type(problem).__name__})", remedy) from problem
    prefix = f"refund-conformance:{clause}:".encode()
    return RedisExampleDatabase(client, expire_after=timedelta(days=EXPIRY_DAYS), key_prefix=prefix)
