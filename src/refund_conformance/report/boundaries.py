"""Find out from which texts were accepted and which refused in what unit a field is counted, and up to where."""

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from refund_conformance.cases.case import Case
from refund_conformance.contract.model import Contract

Event = Mapping[str, Any]

UNITS: Mapping[str, Callable[[str], int]] = {
    "characters": len,
    "bytes": lambda text: len(text.encode("utf-8", "surrogatepass")),
    "UTF-16 units": lambda text: len(text.encode("utf-16-le", "surrogatepass")) // 2,
    "characters of its JSON text, escapes included": lambda text: len(json.dumps(text)) - 2,
    "characters of its HTML text": lambda text: len(escape(text)),
    "characters without combining marks": lambda text: sum(not unicodedata.combining(one) for one in text),
    "characters after normalization to NFC": lambda text: len(unicodedata.normalize("NFC", text)),
    "characters after decomposition (NFKD)": lambda text: len(unicodedata.normalize("NFKD", text)),
    "characters without white space at its ends": lambda text: len(text.strip()),
    "characters after runs of white space are collapsed": lambda text: len(" ".join(text.split())),
}
"""How the length of a text may be counted; the first is the right one."""

ABOUT_LENGTH = "character-unit"
"""The open question whose cases show how a length is counted; those of others show something else."""

USUAL = ("characters", "bytes", "UTF-16 units")
"""How real servers count as a rule."""


@dataclass(frozen=True)
class Boundary:
    """How a field is counted: ``accepted`` is the longest accepted length, ``refused`` the shortest refused.

    Either is None if there was none. ``others`` are other units that fit as well.
    """

    field: str
    unit: str
    limit: int
    accepted: int | None
    refused: int | None
    others: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What is wrong, in one sentence."""
        field = f"The {self.field}"
        if self.unit != "characters":
            right = self.accepted is None or self.refused is None or self.accepted <= self.limit < self.refused
            limit = "" if right else f", with a limit from {self.accepted} to {(self.refused or 1) - 1}"
            return f"{field} is counted in {self.unit}, not in characters{limit}"
        if self.refused is None:
            return f"The length of the {self.field} is not limited to {self.limit} characters"
        if self.refused <= self.limit:
            exactly = self.refused == self.limit and self.accepted == self.limit - 1
            reason = ": the limit is off by one" if exactly else f", though {self.limit} are allowed"
            return f"A text of {self.refused} characters as {self.field} is refused{reason}"
        return f"A text of {self.accepted} characters as {self.field} is accepted, though {self.limit} are allowed"


def boundary(contract: Contract, field: str, known: Mapping[str, Case], sent: Iterable[Event]) -> Boundary | None:
    """Return how a field is counted, if that is not as the contract has it and the answers show a limit."""
    limit = contract.fields[field].schema.get("maxLength")
    texts = list(_texts(field, known, sent))
    if not limit or len(texts) < len(UNITS) // 2:
        return None
    if _fits("characters", texts, limit):
        return None
    fitting = [unit for unit in UNITS if _fits(unit, texts, None)]
    if not fitting:
        return None
    natural = [unit for unit in fitting if _fits(unit, texts, limit)]
    unit, *others = natural or fitting
    accepted, refused = _ends(unit, texts)
    return Boundary(field, unit, limit, accepted, refused, tuple(others))


def _texts(field: str, known: Mapping[str, Case], sent: Iterable[Event]) -> Iterable[tuple[str, bool]]:
    """Yield each text that was sent for a field with nothing else wrong, and whether it was accepted."""
    for event in sent:
        case = known.get(event["case"])
        if case is None or case.area != field or event["answer"] not in ("success", "error"):
            continue
        questions = {name for name, _ in case.situation.questions} - {ABOUT_LENGTH}
        if set(case.situation.wrong) - {"field"} or case.situation.invalid - {field} or questions:
            continue
        try:
            value = json.loads(case.draft.body)[field]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(value, str) and (field != "email" or "max-length" in case.id or not case.situation.invalid):
            yield value, event["answer"] == "success"


def _ends(unit: str, texts: Sequence[tuple[str, bool]]) -> tuple[int | None, int | None]:
    count = UNITS[unit]
    accepted = max((count(text) for text, is_accepted in texts if is_accepted), default=None)
    return accepted, min((count(text) for text, is_accepted in texts if not is_accepted), default=None)


def _fits(unit: str, texts: Sequence[tuple[str, bool]], limit: int | None) -> bool:
    """Whether a limit in a unit explains which texts were accepted; ``limit`` demands that very limit."""
    accepted, refused = _ends(unit, texts)
    if accepted is not None and refused is not None and accepted >= refused:
        return False
    if limit is None:
        return True
    return (accepted is None or accepted <= limit) and (refused is None or refused > limit)
