"""Tell a run's outcome on a terminal: areas, each violated clause in three lines, notes, the report's path."""

from collections import Counter
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from refund_conformance.contract.model import Contract
from refund_conformance.report.attribution import ClauseAccount
from refund_conformance.report.escaping import plain
from refund_conformance.report.summary import CONFORMANT, INCOMPLETE, PARTIAL, Summary
from refund_conformance.report.view_model import RESULTS, cases

STYLES = {"held": "green", "violated": "bold red", "warned": "yellow", "waived": "dim", "untested": "cyan"}
REASON_SHOWN = 200

NOTES = 3
"""Notes that are told at most."""


def tell(summary: Summary, contract: Contract, directory: Path, stream: IO[str]) -> None:
    """Write the end-of-run text to ``stream``. Colours only on a terminal, and not where NO_COLOR is set."""
    console = Console(file=stream, highlight=False, soft_wrap=True)
    console.print(_table(contract, summary))
    for result in ("violated", "warned"):
        for item in summary.account.with_result(result):
            _tell_clause(console, item)
    untested = summary.account.with_result("untested")
    if untested:
        console.print()
        for reason, count in Counter(item.reason for item in untested).most_common(5):
            console.print(Text(f"{count} untested: {plain(reason, REASON_SHOWN)}", STYLES["untested"]))
    for note in summary.account.notes[:NOTES]:
        console.print(Text(f"note: {plain(note, REASON_SHOWN)}", "yellow"))
    more = len(summary.account.notes) - NOTES
    if more > 0:
        console.print(Text(f"note: {more} more of these are in the report", "yellow"))
    console.print()
    console.print(_verdict(summary))
    page = directory / "report.html"
    console.print(Text(f"Report: {page if page.exists() else directory}"))


def _table(contract: Contract, summary: Summary) -> Table:
    results = [result for result in reversed(RESULTS) if summary.account.with_result(result) or result == "held"]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Area")
    for result in results:
        table.add_column(result.capitalize(), justify="right")
    table.add_column("Cases", justify="right")
    for area in contract.areas:
        items = [item for item in summary.account.clauses if item.clause.area == area]
        counts = Counter(item.result for item in items)
        cells = [Text(str(counts[name]), STYLES[name]) if counts[name] else Text("·", "dim") for name in results]
        table.add_row(Text(area), *cells, Text(str(cases(items))))
    return table


def _tell_clause(console: Console, item: ClauseAccount) -> None:
    console.print()
    console.print(Text.assemble((f"{item.result}: ", STYLES[item.result]), (item.clause.id, "bold")))
    lines = [("promise", item.clause.promise)]
    if item.violations:
        first, *more = item.violations
        where = first.case["case"] + (f", and {len(more)} more" if more else "")
        lines += [("expected", first.finding["expected"]), ("got", f"{first.finding['actual']} ({where})")]
    for label, text in lines:
        console.print(Text.assemble((f"  {label:<9} ", "dim"), plain(text, 500)))


def _verdict(summary: Summary) -> Text:
    data = summary.data
    counts = Counter(row["result"] for row in data["clauses"])
    styles = {CONFORMANT: "bold green", PARTIAL: "bold yellow", INCOMPLETE: "bold yellow"}
    style = styles.get(data["verdict"], "bold red")
    told = ", ".join(f"{counts[result]} {result}" for result in reversed(RESULTS) if counts[result])
    text = Text.assemble((data["verdict"].upper(), style), f"  {told}; {data['requests']} requests")
    if data["seconds"]:
        text.append(f" in {data['seconds']:.1f} s")
    text.append(f", seed {data['seed']}")
    if data["reason"]:
        incomplete = "" if data["verdict"] == INCOMPLETE else "the run is incomplete: "
        text.append(f"\nReason: {incomplete}{plain(data['reason'], 600)}")
    if data["verdict"] == PARTIAL:
        text.append(f"\nPartial: {plain(data['partial'], 600)}")
    return text
