"""Tell a cause in words: a sentence that a person would use, what shows it, what it is like, and where to look."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from refund_conformance.cases.case import Case
from refund_conformance.cases.probes import Probe, probes
from refund_conformance.contract import documents
from refund_conformance.contract.data_files import folder
from refund_conformance.contract.errors import ContractError
from refund_conformance.contract.model import Contract
from refund_conformance.oracle.permitted import FIELD_ERROR
from refund_conformance.report.boundaries import USUAL, Boundary, boundary
from refund_conformance.report.escaping import plain
from refund_conformance.report.likeness import Likeness
from refund_conformance.report.violations import Violation

FILE = "causes.toml"

Event = Mapping[str, Any]

NEAR = 0.9
"""Nearness from which on a known fault's title is the cause's, if no other fault is as near."""

SHOWING = 3
"""Failing cases that it takes to tell a known fault by: fewer show themselves, and not why."""

APART = 0.05
"""Difference of nearness by which one fault must be nearer than the next."""

MENTIONED = 0.5
"""Nearness from which on a known fault is mentioned."""

MENTIONS = 3
"""Known faults that are mentioned at most."""

SLUGS = 3
"""Cases that a title names at most."""

RULE_SHOWN = 40
"""Characters of what an error body breaks that are shown whole; of more, only the rule is, without what came."""

_EXPECTED = 120


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """Return the sentences' parts, from contracts/causes.toml."""
    return documents.read_toml(folder("contracts") / FILE, ContractError)


@cache
def titles() -> tuple[tuple[str, str], ...]:
    """Return the titles of known faults by name."""
    return tuple(texts()["titles"].items())


@dataclass(frozen=True)
class Words:
    """What is known of a cause, and how it is told.

    ``lead`` is the clause that it is told by, and ``violations`` what was counted against that. ``failing`` are
    all failing cases that belong to it. ``trait`` is what the failing requests have in common, "" if nothing.
    """

    contract: Contract
    known: Mapping[str, Case]
    sent: Sequence[Event]
    clauses: Sequence[str]
    lead: str
    violations: Sequence[Violation]
    failing: Sequence[Event]
    trait: str
    near: Sequence[Likeness]

    @property
    def title(self) -> str:
        """The sentence."""
        if self._features:
            field = self.lead.partition(".")[0]
            return f"{_article(field)} {field} with {_listed(self._features)} is refused"
        if known := self._known:
            return known.signature.title
        sentence = plain(self._sentence, 300)
        if self._is_intermittent and self._main.finding["kind"] != "unsteady":
            return f"Now and then {sentence[0].lower()}{sentence[1:]}"
        return sentence

    @property
    def _sentence(self) -> str:
        """What is seen, without a known fault."""
        if self._counted:
            return self._counted.sentence
        kind, every = self._main.finding["kind"], self.contract.clauses[self.lead].every_answer
        if kind == "crash" and every and not self.trait:
            return "The server fails with 5xx on requests of several kinds"
        if self.lead == "errors.status" and kind == "status" and self._statuses:
            return self._statuses
        return f"{self._subject} {self._predicate}"

    @property
    def _is_intermittent(self) -> bool:
        """Whether the same requests were answered rightly at other times."""
        return any(finding["kind"] == "unsteady" for case in self.failing for finding in case["findings"])

    @cached_property
    def _statuses(self) -> str:
        """What is wrong with the status of errors whose codes are right; "" if they have no known codes."""
        came = {text.partition(" with ") for v in self.violations if (text := v.finding["actual"])}
        codes = {
            int(code) for _, _, told in came for code in re.findall(r"\d+", told)
        } & self.contract.errors.keys()
        wrong, right = (
            {status for status, _, _ in came},
            {str(self.contract.errors[code].status) for code in codes},
        )
        if not codes or len(wrong) > 1:
            return ""
        errors = f"Code {codes.pop()} is" if len(codes) == 1 else "Errors are"
        return f"{errors} answered with status {wrong.pop()} instead of {' or '.join(sorted(right - wrong))}"

    @cached_property
    def _known(self) -> Likeness | None:
        """The one known fault that fails like this; None if there is none, or there are several."""
        if not self.near or self.near[0].nearness < NEAR or len(self.failing) < SHOWING:
            return None
        first = self.near[0]
        rivals = [one for one in self.near[1:] if one.nearness > first.nearness - APART]
        return None if any(one.signature.title != first.signature.title for one in rivals) else first

    @property
    def explanation(self) -> str:
        """What shows it, what it is like, and where to look."""
        finding = self._main.finding
        count = len(self.failing) or len(self.violations)
        expected = plain(finding["expected"], _EXPECTED)
        told = [
            f"{count} case{' fails' if count == 1 else 's fail'}: "
            f"expected {expected}; got {plain(finding['actual'], _EXPECTED)}."
        ]
        if self._features:
            failed = {violation.case["case"] for violation in self.violations}
            held = [probe.feature for probe in self._probes if probe.case.id not in failed]
            told.append(f"{len(self._probes)} further requests decided it: those with {_listed(held)} pass.")
        if self._counted and self._counted.others:
            told.append(f"Counting in {' or in '.join(self._counted.others)} explains it as well.")
        if likely := [one for one in self.near[:MENTIONS] if one.nearness >= MENTIONED]:
            best = likely[0].nearness
            like = [one.signature for one in likely if one.nearness > best - APART]
            names = " or ".join(f"`{one.name}`" for one in like)
            told.append(f"It fails like {names} ({best:.0%}): {' Or: '.join(one.story for one in like)}")
        area = self.lead.partition(".")[0]
        if place := texts()["places"].get(area):
            told.append(f"Look at {place}.")
        return " ".join(told)

    @property
    def confidence(self) -> float:
        """How sure the title is, from 0 to 1."""
        if self._features:
            return 0.95
        if self._known:
            return round(min(self._known.nearness, 0.99), 2)
        if self._counted:
            return 0.6 if self._counted.others else 0.75
        return round(0.4 + 0.4 * self._uniformity, 2)

    @cached_property
    def _probes(self) -> tuple[Probe, ...]:
        """The probes that were sent to find out which feature of a value it is."""
        sent = {event["case"] for event in self.sent if event["tries"]}
        return tuple(probe for probe in probes(self.contract).get(self.lead, ()) if probe.case.id in sent)

    @cached_property
    def _features(self) -> tuple[str, ...]:
        """The features of values that are refused, where others are not; () where no probe tells."""
        failed = {violation.case["case"] for violation in self.violations}
        refused = [probe for probe in self._probes if probe.case.id in failed]
        if len(refused) > len(self._probes) // 2:
            return ()
        features = {probe.feature for probe in refused}
        return tuple(probe.feature for probe in refused if probe.wider not in features)

    @cached_property
    def _counted(self) -> Boundary | None:
        """How the length is counted, unless a rarer way of counting is one explanation of several."""
        found = self._boundary
        rivals = sum(one.nearness >= NEAR for one in self.near)
        return None if found and found.unit not in USUAL and (found.others or rivals > 1) else found

    @cached_property
    def _boundary(self) -> Boundary | None:
        """How the length of a field is counted, if that is what this is about."""
        area, _, way = self.lead.partition(".")
        if area not in self.contract.fields or way not in ("max-length", "unicode"):
            return None
        if {v.finding["kind"] for v in self.violations} & {"crash", "silence", "shape"}:
            return None
        return boundary(self.contract, area, self.known, self.sent)

    @cached_property
    def _main(self) -> Violation:
        """The violation of the commonest kind, of a case of the clause itself if there is one."""
        own = [v for v in self.violations if v.case["clause"] == self.lead] or self.violations
        kinds = Counter((v.finding["kind"], v.finding["actual"]) for v in own)
        commonest = kinds.most_common(1)[0][0]
        return next(v for v in own if (v.finding["kind"], v.finding["actual"]) == commonest)

    @property
    def _uniformity(self) -> float:
        kinds = Counter(_manner(violation) for violation in self.violations)
        return kinds.most_common(1)[0][1] / len(self.violations)

    # -- the subject -------------------------------------------------------------------------------

    @property
    def _subject(self) -> str:
        if self._main.finding["kind"] == "effect":
            return self._cause_of_effect
        if self._main.finding["kind"] == "shape" and len(self.clauses) > 1:
            return self._answers
        if self._main.finding["kind"] == "unsteady":
            return "The same request"
        if self.trait:
            return f"A request with {self.trait}"
        clause = self.contract.clauses[self.lead]
        if clause.every_answer:
            return self._answers
        areas = {one.partition(".")[0] for one in self.clauses if not self.contract.clauses[one].every_answer}
        told = [one for one in self.clauses if one in texts()["subjects"]]
        if len(told) > 2 and len(areas) == 1 and clause.area in texts()["areas"]:
            return texts()["areas"][clause.area]
        titles = {v.case["title"] for v in self.violations}
        match = re.match(r"([^(]+?),? is (?:refused|accepted|not found)", min(titles))
        if len(titles) == 1 and match and self._which:
            return match[1]
        of_kind = texts().get(self._main.finding["kind"], {})
        subject = of_kind.get(self.lead) or texts()["subjects"].get(self.lead, f"What {self.lead} is about")
        return f"{subject}{self._which}"

    @property
    def _cause_of_effect(self) -> str:
        """What the refused requests are called after which an order was not refundable any more."""
        after = {
            match[1]
            for v in self.violations
            if (match := re.search(r" after .*?([a-z0-9-]+\.[a-z0-9-]+)/", v.finding["actual"]))
        }
        areas = {clause.partition(".")[0] for clause in after}
        subjects, wholes = texts()["subjects"], texts()["areas"]
        if len(after) == 1:
            return subjects.get(after.pop(), subjects.get(self.lead, "A request"))
        return wholes.get(areas.pop(), "A request") if len(areas) == 1 else subjects.get(self.lead, "A request")

    @property
    def _answers(self) -> str:
        """What the answers are called that break a promise about every one of them."""
        statuses = {match[1] for v in self.violations if (match := re.match(r"(\d{3}) ", v.finding["actual"]))}
        if len(statuses) == 1:
            return f"A {statuses.pop()} answer"
        return "An error answer" if self.lead.startswith("errors.") else "An answer"

    @property
    def _which(self) -> str:
        """Return which cases of the clause fail, if it is not all of them."""
        own = [v.case["case"] for v in self.violations if v.case["clause"] == self.lead]
        slugs = list(dict.fromkeys(one.partition("/")[2] for one in own))
        sent = {case["case"] for case in self.sent if case["clause"] == self.lead and case["tries"]}
        if not slugs or (len(sent) > 1 and len(set(own)) == len(sent)) or len(sent) <= 1:
            return ""
        more = f" and {len(slugs) - SLUGS} more" if len(slugs) > SLUGS else ""
        return f" ({', '.join(slugs[:SLUGS])}{more})"

    # -- the predicate -----------------------------------------------------------------------------

    @property
    def _predicate(self) -> str:
        finding = self._main.finding
        actual, expected = finding["actual"], self._expected
        status = actual.partition(" ")[0]
        if finding["kind"] == "other-error" and self._yes in str(finding["expected"]):
            return f"is refused ({actual})"
        forms = {
            "accepted": "is accepted",
            "refused": f"is refused ({actual})",
            "other-error": self._other_error,
            "status": f"is answered {actual} instead of {expected}",
            "shape": self._misshapen,
            "unknown-code": f"has an error code that the document does not have ({actual})",
            "mixture": f"reports codes together that must stand alone ({actual})",
            "fields": f"does not get exactly one error for each invalid field (got {actual})",
            "unnamed": "gets a message that does not name the field",
            "crash": f"makes the server fail with {status}",
            "silence": f"is redirected ({status})" if status[:1] == "3" else f"gets no usable answer ({actual})",
            "effect": "creates a refund request though it is refused",
            "unsteady": f"is not answered the same each time ({actual})",
            "advice": f"is answered {actual} instead of {expected}",
        }
        return forms.get(finding["kind"], f"is answered {actual}")

    @property
    def _misshapen(self) -> str:
        """What is wrong with the form of an error body."""
        reason = self._main.finding["actual"].partition("; ")[2]
        if reason.endswith("it is empty"):
            return "has no error body"
        if not reason or reason.startswith("the body is not JSON"):
            return "has no error body in JSON"
        where, _, told = reason.partition(": ")
        rule = told if len(told) <= RULE_SHOWN else f"it{told[told.rfind(' is ') :]}"
        return f"has an error body of another form than documented ({where}: {rule})"

    @property
    def _yes(self) -> str:
        return f"{self.contract.operation.success_status} without errors"

    @property
    def _other_error(self) -> str:
        """What became of a request that was refused for another reason than the right one."""
        actual, whole = self._main.finding["actual"], self._which == ""
        field = self.contract.outcomes[FIELD_ERROR].errors
        if self.lead.startswith(("json.", "content-type.")) and f" with {field}" in actual and not whole:
            return f"passes unnoticed (answered {actual} instead of {self._expected})"
        return f"is answered {actual} instead of {self._expected}"

    @property
    def _expected(self) -> str:
        return str(self._main.finding["expected"]).rpartition(": ")[2].removesuffix(" alone")


def _manner(violation: Violation) -> tuple[str, str]:
    """Return how a finding misses what is permitted: what came, without what its text quotes."""
    kind, actual = violation.finding["kind"], str(violation.finding["actual"])
    if kind == "shape":
        return kind, actual.rpartition(" is ")[2]
    return kind, actual.partition(" ")[0] if kind == "status" else actual


def _article(noun: str) -> str:
    return "An" if noun[:1] in "aeiou" else "A"


def _listed(words: Sequence[str]) -> str:
    return " or ".join(words)
