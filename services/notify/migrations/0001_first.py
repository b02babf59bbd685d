"""Contacts under a key per person, wishes, who reported which case, notices and their deliveries."""

from libs.chassis.db import schema

revision = "notify_0001"
down_revision = None

TABLES = """
CREATE TABLE person_keys (
    tenant text NOT NULL CHECK (tenant ~ '^[0-9]{9}$'),
    recipient_id text NOT NULL CHECK (recipient_id ~ '^(member|reporter|org):[A-Za-z0-9_-]{1,36}$'),
    key bytea CHECK (octet_length(key) = 32),
    since timestamptz,
    erased_at timestamptz,
    PRIMARY KEY (tenant, recipient_id),
    CHECK ((key IS NULL) = (since IS NULL)),
    CHECK (key IS NOT NULL OR erased_at IS NOT NULL),
    CHECK (since > erased_at)
);

CREATE TABLE contacts (
    tenant text NOT NULL,
    recipient_id text NOT NULL,
    ciphertext bytea NOT NULL,
    channels jsonb NOT NULL CHECK (jsonb_typeof(channels) = 'array'),
    language text NOT NULL CHECK (language IN ('zh', 'en')),
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, recipient_id),
    FOREIGN KEY (tenant, recipient_id) REFERENCES person_keys
);

CREATE TABLE recipients (
    tenant text NOT NULL,
    recipient_id text NOT NULL CHECK (recipient_id ~ '^(member|org):'),
    PRIMARY KEY (tenant, recipient_id)
);

CREATE TABLE preferences (
    tenant text NOT NULL CHECK (tenant ~ '^[0-9]{9}$'),
    recipient_id text NOT NULL CHECK (recipient_id ~ '^(member|reporter|org):[A-Za-z0-9_-]{1,36}$'),
    wishes jsonb NOT NULL CHECK (jsonb_typeof(wishes) = 'object'),
    language text CHECK (language IN ('zh', 'en')),
    PRIMARY KEY (tenant, recipient_id)
);

CREATE TABLE cases (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    case_no text NOT NULL,
    recipient_id text CHECK (recipient_id LIKE 'reporter:%'),
    tracking bytea,
    reported_at timestamptz NOT NULL,
    follows uuid,
    follows_since timestamptz,
    follower_of uuid,
    PRIMARY KEY (tenant, case_id),
    CHECK (tracking IS NULL OR recipient_id IS NOT NULL),
    CHECK (follows IS NULL OR follows_since IS NOT NULL)
);
CREATE INDEX cases_follower_of ON cases (tenant, follower_of) WHERE follower_of IS NOT NULL;
CREATE INDEX cases_follows ON cases (tenant, follows) WHERE follows IS NOT NULL;

CREATE TABLE notices (
    tenant text NOT NULL,
    event_id uuid NOT NULL,
    template text NOT NULL,
    parameters jsonb NOT NULL,
    case_id uuid,
    correlation_id uuid NOT NULL,
    traceparent text,
    occurred_at timestamptz NOT NULL,
    queued_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, event_id)
);
CREATE INDEX notices_of_case ON notices (tenant, case_id) WHERE case_id IS NOT NULL;

CREATE TABLE deliveries (
    delivery_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    event_id uuid NOT NULL,
    recipient_id text NOT NULL,
    channel text NOT NULL CHECK (channel ~ '^[a-z][a-z_]*$'),
    state text NOT NULL CHECK (state IN ('queued', 'sending', 'delivered', 'failed', 'suppressed')),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at timestamptz,
    reason text,
    first_attempt_at timestamptz,
    ended_at timestamptz,
    read_at timestamptz,
    UNIQUE (tenant, event_id, recipient_id, channel),
    CHECK ((state IN ('queued', 'sending')) = (due_at IS NOT NULL)),
    CHECK ((state IN ('queued', 'sending')) = (ended_at IS NULL)),
    CHECK (state NOT IN ('failed', 'suppressed') OR reason IS NOT NULL),
    CHECK (state <> 'sending' OR attempts > 0),
    CHECK (channel <> 'in_app' OR state IN ('delivered', 'suppressed')),
    CHECK (read_at IS NULL OR (channel = 'in_app' AND state = 'delivered'))
);
CREATE INDEX deliveries_due ON deliveries (channel, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_inbox ON deliveries (tenant, recipient_id, delivery_id)
    WHERE channel = 'in_app' AND state = 'delivered'
"""


def upgrade() -> None:
    schema.step_1()
    schema.run(TABLES)
