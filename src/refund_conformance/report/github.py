"""Tell GitHub Actions of a run: the job's summary, annotations, and outputs for later steps."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from refund_conformance.report import artifacts
from refund_conformance.report.escaping import plain
from refund_conformance.report.summary import Summary

ANNOTATIONS = 10
"""GitHub shows no more of one kind from one step."""

_LARGEST = 1024 * 1024


def publish(summary: Summary, directory: Path, environment: Mapping[str, str], stream: IO[str]) -> None:
    """Write what GitHub Actions reads, as far as ``environment`` says that it listens.

    GITHUB_STEP_SUMMARY takes DIR/summary.md, GITHUB_OUTPUT verdict and exit status; with GITHUB_ACTIONS set,
    annotations go to ``stream``. A file that cannot be written is left out: the run's outcome is not its matter.
    """
    if environment.get("GITHUB_STEP_SUMMARY"):
        _append(Path(environment["GITHUB_STEP_SUMMARY"]), _read(directory / artifacts.MARKDOWN))
    if environment.get("GITHUB_OUTPUT"):
        told = f"verdict={summary.data['verdict']}\nstatus={summary.exit_status}\n"
        _append(Path(environment["GITHUB_OUTPUT"]), told)
    if environment.get("GITHUB_ACTIONS") == "true":
        for line in annotations(summary):
            stream.write(line + "\n")


def annotations(summary: Summary) -> Iterator[str]:
    """Yield the workflow commands: an error for each violated clause, a warning for each that warned.

    A run that is incomplete is an error as well, whatever it found until then.
    """
    causes = {clause: cause["title"] for cause in summary.data.get("causes", ()) for clause in cause["clauses"]}
    for command, result in (("error", "violated"), ("warning", "warned")):
        for item in summary.account.with_result(result)[:ANNOTATIONS]:
            lines = (causes.get(item.clause.id, ""), item.clause.promise, item.reason)
            yield f"::{command} title={_property(item.clause.id)}::{_data(chr(10).join(filter(None, lines)))}"
    if summary.data["reason"]:
        yield f"::error title=The run is incomplete::{_data(summary.data['reason'])}"


def _data(text: str) -> str:
    lines = "\n".join(plain(line, 1000) for line in text.split("\n"))
    return lines.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _append(path: Path, text: str) -> None:
    try:
        before = path.stat().st_size if path.exists() else 0
        if before + len(text.encode()) < _LARGEST:
            with path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError:
        return
