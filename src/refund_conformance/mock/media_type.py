"""Read a Content-Type header as RFC 9110 writes it."""

import re
from dataclasses import dataclass

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  (grammar, not a secret)
_QUOTED = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_PARAMETER = rf"{_TOKEN}=(?:{_TOKEN}|{_QUOTED})"
_MEDIA_TYPE = re.compile(rf"({_TOKEN}/{_TOKEN})((?:[ \t]*;[ \t]*(?:{_PARAMETER})?)*)[ \t]*")


@dataclass(frozen=True)
class MediaType:
    """A media type as written, and whether anything follows it."""

    name: str
    has_parameters: bool


def read_media_type(header: str) -> MediaType | None:
    """Return what the header says, or None if it is not written like a media type."""
    match = _MEDIA_TYPE.fullmatch(header.strip(" \t"))
    return MediaType(match[1], bool(match[2])) if match else None
