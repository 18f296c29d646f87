"""The questions that the document leaves open: their lawful answers, the default, and what a run observed."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from refund_conformance.contract.errors import RunError
from refund_conformance.contract.model import Contract, Question
from refund_conformance.report import summary
from refund_conformance.report.escaping import plain


def lines(contract: Contract, directory: Path) -> Iterator[str]:
    """Yield each open question in a few lines, with what the run in ``directory`` observed, if there is one.

    Raises RunError for a report that cannot be read.
    """
    observed = _observed(directory / summary.FILE)
    for question in contract.questions.values():
        row = observed.get(question.id, {})
        yield question.id
        yield f"  {question.asks}"
        yield f"  answers   {_answers(question)}"
        yield f"  default   {_default(question)}"
        if row.get("pinned"):
            yield f"  pinned    {plain(str(row['pinned']))}"
        yield f"  observed  {plain(str(row.get('observed') or 'nothing'))}"
    yield ""
    where = f"Observed by the run in {directory}." if observed else f"No run's report is in {directory}."
    yield f'{where} Pin an answer in the target\'s settings: [questions] ID = "ANSWER".'


def _answers(question: Question) -> str:
    if question.order:
        return f"an order of {', '.join(question.order)}"
    return ", ".join(question.answers)


def _default(question: Question) -> str:
    if question.order or len(question.permitted) == len(question.answers):
        return "any"
    return ", ".join(question.permitted)


def _observed(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return the questions of a report by id; nothing if there is no report."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["questions"]
        return {str(row["id"]): row for row in rows}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise RunError(
            str(path), "is not the summary of a run", "Name a report with --report, or run again."
        ) from None
