"""A gate that lets so many requests be in flight at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Gate:
    """Lets ``width`` in at once, those that someone waits for before those that are sent ahead of their turn."""

    def __init__(self, width: int) -> None:
        self._free = width
        self._urgent = 0
        self._changed = Condition()

    @contextmanager
    def passing(self, *, urgent: bool) -> Iterator[None]:
        """Wait until there is room, and take it meanwhile."""
        with self._changed:
            self._urgent += urgent
            self._changed.wait_for(lambda: self._free and (urgent or not self._urgent))
            self._urgent -= urgent
            self._free -= 1
            self._changed.notify_all()  # there may still be room for one that let this one pass first
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()
