"""Addresses for an e-mail field: ordinary ones, ones of a given length, and texts that are none by any reading."""

import re

from jsonschema import FormatChecker

formats = FormatChecker(formats=())


@formats.checks("email")
def is_possible_email(value: object) -> bool:
    """Whether a string is an email address by some reading; what is blank is another keyword's matter."""
    if not isinstance(value, str) or not value.strip():
        return True
    local, at, domain = value.partition("@")
    if not (local and at and domain) or "@" in domain or _NO_LETTER.search(value):
        return False
    return not local.startswith("mailto:") and all(0 < len(label) <= 63 for label in domain.split("."))


_NO_LETTER = re.compile(r"[\s\x00-\x20\x7f-\x9f\ud800-\udfff]")

_ONE_BLANK = re.compile(r"(?:\r\n|\s)?(\S.*\S)(?:\r\n|\s)?", re.DOTALL)


def is_surrounded(value: object) -> bool:
    """Whether a string is an address but for a blank or a line end at its ends, which some readers take off."""
    match = _ONE_BLANK.fullmatch(value) if isinstance(value, str) else None
    return match is not None and match[1] != value and is_possible_email(match[1])


def accepted_emails() -> dict[str, str]:
    """Return ordinary addresses that no server may refuse, by slug."""
    return {
        "plus-and-dots": "first.o'last_2+refund-2024@mail.shop-1.example.photography",
        "capitals-and-digits": "Q@9A.Co",
    }


def email(length: int) -> str:
    """Return a well-formed address of exactly this length: local part up to 64, domain labels up to 63."""
    tail = "example.com"
    local = min(64, max(1, length - len(tail) - 5))
    room = length - local - 1
    if room <= len(tail):
        return "a" * (length - len(tail) - 1) + "@" + tail
    labels, left = "", room - len(tail)
    while left:
        size = left if left <= 63 else min(62, left - 2)
        size = min(size, left)
        labels += "b" * (size - 1) + "."
        left -= size
    if labels.startswith("."):
        labels = "b" + labels[1:]
    return "a" * local + "@" + labels + tail


def knotty_email(length: int) -> str:
    """Return a well-formed address of this length that sends a careless pattern back and forth.

    It has runs of one letter as long as they may be, and a last label longer than any top-level domain.
    """
    local = min(64, length // 2)
    room = length - local - 1
    labels = -(-(room + 1) // 64)
    size, longer = divmod(room - labels + 1, labels)
    sizes = [size] * (labels - longer) + [size + 1] * longer
    return f"{'a' * local}@{'.'.join('b' * size for size in sizes)}"


LONE_SURROGATE = "lone-surrogate"

NO_EMAIL = {
    "no-at": "support.example.com",
    "nothing-before-at": "@example.com",
    "nothing-after-at": "support@",
    "blanks-around-at": "support @ example.com",
    "tab-in-domain": "support@exam\tple.com",
    "new-line": "support@example.com\nexample.org",
    "display-name": "Support <support@example.com>",
    "two-at": f"{'a' * 38}@{'a' * 38}@",
    "two-addresses": "a@example.com, b@example.com",
    "mailto": "mailto:support@example.com",
    "empty-label": "support@example..com",
    "long-label": f"support@{'a' * 64}.com",
    "nul": "sup\0port@example.com",
    LONE_SURROGATE: "sup\ud83dport@example.com",
}
"""Texts that are no address by any reading. That with two @ sends a careless pattern back and forth for ever."""
