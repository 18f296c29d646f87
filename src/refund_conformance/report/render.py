"""Make the pages of a report from its events: for people, for scripts, for CI servers and for chats."""

import tempfile
from pathlib import Path

from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import RunError
from refund_conformance.contract.model import Contract
from refund_conformance.report import (
    artifacts,
    badge,
    history,
    items,
    markdown,
    replay,
    run_log,
    sarif,
    summary,
    templating,
    times,
)
from refund_conformance.report.run_log import Traffic
from refund_conformance.report.summary import Summary
from refund_conformance.report.view_model import page


def render(directory: Path) -> Summary:
    """Make every page of the report in ``directory`` from its events, and return the run's summary.

    Raises RunError if there are no events that can be used, or the pages cannot be written.
    """
    contract = contracts.load()
    run = run_log.read(directory)
    made = summary.summarize(contract, run.events)
    try:
        summary.write(directory, made)
        history.keep(directory, made.data)
        with tempfile.TemporaryDirectory(prefix=".pages-", dir=directory) as folder:
            _write(contract, run, made, directory, Path(folder))
            for path in Path(folder).iterdir():
                path.replace(directory / path.name)
    except OSError as problem:
        raise RunError(
            f"report directory {directory}", problem.strerror or "cannot be written", "Make room or name another."
        ) from problem
    return made


def _write(contract: Contract, run: Traffic, made: Summary, directory: Path, folder: Path) -> None:
    told = page(contract, run, made, directory)
    every = items.items(contract, run, made)
    replay.replay(folder, every, templating.content(told), told.title)
    times.correct(folder, run, every)
    files = {
        artifacts.MARKDOWN: markdown.markdown(told),
        artifacts.CHANGES: markdown.changes(told),
        artifacts.BADGE: badge.badge(told),
        artifacts.SARIF: sarif.sarif(contract, run.start, told),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
