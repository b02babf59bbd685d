"""The DDL of the chassis' own tables. The first migration of each service runs it, so it must not change afterwards."""

from __future__ import annotations

from alembic import op

STEP_1 = """
CREATE TABLE inbox (
    message_id uuid PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inbox_received_at ON inbox (received_at);

CREATE TABLE outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition smallint NOT NULL CHECK (partition BETWEEN 0 AND 15),
    message_id uuid NOT NULL,
    subject text NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    sequence bigint,
    replays smallint NOT NULL DEFAULT 0
);
CREATE INDEX outbox_unsent ON outbox (position) WHERE sent_at IS NULL;
CREATE INDEX outbox_sequence ON outbox (sequence) WHERE sequence IS NOT NULL;

CREATE TABLE stream_seen (
    stream text PRIMARY KEY,
    created_at timestamptz NOT NULL,
    first_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    handled jsonb NOT NULL
);

CREATE TABLE stream_losses (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    after_sequence bigint NOT NULL,
    until_sequence bigint NOT NULL,
    expected bigint NOT NULL,
    noticed_at timestamptz NOT NULL DEFAULT now(),
    made_good_at timestamptz
);

CREATE TABLE timers (
    name text,
    key text,
    due_at timestamptz NOT NULL,
    body jsonb NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (name, key)
);
CREATE INDEX timers_due ON timers (name, due_at);

CREATE TABLE retries (
    id uuid PRIMARY KEY,
    subject text NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    attempts smallint NOT NULL,
    reason text NOT NULL,
    due_at timestamptz,
    parked_at timestamptz,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((due_at IS NULL) <> (parked_at IS NULL))
);
CREATE INDEX retries_due_at ON retries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX retries_parked_at ON retries (parked_at) WHERE parked_at IS NOT NULL;
"""


def run(script: str) -> None:
    """Run SQL statements one by one: asyncpg takes only one at a time."""
    for statement in script.split(";"):
        if statement.strip():
            op.execute(statement)


def step_1() -> None:
    run(STEP_1)
