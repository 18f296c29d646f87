"""Requests to the control API: who may send them, and what they must look like.

The API has no authorization. What keeps web pages from it is that a browser names the page's origin and the
host it believes to talk to, and asks before it sends JSON.
"""

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn
from urllib.parse import urlsplit

from starlette.requests import Request

from refund_conformance.mock.media_type import read_media_type
from refund_conformance.mock.settings import is_loopback

LONGEST_BODY = 64 * 1024
_LAST_ID = 2**63 - 1
_MEDIA_TYPE = "application/json"


class WishError(Exception):
    """A request to the control API that makes no sense, or may not be made; the argument says why."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


def check_access(request: Request, beyond_loopback: bool) -> None:
    """Raise WishError for a request that a web page may have caused, or a host's name that may have been rebound.

    ``beyond_loopback`` lets in every host that no name server of the internet can stand for: addresses, and names
    without a dot, as containers have them.
    """
    host = request.headers.get("host", "")
    name = _name_of(host)
    if not is_loopback(name) and not (beyond_loopback and _is_local_name(name)):
        raise WishError(f"the host {host!r} is not this machine's: use 127.0.0.1 or localhost", 403)
    origin = request.headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        raise WishError(f"requests of pages from {origin!r} are refused", 403)
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise WishError("requests of pages from elsewhere are refused", 403)


async def read_wish(request: Request) -> Any:
    """Return the value of the JSON body, or an empty object without a body; raise WishError for any other body."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise WishError(f"more than {LONGEST_BODY} bytes", 413)
    if not body:
        return {}
    media_type = read_media_type(request.headers.get("content-type", ""))
    if media_type is None or media_type.name.lower() != _MEDIA_TYPE:
        raise WishError(f"the content type must be {_MEDIA_TYPE}", 415)
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise WishError("the body is no JSON") from None


def order_id(request: Request) -> int:
    """Return the order's id in the URL; raise WishError if it can be none."""
    return id_of(request.path_params["order"])


def id_of(value: object) -> int:
    """Return an order's id as a number; raise WishError if it can be none."""
    text = value if isinstance(value, str) else ""
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 0 < int(text) <= _LAST_ID):
        raise WishError(f"an order's id is a whole number from 1 to {_LAST_ID}, as text", 404)
    return int(text)


def nothing_else(wish: Iterable[str]) -> None:
    """Raise WishError for members that are left over."""
    left = list(wish)
    if left:
        raise WishError(f"there is no {', '.join(map(repr, left))} here")


def number(value: object, name: str, least: float, most: float) -> float:
    """Return a number within bounds; raise WishError for anything else."""
    if not is_number(value) or not least <= float(value) <= most:  # type: ignore[arg-type]
        raise WishError(f"{name} must be a number from {least:g} to {most:g}")
    return float(value)  # type: ignore[arg-type]


def whole(value: object, name: str, most: int) -> int:
    """Return a whole number from 1 on; raise WishError for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise WishError(f"{name} must be a whole number from 1 to {most}")
    return value


def is_number(value: object) -> bool:
    """Tell whether a JSON value is a number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def names(value: object, what: str) -> tuple[str, ...]:
    """Return a list of names; raise WishError for anything else."""
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise WishError(f"{what} must be a list of names")
    return tuple(value)


def texts(value: object, what: str) -> dict[str, str]:
    """Return an object whose members are texts; raise WishError for anything else."""
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise WishError(f"{what} must be an object of texts")
    return value


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"http://{host}").hostname or ""
    except ValueError:
        return ""


def _is_local_name(name: str) -> bool:
    return bool(name) and ("." not in name or name.replace(".", "").isdecimal())


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
