"""Why a case is untested. From this follows whether a run is partial or incomplete."""

from enum import StrEnum


class Because(StrEnum):
    """The reason why a case was not tested."""

    SETTINGS = "settings"  # the settings do not provide what it needs
    CHOICE = "choice"  # whoever started the run, or bounded it in the settings, left it out
    TARGET = "target"  # the target's own lawful way leaves nothing to learn from it
    BUDGET = "budget"  # the run's requests, orders or time did not suffice
    SUPPLY = "supply"  # what the settings provide was used up before, or has expired


PARTIAL = frozenset({Because.SETTINGS, Because.CHOICE, Because.TARGET})
"""The reasons that make a run partial; any other makes it incomplete."""
