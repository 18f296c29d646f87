"""A section of docs/performance.md, between its marks, and what it was measured with."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "performance.md"


def setting(*packages: str) -> str:
    """Return a sentence on the machine, the versions and the day, to be asked before anything is measured."""
    versions = ", ".join(
        ["Python " + platform.python_version(), *(f"{name} {version(name)}" for name in packages)]
    )
    processor = _processor() or platform.machine()
    return (
        f"Measured on {datetime.now(UTC).date().isoformat()} with {versions}; {os.cpu_count()} processors "
        f"({processor}), load average {os.getloadavg()[0]:.1f} before."
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Return the lines of a table."""
    cells = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(str(cell) for cell in row)} |" for row in cells]


def write(name: str, lines: Sequence[str]) -> None:
    """Print the section, and put it between its marks on the page, at the end if they are not there."""
    print("\n".join(lines))
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Performance\n"
    if start not in before:
        before = f"{before.rstrip()}\n\n{start}\n{end}\n"
    head, _, rest = before.partition(start)
    body = "\n".join([start, *lines, end])
    PAGE.write_text(f"{head}{body}{rest.partition(end)[2]}", encoding="utf-8")
