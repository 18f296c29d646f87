"""Faults of JSON readers that let one thing more pass, or read names and texts their own way."""

import re
import unicodedata
from collections.abc import Callable

from refund_conformance.mock.call import Call
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.body import decoding, repairing
from refund_conformance.mock.faults.fault import FaultyEndpoint, Shelf, crash
from refund_conformance.mock.faults.fields import renaming

shelf = Shelf()


def _sub(pattern: str, replacement: str) -> Callable[[str], str]:
    return lambda text: re.sub(pattern, replacement, text)


for _name, _story, _repair in (
    ("missing-element", "Between two commas an array has a hole, as in JavaScript.", _sub(r",\s*,", ",null,")),
    ("missing-value", "A member without a value is null, as in YAML.", _sub(r":\s*([,}])", r":null\1")),
    ("undefined", "The word undefined is dropped where a value is expected.", _sub(r":\s*undefined\b", ":null")),
    ("semicolon", "Members may be parted by semicolons, as in an old JSON library for Java.", _sub(";", ",")),
    ("backticks", "Strings may stand in backticks, as in JavaScript.", _sub("`", '"')),
    ("short-escape", "An escape has as many digits as there are.", _sub(r"\\u(\d{2})(?!\d)", r"\\u00\1")),
    ("braced-escape", "Escapes with braces are taken, as in later JavaScript.", _sub(r"\\u\{[0-9A-Fa-f]+\}", "?")),
    ("bare-fraction", "A number may begin with its point.", _sub(r":\s*\.(\d)", r":0.\1")),
):  # fmt: skip
    shelf.put(f"json-lenient-{_name}", "json.malformed", _story, repairing(_repair))

shelf.put(
    "json-beyond-unicode",
    "json.encoding",
    "Sequences of four bytes are decoded without a look at where Unicode ends.",
    decoding(lambda body: body.replace(b"\xf4\x90\x80\x80", b"?").decode("utf-8", "surrogateescape")),
)

# ---- names of members


def _of_half_width(name: str) -> str:
    return unicodedata.normalize("NFKC", name)


for _name, _story, _name_of in (
    ("full-width", "Names are normalized, by which full-width letters become plain ones.", _of_half_width),
    ("nul-ends", "A name goes through a library in C, where NUL ends it.", lambda name: name.split("\0")[0]),
):
    shelf.put(f"fields-{_name}", "fields.name", _story, renaming(_name_of))


@shelf.fault(
    "fields-of-prototype", "fields.name", "Members are merged into an object, and its prototype replaced."
)
class OfPrototype(Endpoint):
    def check_fields(self, call: Call) -> None:
        inherited = call.document.get("__proto__")
        if isinstance(inherited, dict):
            call.document = {**inherited, **call.document}
        super().check_fields(call)


@shelf.fault(
    "fields-unchecked-beside-prototype", "email.type", "The schema is looked up in an object that came in."
)
class UncheckedBesidePrototype(Endpoint):
    def check_fields(self, call: Call) -> None:
        if "__proto__" not in call.document or "email" not in call.document:
            super().check_fields(call)


def crashing_on(reason: str, which: Callable[[Call], bool]) -> FaultyEndpoint:
    """Return an endpoint that crashes once some requests were read."""

    class Crashing(Endpoint):
        def read_json(self, call: Call) -> None:
            super().read_json(call)
            if which(call):
                raise crash(reason)

    return Crashing


def _has_name(*names: str) -> Callable[[Call], bool]:
    return lambda call: not call.document.keys().isdisjoint(names)


def _texts(call: Call) -> str:
    return "\n".join(value for value in call.document.values() if isinstance(value, str))


for _name, _story, _which in (
    (
        "inherited-name",
        "A validator is looked up by a name that every object has.",
        _has_name("constructor", "toString", "hasOwnProperty"),
    ),
    ("class-name", "Members become attributes, some of which an object has already.", _has_name("__class__")),
    ("empty-name", "The first letter of a name is asked for.", _has_name("")),
    ("dollar-name", "Members go into a store that has operators by such names.", _has_name("$where", "$ne")),
    ("dotted-name", "A name is taken for a path of names.", _has_name("a.b", "a[0]")),
    ("nul-name", "A store cannot hold a name with NUL.", lambda call: any("\0" in name for name in call.document)),
    (
        "many-members",
        "Members become columns, of which there are too many.",
        lambda call: len(call.document) > 255,
    ),
    (
        "format",
        "The text goes into a format string.",
        lambda call: re.search(r"\{\d*\}|%[^0-9A-F]", _texts(call)) is not None,
    ),
    ("template", "The text is rendered as a template.", lambda call: "{{" in _texts(call) or "<%" in _texts(call)),
    ("quote", "The text is pasted into the SQL text.", lambda call: "'" in _texts(call)),
    (
        "charset",
        "The charset is looked up in a table that lacks it.",
        lambda call: any("iso-8859" in value for value in call.received.values("content-type")),
    ),
    (
        "content-coding",
        "The body is decompressed as the header says, and is not compressed.",
        lambda call: bool(call.received.values("content-encoding")),
    ),
):
    shelf.put(f"crash-{_name}", "server.no-5xx", _story, crashing_on(_name, _which))
