"""Settings of Python's garbage collector, which finds what reference counts do not."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 20_000
"""New objects after which a collection runs. Python's default is 700. A batch of 200 messages makes more, and reference
counts free nearly all of them: collections took 15 % of a consumer's time and found nothing."""


def wait_for_imports() -> None:
    """Call it before them: they make hundreds of thousands of objects that stay, and no garbage worth looking for."""
    gc.disable()


def look_seldom() -> None:
    """Call it once after all imports: imported objects are frozen, and later collections skip them."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 100)
