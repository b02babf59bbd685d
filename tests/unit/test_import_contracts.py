"""The import contracts of pyproject.toml find what they are there to find, and tests do not import one another."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PLANTED = {
    "services/dispatch/handlers.py": "import services.scoring.handlers",
    "libs/contracts/words.py": "import libs.chassis.clock",
    "services/incident/tables/rows.py": "import services.incident.api",
    "services/notify/domain/audience.py": "import sqlalchemy",
    "deploy/local/linghe/street.py": "import deploy.local.system",
}


# The project is installed in place, here or in another checkout whose environment is used, and packages without
# __init__.py are looked for everywhere on the path.
LINT_THE_COPY = """
import sys
from pathlib import Path
sys.path = [".", *(p for p in sys.path if not (Path(p) / "services").is_dir())]
from importlinter.cli import lint_imports_command
lint_imports_command(["--no-cache"])
"""


OF_ANOTHER_TEST = re.compile(r"^(?:from|import) tests\.\S*\b(?:test_\w+|conftest)\b", re.M)


def lint_imports(folder: Path) -> str:
    command = [sys.executable, "-c", LINT_THE_COPY]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ran.stdout


def test_each_contract_is_broken_by_a_planted_violation(tmp_path: Path) -> None:
    for part in ("libs", "services", "deploy", "pyproject.toml"):
        if (PROJECT / part).is_dir():
            shutil.copytree(PROJECT / part, tmp_path / part)
        else:
            shutil.copy(PROJECT / part, tmp_path / part)
    for path, line in PLANTED.items():
        with (tmp_path / path).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    said = lint_imports(tmp_path)
    assert "Contracts: 0 kept, 5 broken." in said, said


def test_no_test_file_imports_another() -> None:
    """What several of them use is in tests/support, and fixtures in conftest.py."""
    files = {path: path.read_text(encoding="utf-8") for path in (PROJECT / "tests").rglob("*.py")}
    assert OF_ANOTHER_TEST.search("from tests.service.test_dispatch_orders import act")
    assert {str(path): found[0] for path, said in files.items() if (found := OF_ANOTHER_TEST.search(said))} == {}
