"""JSON texts: malformed ones of every kind, others than objects, and odd but valid spellings of an object."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st

from refund_conformance.contract.json_text import parse

Body = Mapping[str, Any]
DEPTH = 20_000
"""How deep a deeply nested text nests: beyond what careless recursion survives, small enough for any limit."""

_SURROGATE = re.compile("[\ud800-\udfff]")

OTHER = "x"
"""A member that is no field: what is not JSON is not JSON inside of it either."""


def dump(body: object) -> bytes:
    """Return the plain JSON text of a value, in UTF-8; only halves of a surrogate pair are escaped."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text).encode()


def malformed(body: Body) -> dict[str, bytes]:
    """Return texts that are not JSON, each one lenient step away from ``body``, by slug.

    ``body`` is an object with at least one member. A reader that repairs or ignores what is wrong sees them.
    """
    text = dump(body).decode()
    inner = text[1:-1]
    name = next(iter(body))
    rest = text.removeprefix(f'{{"{name}":')
    value = dump(body[name]).decode()
    after = rest.removeprefix(value)
    texts = {
        "empty": "",
        "white-space": " \r\n\t ",
        "truncated": text[:-1],
        "trailing-comma": f"{{{inner},}}",
        "missing-value": f'{{"{name}":{after}',
        "missing-element": f'{{{inner},"{OTHER}":[1,,2]}}',
        "missing-comma": text.replace('","', '" "', 1) if '","' in text else f'{{{inner} "x":1}}',
        "semicolon": f'{{{inner};"{OTHER}":1}}',
        "line-comment": f"{{{inner}// a comment\n}}",
        "block-comment": f"{{/* a comment */{inner}}}",
        "hash-comment": f"# a comment\n{text}",
        "single-quotes": text.replace('"', "'"),
        "bare-key": f"{{{name}:{rest}",
        "nan": f'{{"{name}":NaN{after}',
        "infinity": f'{{"{name}":-Infinity{after}',
        "leading-zero": f'{{"{name}":01{after}',
        "hexadecimal": f'{{"{name}":0x10{after}',
        "bare-fraction": f'{{{inner},"{OTHER}":.5}}',
        "undefined": f'{{{inner},"{OTHER}":undefined}}',
        "backticks": f'{{"{name}":`text`{after}',
        "capital-literal": f'{{"{name}":True{after}',
        "bad-escape": f'{{"{name}":"a\\x41"{after}',
        "quote-escape": f'{{"{name}":"it\\\'s"{after}',
        "raw-new-line": f'{{"{name}":"a\nb"{after}',
        "short-escape": f'{{"{name}":"a\\u41"{after}',
        "braced-escape": f'{{{inner},"{OTHER}":"\\u{{1F600}}"}}',
        "raw-nul": f'{{"{name}":"a\0b"{after}',
        "second-document": f"{text}{text}",
        "text-after": f"{text} x",
        "nul-after": f"{text}\0",
        "form-feed": f"\f{text}",
        "no-break-space": f'{{"{name}":\u00a0{rest}',
        "form": urlencode(body),
    }
    return {slug: text.encode() for slug, text in texts.items()}


def badly_encoded(body: Body) -> dict[str, bytes]:
    """Return texts that are JSON but for bytes that are not UTF-8, inside a string value, by slug."""
    name = next(iter(body))
    before, after = dump({**body, name: "@@"}).split(b"@@", 1)
    bytes_ = {
        "cut-sequence": b"\xe2\x82",
        "overlong": b"\xc0\xaf",
        "beyond-unicode": b"\xf4\x90\x80\x80",
        "surrogate": b"\xed\xa0\x80",
        "latin-1": "Rücksendung".encode("latin-1"),
    }
    return {slug: before + raw + after for slug, raw in bytes_.items()}


def not_objects(body: Body) -> dict[str, bytes]:
    """Return valid JSON texts that are no object, by slug."""
    return {
        "array-of-object": dump([body]),
        "array-empty": b"[]",
        "string-of-json": dump(dump(body).decode()),
        "false": b"false",
        "null": b"null",
        "deep-array": b"[" * DEPTH + b"]" * DEPTH,
    }


def unclosed_nesting() -> bytes:
    """Return a text of opening brackets only: no JSON, and deep."""
    return b'{"a":' * (DEPTH // 2)


ESCAPES = 'tab\t"quoted" a/b \\ é 退 😀 \u2028\x7f'
"""A text of characters that JSON writes in several ways."""


def escaped(body: Body) -> bytes:
    """Return an object's text in which every character of every string is escaped."""
    members = (f"{_quoted_escaped(name)}:{_quoted_escaped(value)}" for name, value in body.items())
    return f"{{{','.join(members)}}}".encode()


def spaced_and_reversed(body: Body) -> bytes:
    """Return an object's text with white space wherever it may be, its last member first and slashes escaped."""
    texts = {name: dump(value).decode().replace("/", "\\/") for name, value in reversed(list(body.items()))}
    spaced = ",\r\n\t ".join(f"{json.dumps(name)} \n:\t {text}" for name, text in texts.items())
    return f" \r\n\t{{ \n{spaced}\t}}\r\n \t".encode()


FORMS: Mapping[str, Callable[[Body], bytes]] = {"spaced-and-reversed": spaced_and_reversed, "escaped": escaped}
"""Unusual spellings of an object, by slug; the first leaves characters beyond ASCII as they are."""


def _escaped(text: str) -> str:
    units = text.encode("utf-16-be")
    digits = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
    return "".join(f"\\u{four.upper() if place % 2 else four}" for place, four in enumerate(digits))


def _quoted_escaped(value: object) -> str:
    return f'"{_escaped(value)}"' if isinstance(value, str) else json.dumps(value)


def damaged(body: Body) -> st.SearchStrategy[bytes]:
    """Draw ``body``'s text with one random place broken so that it is no longer JSON."""
    text = dump(body).decode()
    place = st.integers(0, len(text) - 1)
    stray = st.text("{}[]\",:\\\x00\x1f'x0-/", min_size=1, max_size=3)
    edits = st.one_of(
        place.map(lambda at: text[:at]),
        place.map(lambda at: text[:at] + text[at + 1 :]),
        st.builds(lambda at, by: text[:at] + by + text[at:], place, stray),
        st.builds(lambda at, by: text[:at] + by + text[at + 1 :], place, stray),
    )
    return edits.map(str.encode).filter(lambda raw: not is_json(raw))


def is_json(raw: bytes) -> bool:
    """Whether the bytes are a JSON text in UTF-8 without byte order mark (RFC 8259)."""
    try:
        parse(raw)
    except ValueError:
        return False
    return True
