"""`python -m deploy.local run` and `demo`. A signal that comes while their modules are read ends them at once."""

from __future__ import annotations

import importlib
import sys

from deploy.local.ending import at_once, run_command, taken

WHEN_INTERRUPTED = {"run": 0, "demo": 130}


def main() -> int:
    name = sys.argv[1]
    # Some packages take a KeyboardInterrupt while they are read for a failure of their own.
    with taken(at_once(WHEN_INTERRUPTED[name])):
        module = importlib.import_module(f"deploy.local.{name}")
    return run_command(module.main, WHEN_INTERRUPTED[name])


if __name__ == "__main__":
    sys.exit(main())
