"""Options that commands of several rooms have."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from libs.cli.running import WrongUse

Tenant = Annotated[str, typer.Option(help="The street, by its 9-digit code.")]


def check_tenant(tenant: str) -> None:
    """Raises WrongUse for what is no street's code."""
    if not re.fullmatch(r"[0-9]{9}", tenant):
        raise WrongUse(f"--tenant {tenant}: a street has 9 digits, such as 370784004.")
