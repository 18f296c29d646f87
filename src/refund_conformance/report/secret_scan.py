"""The last look over a report before its run ends: no secret may stand in any of its files."""

import html
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from refund_conformance.cases import all_cases
from refund_conformance.contract import model as contracts
from refund_conformance.contract.data_files import folder
from refund_conformance.contract.errors import RunError
from refund_conformance.report import badge, events, history, markdown, render, replay, sarif, summary, templating
from refund_conformance.report.atomic_write import replace_bytes
from refund_conformance.report.summary import Summary
from refund_conformance.transport.redaction import Redactor, redacted

ARTIFACTS = (
    events.FILE,
    summary.FILE,
    replay.HTML,
    replay.JUNIT,
    replay.CTRF,
    markdown.FILE,
    markdown.CHANGES,
    badge.FILE,
    sarif.FILE,
)
"""The files of a report. Whatever else lies in its directory is a person's own, and is left alone."""

LEDGERS = "ledger-*.sqlite"
"""The ledgers of runs with several processes, of no use after them."""

MARKUP = (".html", ".md", ".xml")
"""Files in which a letter may be written as a number."""

JSON = (".json", ".jsonl")

MANY_DIGITS = 12
"""A secret of digits alone that has fewer would be found by chance, in the times of a record."""

LEAK = "a secret was found in {names}, and taken out; this is a defect of refund-conformance, not of the target"


def finish(directory: Path, secrets: Iterable[str]) -> Summary:
    """Make the pages of a run that has ended, look for secrets in all of its files, and return its summary.

    A secret that is found is taken out of the file. The run counts as incomplete then: its record says so, and its
    exit status is 3, whatever it held. Raises RunError if the files cannot be read or written.
    """
    redactor = Redactor(filter(_is_telling, secrets))
    made = render.render(directory)
    leaks = clean(directory, made, redactor)
    if not leaks:
        return made
    events.amend(directory, LEAK.format(names=", ".join(leaks)))
    made = render.render(directory)
    clean(directory, made, redactor)
    return replace(made, exit_status=summary.STATUS[summary.INCOMPLETE])


def clean(directory: Path, made: Summary, redactor: Redactor) -> tuple[str, ...]:
    """Take secrets out of a report's files; return the names of those that held one.

    Raises RunError, naming the file, if one cannot be read or written.
    """
    leaks: list[str] = []
    files = [*(directory / name for name in ARTIFACTS), *directory.glob(LEDGERS)]
    for path in (*files, history.file(directory, made.data)):
        try:
            if path.exists() and any(_cleaned(path, part, redactor) != part for part in _parts(path)):
                replace_bytes(path, b"".join(_cleaned(path, part, redactor) for part in _parts(path)))
                leaks.append(path.name)
        except OSError as problem:
            raise RunError(
                str(path), f"cannot be searched for secrets: {problem.strerror}", "Look at it before you share it."
            ) from problem
    return tuple(leaks)


def _cleaned(path: Path, content: bytes, redactor: Redactor) -> bytes:
    """Return a part of a file without secrets; nothing of it if one could still be read where it is shown."""
    cleaned = redactor.bytes(content)
    text = cleaned.decode("utf-8", "replace")
    if path.suffix in MARKUP and redactor.finds(html.unescape(text)):
        return b""
    if path.suffix in JSON and redactor.finds(text.replace("\\\\", "\\").replace('\\"', '"')):
        return _retold(text, redactor).encode()
    return cleaned


def _parts(path: Path) -> Iterator[bytes]:
    """Yield a file's content: line by line if it is of JSON Lines, which may be long, else whole."""
    if path.suffix != ".jsonl":
        yield path.read_bytes()
        return
    with path.open("rb") as file:
        yield from file


def _retold(text: str, redactor: Redactor) -> str:
    """Return a JSON text without the secrets that its strings hold, which may be written as JSON in them."""
    return json.dumps(redacted(json.loads(text), redactor), separators=(",", ":")) + "\n"


def _is_telling(secret: str) -> bool:
    """Whether a secret, if it is found, was put there: not a short number, nor a word that we say ourselves."""
    return not (secret.isdecimal() and len(secret) < MANY_DIGITS) and secret not in _own_words()


@cache
def _own_words() -> str:
    """Return what the suite says by itself: in contract and schemas, in its cases, and on its pages."""
    files = (path for name in ("contracts", "schemas") for path in sorted(folder(name).iterdir()))
    cases = all_cases(contracts.load())
    titles = (case.title for case in cases.values())
    return "\n".join(
        [*(path.read_text(encoding="utf-8") for path in files), templating.own_text(), *cases, *titles]
    )
