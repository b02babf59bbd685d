"""How often Python looks for garbage that reference counts do not find."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 20_000
"""A batch of 200 messages makes more than the 700 objects after which Python looks by default, and drops nearly all of
them by itself: collections took 15 % of a consumer's time and found nothing."""


def look_seldom() -> None:
    """To be called when everything is imported: that lives as long as the process and is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 100)
