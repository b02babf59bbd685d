"""Options that commands of several rooms have."""

from __future__ import annotations

import os
import re
from typing import Annotated

import typer

from libs.cli.running import WrongUse
from libs.sentences import Language

Tenant = Annotated[str, typer.Option(help="The street, by its 9-digit code.")]


OneSheet = Annotated[
    str | None, typer.Option("--sheet", help="The sheet of a workbook that is meant, where several might be.")
]


def language() -> Language:
    """That of the operator's terminal: Chinese where its locale is, else English."""
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return Language.ZH if locale.startswith("zh") else Language.EN


def check_tenant(tenant: str) -> None:
    """Raises WrongUse for what is no street's code."""
    if not re.fullmatch(r"[0-9]{9}", tenant):
        raise WrongUse(f"--tenant {tenant}: a street has 9 digits, such as 370784004.")
