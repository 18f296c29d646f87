"""Not a speed: what mutmut made of oracle, judge and payloads, as a page.

`mutmut run` tries the tests on changed copies of these modules (a quarter of an hour on two processors; under
`ulimit -v 6000000`, for some mutants never stop filling memory), and `python bench/mutants.py` then writes counts
and survivors into docs/mutation.md.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import libcst
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import read_mutant_function, read_mutants_module, read_original_function
from section import DOCS, table

PACKAGE = Path("src/refund_conformance")
MODULES = ("oracle.py", "judge.py", "payloads/*.py")
SURVIVED, UNTESTED = 0, 33
"""Exit codes of mutmut: the tests passed, or there were none."""

SAME_KIND = "another value of the same kind, which is as good"
REASONS = (
    ("", r"ensure_ascii=None|allow_\w+=None", "None is as false here"),
    ("", r"strict=(None|False)|strict=True, \)|answers, \)", "both sides have the same length"),
    ("_by_type|breaking|^valid|_repeated", "", "Hypothesis draws other values of the same kind"),
    (
        "damaged",
        r"integers|text\[at \+ 2",
        "places beyond the ends change nothing, or leave what is no JSON either",
    ),
    ("damaged", r"stray = ", "other characters, or more of them, are as stray"),
    ("over_limit", r"just", "no script's text begins or ends blank, so that nothing is left to be filled up"),
    ("_over_32_bits", r"<= 2\*\*32|3\*\*32|2\*\*33", "either number to be added leaves the lowest 32 bits alone"),
    ("badly_encoded", r"@@", "the mark stands there once, from whichever side it is looked for"),
    ("email|at_limit", "", "another address or text of the same length, as well formed"),
    ("_unlisted", r"default", "no field whose choices are neither texts nor numbers has payloads"),
    ("_value_breaks", r"minLength", "no text among them is shorter than one character"),
    ("invalid_fields", r"repr\(name\)", "jsonschema names one missing field in each error"),
    ("forgeries", r"41024448|2401", SAME_KIND),
    ("forgeries", r"RS256", "what has no key of ours is signed by RS256, and says so"),
    ("_opaque_forgeries", r'"b"', "another letter, which the token does not have there either"),
    ("_decoded", r"\+len", "Python takes more padding than is needed"),
    ("malformed_ids", r"isdecimal", "the order ids of these tests are numbers"),
    ("_in_script", r"range\(11\)", "one digit more than there are"),
    ("_in_script", r"XX1XX", SAME_KIND),
    ("_wrong_fields", r"key=", "of two such sets one holds the other, and is greater by itself"),
    ("", r"ContractError|assert findings|an error body as", "the words of a message"),
    ("_refuse_unknown", r"known = ", "the words of a message"),
    ("_general", r"\[:8", "one letter more or less of what is told"),
    ("_wordings", r"code or|continue", "what is permitted has documented codes and messages alone"),
    ("_wordings", r"partition", "the place for the field stands there once"),
    ("_wordings", r"if place", "no documented message with a place goes on after it"),
    ("_diagnose", r"30[01]", "what has a status of 300 was told before"),
    ("_touched", r"XXXX", "what a route or an order answers concerns no field"),
    ("_ordinary_text", r"minLength", "the text is longer than one character anyway"),
    ("ordinary", r"\[\+1\]", "there are two of each, so that the second is the last"),
    ("^text$", r"\+ 2", "what is too long is cut"),
    ("refund_path", r"safe=", "a letter is never quoted"),
)
"""Why a survivor changes nothing that is promised, by its function and by what its changed lines hold."""


@dataclass(frozen=True)
class Survivor:
    """A mutant that no test noticed: its function, and the lines before and after."""

    function: str
    before: str
    after: str

    @property
    def reason(self) -> str:
        """Why the change is none, as far as it was looked into."""
        if self.before.lower() == self.after.lower() and re.search(r"encode|decode", self.before):
            return "the same codec, written in other letters"
        told = f"{self.before}\n{self.after}"
        fitting = (why for name, line, why in REASONS if re.search(name, self.function) and re.search(line, told))
        return next(fitting, "not looked into")


@cache
def mutated(path: str) -> libcst.Module:
    """Return a module with all of its mutants."""
    return read_mutants_module(path)


def survivor(path: str, mutant: str) -> Survivor:
    """Return a mutant as what it changes."""
    texts = [
        libcst.Module([read(mutated(path), mutant)]).code.splitlines()
        for read in (read_original_function, read_mutant_function)
    ]
    lines = list(difflib.unified_diff(*texts, lineterm="", n=0))[2:]
    before, after = (" ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
    function = mutant.rpartition("__mutmut_")[0].rpartition(".")[2]
    return Survivor(function.rpartition("ǁ")[2].removeprefix("x_"), before, after)


def outcomes() -> Iterator[tuple[str, dict[str, int]]]:
    """Yield each module with the exit codes of its mutants."""
    for pattern in MODULES:
        for path in sorted(PACKAGE.glob(pattern)):
            data = SourceFileMutationData(path=str(path))
            data.load()
            if data.exit_code_by_key:
                yield str(path), data.exit_code_by_key


def main() -> None:
    """Write the page."""
    rows: list[tuple[object, ...]] = []
    lines: list[str] = []
    total = killed = 0
    for path, codes in outcomes():
        left = [survivor(path, name) for name, code in codes.items() if code in (SURVIVED, UNTESTED, None)]
        total, killed = total + len(codes), killed + len(codes) - len(left)
        share = 100 * (len(codes) - len(left)) / len(codes)
        rows.append((f"`{Path(path).relative_to(PACKAGE)}`", len(codes), len(codes) - len(left), f"{share:.1f} %"))
        lines += ["", f"## {Path(path).stem}", ""] if left else []
        lines += [f"- `{one.function}`: `` {one.before} `` became `` {one.after} ``: {one.reason}" for one in left]
    rows.append(("all", total, killed, f"{100 * killed / total:.1f} %"))
    head = [
        "# The judge, tried on mutants of itself",
        "",
        f"Generated by `python bench/mutants.py` on {datetime.now(UTC).date().isoformat()} from what "
        f"`mutmut run` found (mutmut {version('mutmut')}). Do not edit.",
        "",
        *table(("module", "mutants", "killed", ""), rows),
        "",
        "What survived is below: the line, what it became, and why that changes nothing that is promised. Where",
        "it says that it was not looked into, a test may be missing.",
    ]
    (DOCS / "mutation.md").write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
