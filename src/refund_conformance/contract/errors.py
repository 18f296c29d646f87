"""The errors a person can cause, each with what is wrong, why, and what to do."""


class SuiteError(Exception):
    """A condition that ends a command with one message and no traceback.

    ``what`` names the thing, ``why`` the reason, ``remedy`` what the person can do.
    ``exit_status`` is the command's exit status: 2 for usage and settings, 3 for an incomplete run.
    """

    exit_status = 2

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(what, why, remedy)
        self.what = what
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}: {self.why}. {self.remedy}"


class ContractError(SuiteError):
    """A contract or schema file that cannot be read or does not hold together."""


class SettingsError(SuiteError):
    """Target settings that are missing, unknown or of the wrong form."""


class UsageError(SuiteError):
    """A command line that names something that does not exist."""


class RunError(SuiteError):
    """A report directory or its events that cannot be used."""


class TargetError(SuiteError):
    """A target that cannot be judged: unreachable, refusing our own token, or gone midway."""

    exit_status = 3
