"""A bench as a process of its own, once and not three times."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from deploy.local.system import ROOT


def measured(module: str, *more: str) -> list[dict[str, Any]]:
    # Not pytest's own folder: another session of pytest that root begins closes it to PostgreSQL.
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "bench"
        command = [sys.executable, "-m", module, "--folder", str(folder), "--repetitions", "1", *more]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-5_000:]
        found: list[dict[str, Any]] = json.loads((folder / "result.json").read_text(encoding="utf-8"))["figures"]
    return found
