"""The demonstration street as routing sees it, from the files that it is imported from."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.local import street
from services.dispatch import proposed, roster_checks, roster_files
from services.dispatch.domain.street import Street

TENANT = "370784004"


@cache
def linghe() -> Street:
    with TemporaryDirectory() as folder:
        street.write(street.build(), Path(folder))
        return proposed.street_of(roster_checks.roster(roster_files.read(Path(folder)), TENANT, b""))
