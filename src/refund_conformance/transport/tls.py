"""The certificate authorities that a target is checked against: one answer for every connection of a run."""

import re
import ssl
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Environment variables that name a file or directory of authorities; the first that is set counts."""


HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""The names by which OpenSSL finds certificates in a directory."""


def from_environment(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the variable that names the authorities, and its value; None if there is none."""
    return next(((name, environment[name]) for name in VARIABLES if environment.get(name)), None)


@cache
def context(bundle: str | None) -> ssl.SSLContext:
    """Return a context that trusts the authorities of a file or directory; None means those of requests.

    A directory has its certificates by the names that OpenSSL looks for.
    Raises OSError (ssl.SSLError is one) if there are none to be read.
    """
    place = bundle or DEFAULT_CA_BUNDLE_PATH
    if Path(place).is_dir():
        if not any(HASHED.match(file.name) for file in Path(place).iterdir()):
            raise ssl.SSLError("no certificates that `openssl rehash` has named")
        made = ssl.create_default_context(capath=place)
    else:
        made = ssl.create_default_context(cafile=place)
    made.set_alpn_protocols(["http/1.1"])
    return made
