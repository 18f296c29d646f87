"""Request targets: the refund URL of an order, URLs that do not exist, order ids that are no numbers."""

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

PathForm = Callable[[str], str]
"""Takes an order's id; returns the request target."""


def refund_path(template: str) -> PathForm:
    """Return the form for the operation's own path template, which holds ``{order}``."""
    return partial(_in_place, template)


def _in_place(template: str, order: str) -> str:
    return template.replace("{order}", quote(order, safe=""))


def unknown_urls(template: str) -> dict[str, PathForm]:
    """Return URLs near the operation's that the API does not have."""
    templates = {
        "longer": f"{template}/extra",
        "misspelt": f"{template}s",
        "suffix": f"{template}.json",
        "without-version": re.sub(r"^/v\d+/", "/", template),
        "other-version": template.replace("/v1/", "/v9/"),
    }
    return {slug: refund_path(other) for slug, other in templates.items() if other != template}


def malformed_ids() -> dict[str, PathForm]:
    """Return ids that are no plain decimal numbers, most of them made from a real one, by slug.

    Each is percent-encoded once, so what a lenient reader makes of it is the real order.
    """
    return {
        "text": lambda order: "abc",
        "negative": lambda order: f"-{order}",
        "zero": lambda order: "0",
        "float": lambda order: f"{order}.0",
        "signed": lambda order: f"+{order}",
        "trailing-text": lambda order: f"{order}abc",
        "over-32-bits": _over_32_bits,
        "over-64-bits": lambda order: str(2**64 + (int(order) if order.isdecimal() else 1)),
        "very-long": lambda order: "9" * 2000,
        "space": lambda order: f" {order}",
        "new-line": lambda order: f"{order}\n",
        "unicode-digits": lambda order: _in_script(order, 0x0660),
        "underscore": lambda order: f"{order[:-1] or '0'}_{order[-1:]}",
        "exponent": lambda order: f"{order}e0",
        "hexadecimal": lambda order: hex(int(order)) if order.isdecimal() else "0x1",
        "full-width-digits": lambda order: _in_script(order, 0xFF10),
        "sql": lambda order: f"{order}' OR '1'='1\";{{<",
        "empty": lambda order: "",
        "traversal": lambda order: f"../{order}",
    }


LONGEST_ID = 255
"""Characters of an id up to which no front has a reason to refuse a URL by itself."""


def is_cleaned(write: PathForm) -> bool:
    """Whether a front may take out what stands in place of an id: nothing, or dot segments."""
    return not {"", ".", ".."}.isdisjoint(write("1").split("/"))


def is_oversized(write: PathForm) -> bool:
    """Whether what stands in place of an id is too long for some fronts."""
    return len(write("1")) > LONGEST_ID


def with_query(path: PathForm, query: str) -> PathForm:
    """Return the form with a query behind it."""
    return lambda order: f"{path(order)}?{query}"


def is_undecided(write: PathForm) -> bool:
    """Whether a target may look up what stands in place of an id, or refuse it as odd: a number, or no segment."""
    return re.fullmatch("[0-9]*", write("1")) is not None or is_cleaned(write)


def _over_32_bits(order: str) -> str:
    """Return a number that is the order's in its lowest 32 bits, and none that an order has."""
    number = int(order) if order.isdecimal() else 1
    return str(number + (2**40 if number < 2**32 else 2**62))


def _fixed(target: str) -> PathForm:
    return lambda order: target


def _in_script(order: str, zero: int) -> str:
    """Return an id in the digits of another script; if it has no digits, some number in them."""
    digits = {ord("0") + digit: zero + digit for digit in range(10)}
    written = order.translate(digits)
    return written if written != order else "1".translate(digits)
