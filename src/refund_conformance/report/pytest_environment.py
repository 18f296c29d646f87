"""The environment variables by which pytest takes options, and plugins, from whoever has set them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

PREFIX = "PYTEST_"


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep what a person, or a project around, has set for pytest out of a run of it that is ours."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(PREFIX)}
    try:
        yield
    finally:
        os.environ.update(kept)
