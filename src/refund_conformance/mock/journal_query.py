"""Choose among the entries of a journal."""

from collections.abc import Mapping, Sequence
from typing import Any

from refund_conformance.mock.control_request import WishError

FILTERS = ("order", "status", "check", "code", "method")


def select_entries(entries: Sequence[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the entries that have all the values of a query; raise WishError for a name that it may not have."""
    unknown = sorted(set(query) - set(FILTERS))
    if unknown:
        raise WishError(f"no entry has {', '.join(map(repr, unknown))}; the query may have {', '.join(FILTERS)}")
    return [entry for entry in entries if all(_has(entry, name, value) for name, value in query.items())]


def _has(entry: Mapping[str, Any], name: str, value: str) -> bool:
    if name == "order":
        parts = str(entry["path"]).split("/")
        return len(parts) > 3 and parts[2] == "order" and parts[3] == value
    if name == "code":
        return value in map(str, entry["codes"])
    return str(entry[name]) == value
