"""The first `make` on a fresh machine: it says what it does and how far it is, and ends where something fails."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NO_ENVIRONMENT = ("PIP_", "VIRTUAL_ENV", "MAKE", "MFLAGS", "PYTHON")


def wheel(folder: Path, name: str) -> str:
    """Makes an empty package; the line of a lock that names it."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def first_make(folder: Path) -> subprocess.CompletedProcess[str]:
    """`make` of the environment, with the packages of that folder and no others."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(NO_ENVIRONMENT)}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}
    command = ["make", ".venv/.ready", f"PYTHON={sys.executable}"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_first_make_tells_its_steps_and_ends_where_one_fails(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    lock = tmp_path / "requirements-dev.lock"
    lines = [wheel(tmp_path, f"package{number}") for number in range(22)]

    lock.write_text("".join(lines) + "missing==1.0 --hash=sha256:" + 64 * "0" + "\n")
    stopped = first_make(tmp_path)
    assert stopped.returncode != 0
    assert "missing==1.0" in stopped.stderr
    assert "3 of 4" not in stopped.stdout

    lock.write_text("".join(lines))
    # What comes next needs the whole project, which is not here.
    told = first_make(tmp_path).stdout.splitlines()
    steps = [line[:6] for line in told if line[1:6] == " of 4"]
    assert steps == ["1 of 4", "2 of 4", "3 of 4"]
    assert [line.split()[:3] for line in told if "looked at" in line] == [["20", "of", "22"], ["22", "of", "22"]]
    assert not (tmp_path / ".venv" / ".ready").exists()
