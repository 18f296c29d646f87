"""What is wrong with an answer, and which clause it breaks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum


class Kind(StrEnum):
    """How an answer misses what is permitted. Failures are typed, so that none is taken for another."""

    ACCEPTED = "accepted"  # a request that must be refused was accepted
    REFUSED = "refused"  # a request that must be accepted was refused
    OTHER_ERROR = "other-error"  # refused, for a reason that is not the right one
    STATUS = "status"  # the right codes with the wrong status
    SHAPE = "shape"  # no error body where one is promised
    UNKNOWN_CODE = "unknown-code"  # a code that the document does not have
    MIXTURE = "mixture"  # codes together that must stand apart
    FIELDS = "fields"  # not one error for each invalid field
    UNNAMED = "unnamed"  # an error that does not name its field
    CRASH = "crash"  # a 5xx
    SILENCE = "silence"  # no whole answer
    EFFECT = "effect"  # a refused request that created a refund request
    UNSTEADY = "unsteady"  # different answers to the same request
    ADVICE = "advice"  # a should-clause that does not hold


@dataclass(frozen=True)
class Finding:
    """One thing wrong with one answer.

    ``clause`` is what really went wrong. ``also`` are clauses that the same answer leaves unproven; whether they
    are named too is decided over the whole run (see account). ``quoted`` is the part of ``actual`` that is the
    target's own text; all the rest is ours.
    """

    clause: str
    kind: Kind
    expected: str
    actual: str
    also: tuple[str, ...] = ()
    quoted: str = ""

    def cleaned(self, clean: Callable[[str], str]) -> "Finding":
        """Return the finding with what it quotes cleaned; our own words stay as they are."""
        if not self.quoted:
            return self
        before, _, after = self.actual.rpartition(self.quoted)
        quoted = clean(self.quoted)
        return replace(self, actual=f"{before}{quoted}{after}", quoted=quoted)
