"""Each import contract of pyproject.toml finds what it is there to find, and tests do not import one another."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
TOOL = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
PLANTED = {
    "services never import one another": ("services/dispatch/handlers.py", "import services.scoring.handlers"),
    "libs knows no service, a service not who runs it: what starts all, the operator's command, services, libs": (
        "libs/chassis/clock.py",
        "import services.scoring.settings",
    ),
    "libs: what commands need, then the chassis, then what is pure": (
        "libs/contracts/values.py",
        "import libs.chassis.clock",
    ),
    "the chassis: the running service, HTTP, batches and what they are given, NATS, the database": (
        "libs/chassis/db/ids.py",
        "import libs.chassis.handlers",
    ),
    "a domain knows no transport, database, clock or framework": (
        "services/notify/audience/domain.py",
        "import sqlalchemy",
    ),
    "the local street: commands, reconciliation, the morning, the system, servers and data": (
        "deploy/local/linghe/street.py",
        "import deploy.local.system",
    ),
    "dispatch: rooms from top to bottom": (
        "services/dispatch/orders/handlers.py",
        "import services.dispatch.inspections.inspecting",
    ),
    "dispatch: within a room": ("services/dispatch/approvals/tables.py", "import services.dispatch.approvals.api"),
    "incident: rooms from top to bottom": (
        "services/incident/cases/batch.py",
        "import services.incident.feedback.tables",
    ),
    "incident: within a room": ("services/incident/intake/tables.py", "import services.incident.intake.taking"),
    "scoring: rooms from top to bottom": ("services/scoring/rules/api.py", "import services.scoring.ledger.api"),
    "scoring: within a room": ("services/scoring/ledger/tables.py", "import services.scoring.ledger.api"),
    "notify: rooms from top to bottom": (
        "services/notify/wording/rendering.py",
        "import services.notify.recipients.vault",
    ),
    "notify: within a room": ("services/notify/deliveries/tables.py", "import services.notify.deliveries.senders"),
}
"""Of each contract by its name: a file, and an import that the contract forbids there."""

# The project is installed in place, here or in another checkout whose environment is used, and packages without
# __init__.py are looked for everywhere on the path.
LINT_THE_COPY = """
import sys
from pathlib import Path
sys.path = [".", *(p for p in sys.path if not (Path(p) / "services").is_dir())]
from importlinter.cli import lint_imports_command
lint_imports_command(["--verbose"])
"""

OF_ANOTHER_TEST = re.compile(r"^(?:from|import) tests\.\S*\b(?:test_\w+|conftest)\b", re.M)


def lint_imports(folder: Path) -> str:
    command = [sys.executable, "-c", LINT_THE_COPY]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env={"COLUMNS": "300"})
    return ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for package in TOOL["root_packages"]:
        shutil.copytree(PROJECT / package, folder / package)
    shutil.copy(PROJECT / "pyproject.toml", folder)
    return folder


def test_each_contract_has_its_planted_violation() -> None:
    assert sorted(PLANTED) == sorted(contract["name"] for contract in TOOL["contracts"])


def test_all_contracts_are_kept(copy: Path) -> None:
    assert f"Contracts: {len(PLANTED)} kept, 0 broken." in lint_imports(copy)


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_violation_breaks_its_contract(copy: Path, contract: str) -> None:
    path, line = PLANTED[contract]
    before = (copy / path).read_text(encoding="utf-8")
    (copy / path).write_text(f"{before}\n{line}\n", encoding="utf-8")
    try:
        said = lint_imports(copy)
    finally:
        (copy / path).write_text(before, encoding="utf-8")
    assert f"{contract} BROKEN" in " ".join(said.split()), said


def test_no_test_file_imports_another() -> None:
    """What several of them use is in tests/support, and fixtures in conftest.py."""
    files = {path: path.read_text(encoding="utf-8") for path in (PROJECT / "tests").rglob("*.py")}
    assert OF_ANOTHER_TEST.search("from tests.service.test_dispatch_orders import act")
    assert {str(path): found[0] for path, said in files.items() if (found := OF_ANOTHER_TEST.search(said))} == {}
