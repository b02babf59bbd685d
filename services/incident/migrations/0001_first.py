"""Cases, their timeline, evaluations, and the categories as dispatch last told them."""

from alembic import op

from libs.chassis.db import schema

revision = "incident_0001"
down_revision = None

TABLES = """
CREATE TABLE case_numbers (
    tenant text PRIMARY KEY,
    last bigint NOT NULL CHECK (last > 0)
);

CREATE TABLE categories (
    tenant text,
    category text,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    area text NOT NULL,
    registration text NOT NULL CHECK (registration IN ('automatic', 'acceptor', 'verify')),
    unanswered text NOT NULL CHECK (unanswered IN ('go_on', 'end')),
    active boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by uuid NOT NULL,
    PRIMARY KEY (tenant, category)
);

CREATE TABLE cases (
    tenant text,
    case_id uuid,
    case_no text NOT NULL,
    tracking_code text NOT NULL UNIQUE CHECK (length(tracking_code) = 13),
    sender text NOT NULL,
    idempotency_key text NOT NULL,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    request_kind text NOT NULL
        CHECK (request_kind IN ('snapshot', 'service_order', 'errand', 'patrol', 'referral', 'proposal')),
    category text NOT NULL,
    category_name text NOT NULL,
    text text NOT NULL CHECK (text <> ''),
    longitude float8,
    latitude float8,
    accuracy_m float8 CHECK (accuracy_m >= 0),
    place_name text,
    component text CHECK (char_length(component) BETWEEN 1 AND 64),
    reporter_id uuid,
    reported_by_member text,
    reported_at timestamptz NOT NULL,
    state text NOT NULL CHECK (
        state IN ('reported', 'verifying', 'registered', 'in_progress', 'resolved', 'closed', 'rejected',
            'void', 'merged')),
    moved_at timestamptz,
    moved_rank smallint,
    moved_by uuid,
    closed_at timestamptz,
    closed_by uuid,
    closed_order_id uuid,
    result text NOT NULL DEFAULT '',
    answer text CHECK (answer IN ('accepted', 'planned', 'declined')),
    planned_for date,
    carried_out_at timestamptz,
    meeting_id uuid,
    promised_at timestamptz,
    handle_by timestamptz,
    reopened_times smallint NOT NULL DEFAULT 0 CHECK (reopened_times BETWEEN 0 AND 2),
    opened smallint NOT NULL CHECK (opened >= 0),
    merged_into text CHECK (merged_into <> case_no),
    parent text CHECK (parent <> case_no),
    settled_at timestamptz,
    appointment_starts_at timestamptz,
    appointment_ends_at timestamptz,
    particulars jsonb NOT NULL DEFAULT '{}',
    appointment_changes smallint NOT NULL DEFAULT 0 CHECK (appointment_changes >= 0),
    corrections smallint NOT NULL DEFAULT 0 CHECK (corrections >= 0),
    followers integer NOT NULL DEFAULT 0 CHECK (followers >= 0),
    timeline_length integer NOT NULL CHECK (timeline_length > 0),
    timeline_hash bytea NOT NULL CHECK (length(timeline_hash) = 32),
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, case_id),
    UNIQUE (tenant, case_no),
    UNIQUE (tenant, sender, idempotency_key),
    CHECK ((longitude IS NULL) = (latitude IS NULL)),
    CHECK (accuracy_m IS NULL OR longitude IS NOT NULL),
    CHECK (longitude IS NOT NULL OR place_name IS NOT NULL),
    CHECK (num_nulls(moved_at, moved_rank, moved_by) IN (0, 3)),
    CHECK (num_nulls(closed_at, closed_by, closed_order_id) IN (0, 3)),
    CHECK (num_nulls(promised_at, handle_by) IN (0, 2)),
    CHECK (num_nulls(appointment_starts_at, appointment_ends_at) IN (0, 2)),
    CHECK (appointment_starts_at < appointment_ends_at),
    CHECK (request_kind IN ('service_order', 'errand')
        OR (appointment_starts_at IS NULL AND NOT particulars ? 'documents')),
    CHECK (state <> 'closed' OR closed_at IS NOT NULL),
    CHECK (reopened_times = 0 OR closed_at IS NOT NULL),
    CHECK ((state = 'merged') = (merged_into IS NOT NULL)),
    CHECK (settled_at IS NULL OR state = 'closed'),
    CHECK (answer IS NULL OR closed_at IS NOT NULL),
    CHECK (coalesce(answer = 'planned', false) = (planned_for IS NOT NULL)),
    CHECK (carried_out_at IS NULL OR state = 'closed')
);
CREATE INDEX cases_state ON cases (tenant, state, case_id DESC NULLS LAST);
CREATE INDEX cases_sender ON cases (tenant, sender, state, case_id DESC NULLS LAST);
CREATE INDEX cases_under_way ON cases (tenant, category, reported_at)
    WHERE state IN ('reported', 'verifying', 'registered', 'in_progress', 'resolved');
CREATE INDEX cases_merged_into ON cases (tenant, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX cases_on_agenda ON cases (tenant, case_id)
    WHERE request_kind = 'proposal' AND carried_out_at IS NULL AND (
        state IN ('reported', 'verifying', 'registered', 'in_progress', 'resolved')
        OR state = 'closed' AND answer = 'planned');
CREATE INDEX cases_of_meeting ON cases (tenant, meeting_id) WHERE meeting_id IS NOT NULL;
CREATE INDEX cases_parent ON cases (tenant, parent) WHERE parent IS NOT NULL;

CREATE TABLE timeline (
    tenant text,
    case_id uuid,
    position integer CHECK (position > 0),
    entry_id uuid NOT NULL,
    step text NOT NULL,
    happened_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    details jsonb NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant, case_id, position)
);

CREATE TABLE followers (
    tenant text,
    case_id uuid,
    follower_id uuid,
    sender text NOT NULL,
    idempotency_key text NOT NULL,
    tracking_code text NOT NULL UNIQUE CHECK (length(tracking_code) = 13),
    followed_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (tenant, case_id, follower_id),
    UNIQUE (tenant, sender, idempotency_key)
);

CREATE TABLE questions (
    tenant text,
    case_id uuid,
    number smallint CHECK (number > 0),
    question text NOT NULL CHECK (length(question) BETWEEN 1 AND 500),
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    answer_by timestamptz NOT NULL CHECK (answer_by > asked_at),
    answer text CHECK (length(answer) BETWEEN 1 AND 2000),
    photos jsonb NOT NULL DEFAULT '[]' CHECK (answer IS NOT NULL OR photos = '[]'),
    ended_at timestamptz CHECK (ended_at IS NOT NULL OR answer IS NULL),
    PRIMARY KEY (tenant, case_id, number)
);
CREATE UNIQUE INDEX questions_open ON questions (tenant, case_id) WHERE ended_at IS NULL;

CREATE TABLE units (
    tenant text,
    code text,
    parent text,
    name text NOT NULL,
    active boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by uuid NOT NULL,
    PRIMARY KEY (tenant, code)
);

CREATE TABLE meetings (
    tenant text,
    meeting_id uuid,
    sender text NOT NULL,
    idempotency_key text NOT NULL,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    kind text NOT NULL CHECK (kind IN ('residents_speak', 'heart_to_heart', 'council')),
    unit text NOT NULL,
    held_at timestamptz NOT NULL,
    longitude float8,
    latitude float8,
    accuracy_m float8 CHECK (accuracy_m >= 0),
    place_name text,
    by_member text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, meeting_id),
    UNIQUE (tenant, sender, idempotency_key),
    CHECK ((longitude IS NULL) = (latitude IS NULL)),
    CHECK (accuracy_m IS NULL OR longitude IS NOT NULL),
    CHECK (longitude IS NOT NULL OR place_name IS NOT NULL)
);
CREATE INDEX meetings_of_unit ON meetings (tenant, unit, meeting_id DESC);

CREATE TABLE standing_matters (
    tenant text,
    case_id uuid,
    meeting_id uuid,
    words text NOT NULL CHECK (length(words) BETWEEN 1 AND 2000),
    PRIMARY KEY (tenant, case_id, meeting_id)
);
CREATE INDEX standing_matters_of_meeting ON standing_matters (tenant, meeting_id);

CREATE TABLE evaluations (
    tenant text,
    case_id uuid,
    closing uuid,
    by_case text,
    satisfied boolean NOT NULL,
    words text CHECK (length(words) <= 500),
    reopened boolean NOT NULL CHECK (NOT (satisfied AND reopened)),
    evaluated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, case_id, closing, by_case)
);

CREATE TABLE street_evaluations (
    tenant text,
    case_id uuid,
    closing uuid,
    grade text NOT NULL CHECK (grade IN ('excellent', 'good', 'fair', 'poor')),
    words text CHECK (length(words) <= 500),
    by_member text NOT NULL,
    evaluated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, case_id, closing)
);
"""

APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: record another entry instead', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$
"""

TRIGGER = """
CREATE TRIGGER timeline_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON timeline
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    schema.step_1()
    schema.run(TABLES)
    # Not through schema.run, which would cut the function at its semicolons.
    op.execute(APPEND_ONLY)
    schema.run(TRIGGER)
