"""One sending of a case, judged; or the fact that nothing is known of it, which no check can overlook."""

from dataclasses import dataclass

from refund_conformance.oracle.error_body import Reading
from refund_conformance.oracle.finding import Finding, Kind
from refund_conformance.oracle.permitted import Permitted
from refund_conformance.transport.exchange import Exchange


class UndecidedError(Exception):
    """A check asked what an exchange shows that reports nothing about the contract.

    ``reason`` says what came instead of an answer, ``number`` is the exchange's in the record.
    """

    def __init__(self, reason: str, number: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.number = number


@dataclass(frozen=True)
class Judged:
    """What an exchange shows: the answer as read (None if none came), the findings, and the permitted answer."""

    reading: Reading | None
    findings: tuple[Finding, ...]
    matched: Permitted | None = None


@dataclass(frozen=True)
class Sent:
    """One sending of a case. ``shown`` is what it shows, or the reason why it shows nothing.

    ``before`` are the exchanges of earlier tries that got no answer, the latest first. All but ``decided`` and
    what is of the exchange itself raises UndecidedError if nothing is shown.
    """

    exchange: Exchange
    shown: Judged | str
    before: tuple[Exchange, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether the exchange shows something about the contract."""
        return not isinstance(self.shown, str)

    @property
    def number(self) -> int:
        """The number of the exchange in the record."""
        return self.exchange.number

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the exchanges of all tries, that which counts first."""
        return (self.number, *(exchange.number for exchange in self.before))

    @property
    def judged(self) -> Judged:
        """What the exchange shows."""
        if isinstance(self.shown, str):
            raise UndecidedError(self.shown, self.number)
        return self.shown

    @property
    def reading(self) -> Reading | None:
        """The answer as read; None if none came, several times."""
        return self.judged.reading

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with the answer."""
        return self.judged.findings

    @property
    def matched(self) -> Permitted | None:
        """The permitted answer that it is, if it is one."""
        return self.judged.matched

    @property
    def wrong(self) -> bool:
        """Whether the answer breaks a promise (advice does not)."""
        return any(finding.kind is not Kind.ADVICE for finding in self.findings)

    @property
    def accepted(self) -> bool:
        """Whether the target said that it accepted the request."""
        return self.reading is not None and 200 <= self.reading.status < 300 and not self.reading.reports_errors

    @property
    def codes(self) -> tuple[int, ...]:
        """The error codes of the answer."""
        return self.reading.codes if self.reading else ()
