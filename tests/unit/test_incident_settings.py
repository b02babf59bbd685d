"""The incident service does not start with a key that it could not seal with."""

import pytest
from pydantic import ValidationError

from libs import sealing
from services.incident.settings import Settings


def test_only_a_public_key_is_taken_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANGGE_INCIDENT_DATABASE_URL", "postgresql://127.0.0.1/incident")
    monkeypatch.setenv("WANGGE_NOTIFY_PUBLIC_KEY", sealing.new_key_pair()[1])
    assert Settings().database_url.endswith("/incident")
    for unfit in ("", "c2hvcnQ=", "no base 64"):
        monkeypatch.setenv("WANGGE_NOTIFY_PUBLIC_KEY", unfit)
        with pytest.raises(ValidationError, match="32 bytes"):
            Settings()
