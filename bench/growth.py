"""Growth: requests and time of the ci profile against the number of fields in the request schema.

`python bench/growth.py` adds 1, 5, 20 and 50 generated fields to the document's own, their clauses to the
contract, and a jsonschema check of them to the mock, and runs the profile without bounds on requests and orders,
each in a process of its own. Table and plots go into docs/performance.md.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from section import setting, table, write

ADDED = (0, 1, 5, 20, 50)
ROUNDS = 3
ROOT = Path(__file__).parents[1]
KINDS: tuple[dict[str, Any], ...] = (
    {"type": "string", "maxLength": 100},
    {"type": "integer", "minimum": 1, "maximum": 500},
    {"type": "string", "enum": ["full", "partial"]},
    {"type": "string", "maxLength": 60, "format": "email", "pattern": "\\S"},
    {"type": "boolean"},
)
"""Keywords of the generated fields, in turn; every other one is required."""


def widened(folder: Path, added: int) -> dict[str, Any]:
    """Copy contract, schemas and suites, with so many fields more; return the schema of those alone."""
    for name in ("contracts", "schemas", "suites"):
        shutil.copytree(ROOT / name, folder / name)
    path = folder / "schemas" / "refund-request.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    more = {f"field{number}": KINDS[number % len(KINDS)] for number in range(added)}
    required = [name for number, name in enumerate(more) if number % 2]
    schema["properties"] |= more
    schema["required"] += required
    path.write_text(json.dumps(schema), encoding="utf-8")
    return {"type": "object", "properties": more, "required": required}


def measure(folder: Path, added: int) -> None:
    """Run the profile on the wider schema in this process, and leave what it took in the folder."""
    schema = widened(folder, added)
    from refund_conformance.contract import data_files

    data_files.folder = lambda name: folder / name  # before any module takes it from there
    from refund_conformance.app.run_command import Choice, execute
    from refund_conformance.cases import all_cases, explorations
    from refund_conformance.cases.payloads.fields import formats
    from refund_conformance.contract import model as contracts
    from refund_conformance.mock.call import Call
    from refund_conformance.mock.checks import Checks
    from refund_conformance.sut import profile

    extra = Draft202012Validator(schema, format_checker=formats)
    contract = contracts.load()
    asked = {case.clause for case in all_cases(contract).values()} | explorations(contract).keys()
    lines = [
        f'\n[[clauses]]\nid = "{clause}"\nlevel = "must"\npromise = "A generated field."\nsource = "{__file__}"\n'
        for clause in sorted(asked - contract.clauses.keys())
    ]
    with (folder / "contracts" / "create-refund-request.toml").open("a", encoding="utf-8") as file:
        file.writelines(lines)
    contracts._shipped.cache_clear()
    usual = Checks.invalid_fields

    def invalid_fields(self: Checks, call: Call) -> tuple[str, ...]:
        return (*usual(self, call), *_invalid(extra, call.document))

    Checks.invalid_fields = invalid_fields  # type: ignore[method-assign]
    profile.PROFILES["ci"] = replace(profile.PROFILES["ci"], requests=10_000, orders=200)
    begun = time.perf_counter()
    status = execute(Choice(report=folder / "report"))
    seconds = time.perf_counter() - begun
    data = json.loads((folder / "report" / "conformance.json").read_text(encoding="utf-8"))
    row = {"status": status, "seconds": seconds, "requests": data["requests"], **data["orders"]}
    (folder / "row.json").write_text(json.dumps(row), encoding="utf-8")


def _invalid(validator: Draft202012Validator, document: dict[str, object]) -> list[str]:
    found = []
    for error in validator.iter_errors(document):
        if error.validator == "required":
            missing = set(error.validator_value) - document.keys()  # type: ignore[arg-type]
            found.append(next(name for name in sorted(missing) if repr(name) in error.message))
        else:
            found.append(str(error.absolute_path[0]))
    return list(dict.fromkeys(found))


def measured(added: int) -> dict[str, float]:
    """Return the medians of a few processes."""
    rows = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, __file__, folder, str(added)], check=True, capture_output=True)
            rows.append(json.loads((Path(folder) / "row.json").read_text(encoding="utf-8")))
    assert all(row["status"] == 0 for row in rows), rows
    return {name: statistics.median(row[name] for row in rows) for name in ("requests", "refundable", "seconds")}


def plot(rows: dict[int, dict[str, float]], what: str) -> list[str]:
    """Return a chart of one figure against the number of fields, in Mermaid."""
    values = [f"{row[what]:.1f}" for row in rows.values()]
    return [
        "```mermaid",
        "xychart-beta",
        f'  title "{what} against generated fields"',
        f"  x-axis [{', '.join(map(str, rows))}]",
        f'  y-axis "{what}"',
        f"  line [{', '.join(values)}]",
        "```",
    ]


def main() -> None:
    """Measure, and write the section; called for itself, take one measurement."""
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]), int(sys.argv[2]))
        return
    before, rows = setting("hypothesis", "pytest", "jsonschema"), {added: measured(added) for added in ADDED}
    least = rows[0]

    def per_field(added: int, what: str) -> str:
        return f"{(rows[added][what] - least[what]) / added:.2f}" if added else ""

    listed = [
        (
            added,
            f"{row['requests']:.0f}",
            per_field(added, "requests"),
            f"{row['refundable']:.0f}",
            f"{row['seconds']:.1f}",
            per_field(added, "seconds"),
        )
        for added, row in rows.items()
    ]
    told = (
        f"The ci profile, without its bounds, on request schemas with generated fields beside the document's two: "
        f"texts, integers, choices, addresses and booleans in turn, with their limits. Whole command, start and "
        f"pages included; medians of {ROUNDS} rounds. {before}"
    )
    head = ("fields added", "requests", "more for each", "orders", "seconds", "more for each")
    lines = ["## Growth", "", told, "", *table(head, listed), ""]
    lines += [*plot(rows, "requests"), "", *plot(rows, "seconds")]
    write("growth", [*lines, "", "`python bench/growth.py` measures this again."])


if __name__ == "__main__":
    main()
