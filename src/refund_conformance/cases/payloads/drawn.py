"""Values for the fields of the request schema, as Hypothesis draws them: invalid in one keyword, or valid."""

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from refund_conformance.cases.payloads import addresses, fields
from refund_conformance.contract.model import Field


def breaking(field: Field, aspect: str) -> st.SearchStrategy[Any] | None:
    """Draw values that break one keyword of a field; None if the aspect is not one to explore."""
    limit = field.schema.get("maxLength")
    is_email = field.schema.get("format") == "email"
    if aspect == "type":
        allowed = (field.schema["type"], "null")
        others = {word: value for word, value in field.schema.items() if word not in ("type", "enum")}
        rest = Draft202012Validator(others)
        values = st.one_of([drawn for type_, drawn in _by_type().items() if type_ not in allowed])
        return values.filter(lambda value: not _is_one_of(value, allowed) and rest.is_valid(value))
    if aspect == "max-length" and limit is not None:
        letters, sizes = st.text("abz09", min_size=1, max_size=5), st.integers(limit + 1, 4 * limit)
        return st.builds(_long_email if is_email else _repeated, letters, sizes)
    if aspect == "unicode" and limit is not None and not is_email:
        letters = st.characters(exclude_categories=["Cs", "Cc", "Zs", "Cn"])
        sizes = st.integers(limit + 1, limit + 20)
        return st.builds(_repeated, st.text(letters, min_size=1, max_size=5), sizes)
    if aspect == "format" and is_email:
        letters = st.text("abz09.+-", min_size=1, max_size=12)
        wrong = st.one_of(
            letters,
            letters.map(lambda part: f"@{part}"),
            letters.map(lambda part: f"{part}@"),
            st.tuples(letters, letters, letters).map("@".join),
            st.tuples(letters, st.sampled_from(" \t\n"), letters).map(lambda p: f"{p[0]}@{p[2]}{p[1]}{p[2]}.com"),
        )
        return wrong.filter(lambda value: limit is None or len(value) <= limit)
    return None


def _is_one_of(value: Any, types: Iterable[str]) -> bool:
    return any(Draft202012Validator.TYPE_CHECKER.is_type(value, type_) for type_ in types)


def _repeated(letters: str, size: int) -> str:
    return (letters * (size // len(letters) + 1))[:size]


def _long_email(letters: str, size: int) -> str:
    local, _, domain = addresses.email(size).partition("@")
    return f"{_repeated(letters, len(local))}@{domain}"


def valid(field: Field) -> st.SearchStrategy[Any]:
    """Draw valid values of a field that every lawful server accepts."""
    schema = field.schema
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("format") == "email":
        word = st.text("abcxyzABC019", min_size=1, max_size=10)
        return st.tuples(word, st.sampled_from(["", ".b", "+tag", "-c", "_d"]), word).map(
            lambda parts: f"{parts[0]}{parts[1]}@{parts[2]}.example.com"
        )
    if schema.get("type") == "string":
        letters = st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"], max_codepoint=0xFFFF)
        least = max(1, schema.get("minLength", 1))
        most = min(schema.get("maxLength", 200), 200)
        sizes = st.integers(least, max(least, most))
        texts = st.builds(_repeated, st.text(letters, min_size=1, max_size=5), sizes)
        return texts.map(lambda text: text.strip().ljust(least, "x"))
    return st.just(fields.ordinary(field))


def _by_type() -> dict[str, st.SearchStrategy[Any]]:
    """Return what draws JSON values, by their type."""
    numbers = st.floats(allow_nan=False, allow_infinity=False)
    scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | numbers | st.text("abc", max_size=3)
    return {
        "null": st.none(),
        "boolean": st.booleans(),
        "integer": st.integers(-(2**53), 2**53),
        "number": numbers,
        "string": st.text("abc", max_size=3),
        "array": st.lists(scalars, max_size=3),
        "object": st.dictionaries(st.text("abc", max_size=3), scalars, max_size=3),
    }
