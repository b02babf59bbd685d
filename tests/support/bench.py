"""A bench as a process of its own, at a size at which its figures say nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from deploy.local.local_street import ROOT

SIZE = "100"


def measured(module: str, folder: Path, *more: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", module, "--folder", str(folder), "--repetitions", "1", "--size", SIZE, *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5_000:]
    found: list[dict[str, Any]] = json.loads((folder / "result.json").read_text(encoding="utf-8"))["figures"]
    return found
