"""`make test-again`: a file of tests again and again, if wanted with processors kept busy by something else."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

COUNTING = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"
"""Ends with whoever has started it, however that ends."""


@contextmanager
def busy(processors: int) -> Iterator[None]:
    """So many processes that do nothing but count."""
    counting = [subprocess.Popen([sys.executable, "-c", COUNTING]) for _ in range(processors)]
    try:
        yield
    finally:
        for process in counting:
            process.kill()
            process.wait()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--times", type=int, required=True)
    arguments.add_argument("--busy", type=int, required=True, help="processors that something else keeps busy")
    arguments.add_argument("files", nargs="+")
    chosen = arguments.parse_args()
    failed = []
    with busy(chosen.busy):
        for number in range(1, chosen.times + 1):
            started = time.monotonic()
            ran = subprocess.run([sys.executable, "-m", "pytest", *chosen.files], capture_output=True, text=True)
            said = "passed" if ran.returncode == 0 else f"failed\n{ran.stdout}{ran.stderr}"
            print(f"{number} of {chosen.times}, {time.monotonic() - started:.0f} s: {said}", flush=True)
            failed += [number] if ran.returncode else []
    print(f"{chosen.times - len(failed)} of {chosen.times} passed: {' '.join(chosen.files)}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
