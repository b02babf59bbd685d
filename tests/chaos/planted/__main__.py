"""A real service with a bug, which can be another from one moment to the next.

`python -m tests.chaos.planted <service> <file>`: the file names the bug, and nothing in it is none. When the service
has it, it writes the name into a file beside it.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from tests.chaos.planted import catalogue
from tests.chaos.planted.bugs import Patches
from wangge.serving import serve

LOOK_SECONDS = 0.02


def has_it(file: Path, service: str) -> Path:
    """The file into which a service writes which bug it has."""
    return file.with_name(f"{file.name}.{service}")


def follow(service: str, file: Path) -> None:
    patches, now = Patches(), None
    while True:
        wanted = file.read_text() if file.exists() else ""
        if wanted != now:
            patches.take_out()
            planted = catalogue.BUGS.get(wanted)
            if planted is not None and planted.service == service:
                planted.plant(patches)
            now = wanted
            has_it(file, service).write_text(wanted)
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    name, bug_file = sys.argv[1], Path(sys.argv[2])
    threading.Thread(target=follow, args=(name, bug_file), daemon=True).start()
    serve(name)
