"""Tell a run's outcome on a terminal in about ten lines: verdict, causes, since when, what to do next."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.text import Text

from refund_conformance.contract.model import Contract
from refund_conformance.report import history
from refund_conformance.report.attribution import ClauseAccount
from refund_conformance.report.cause_cards import since
from refund_conformance.report.escaping import plain
from refund_conformance.report.events import RECORDED
from refund_conformance.report.summary import CONFORMANT, VIOLATED, Summary
from refund_conformance.report.view_model import RESULTS

STYLES = {"held": "green", "violated": "bold red", "warned": "yellow", "waived": "dim", "untested": "cyan"}
REASON_SHOWN = 200

NOTES = 3
"""Notes that are told at most."""

CAUSES = 5
"""Causes that are told at most."""

REASONS = 3
"""Reasons why clauses stayed untested, or clauses that warned, that are told at most."""

IDS = 4
"""Clauses that are named for one reason at most."""


def tell(summary: Summary, contract: Contract, directory: Path, stream: IO[str], *, brief: bool = False) -> None:
    """Write the end-of-run text to ``stream``; one line, if ``brief``.

    Colours only on a terminal, and not where NO_COLOR is set.
    """
    console = Console(file=stream, highlight=False, soft_wrap=True)
    console.print(_verdict(summary))
    if brief:
        return
    for line in (*_reason(summary), *_causes(summary, directory), *_others(summary), *_notes(summary)):
        console.print(line)
    page = directory / "report.html"
    console.print(Text(f"Report: {page if page.exists() else directory}"))


def _verdict(summary: Summary) -> Text:
    data = summary.data
    counts = Counter(row["result"] for row in data["clauses"])
    style = {CONFORMANT: "bold green", VIOLATED: "bold red"}.get(data["verdict"], "bold yellow")
    if data["verdict"] == CONFORMANT and counts["untested"]:
        style = "bold yellow"
    others = "".join(f", {counts[result]} {result}" for result in RESULTS if counts[result] and result != "held")
    held = f"{counts['held']} of {len(data['clauses'])} clauses held"
    text = Text.assemble((data["verdict"].upper(), style), f"  {held}{others}; {data['requests']} requests")
    if data["seconds"]:
        text.append(f" in {data['seconds']:.1f} s")
    return text if data["profile"] == RECORDED else text.append(f", seed {data['seed']}")


def _reason(summary: Summary) -> Iterator[Text]:
    data = summary.data
    if data["reason"]:
        incomplete = "the run is incomplete: " if data["verdict"] == VIOLATED else ""
        yield Text(f"Reason: {incomplete}{plain(data['reason'], 600)}")


def _causes(summary: Summary, directory: Path) -> Iterator[Text]:
    data = summary.data
    causes: list[Mapping[str, Any]] = data.get("causes", [])
    past = history.before(directory, data)
    details = len(causes) <= CAUSES // 2 + 1
    for number, cause in enumerate(causes[:CAUSES], 1):
        when = since(past, cause["clauses"])
        told = f" ({when.sentence})" if when.known else ""
        yield Text.assemble((f"{number}. {plain(cause['title'], 300)}", "bold red"), told)
        yield Text(f"   {_listed(cause['clauses'])}; {_count(len(cause['cases']), 'case')}", "dim")
        if details and (row := _shown(summary, cause)):
            yield row
    if len(causes) > CAUSES:
        yield Text(f"and {len(causes) - CAUSES} more causes, in the report")
    if causes and data["profile"] != RECORDED:
        place = "" if str(directory) == "reports/latest" else f" --report {directory}"
        yield Text.assemble(("Next: ", "dim"), f"refund-conformance replay --cause 1{place}")


def _shown(summary: Summary, cause: Mapping[str, Any]) -> Text | None:
    """Return expected and got of a cause's first case."""
    for row in summary.account.clauses:
        if row.clause.id in cause["clauses"] and row.violations:
            first = row.violations[0]
            expected, actual = plain(first.finding["expected"], 200), plain(first.finding["actual"], 200)
            return Text.assemble(
                ("   expected ", "dim"), expected, ("; got ", "dim"), f"{actual} ({_case(first)})"
            )
    return None


def _case(violation: Any) -> str:
    return plain(violation.case["case"], 200)


def _others(summary: Summary) -> Iterator[Text]:
    """Yield what warned, was waived, or stayed untested, with the reason."""
    for result in ("warned", "waived"):
        items = summary.account.with_result(result)
        for item in items[:REASONS]:
            yield Text.assemble(
                (f"{result}: ", STYLES[result]), f"{item.clause.id}: {plain(item.reason, REASON_SHOWN)}"
            )
        if len(items) > REASONS:
            yield Text(f"{result}: {len(items) - REASONS} more", STYLES[result])
    untested = summary.account.with_result("untested")
    by_reason: dict[str, list[ClauseAccount]] = defaultdict(list)
    for item in untested:
        by_reason[item.reason].append(item)
    ordered = sorted(by_reason.items(), key=lambda pair: -len(pair[1]))
    for reason, items in ordered[:REASONS]:
        told = f"{len(items)} ({_listed([item.clause.id for item in items])}): {plain(reason, REASON_SHOWN)}"
        yield Text(f"untested: {told}", STYLES["untested"])
    if len(ordered) > REASONS:
        rest = sum(len(items) for _, items in ordered[REASONS:])
        yield Text(
            f"untested: {rest} more, for {_count(len(ordered) - REASONS, 'other reason')}", STYLES["untested"]
        )


def _notes(summary: Summary) -> Iterator[Text]:
    for note in summary.account.notes[:NOTES]:
        yield Text(f"note: {plain(note, REASON_SHOWN)}", "yellow")
    more = len(summary.account.notes) - NOTES
    if more > 0:
        yield Text(f"note: {more} more of these are in the report", "yellow")


def _listed(ids: list[str]) -> str:
    more = f" and {len(ids) - IDS} more" if len(ids) > IDS else ""
    return f"{', '.join(ids[:IDS])}{more}"


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
