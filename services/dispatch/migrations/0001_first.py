"""The grid tree, organisations, members, responsibility list, components, orders and campaigns."""

from libs.chassis.db import schema

revision = "dispatch_0001"
down_revision = None

TABLES = """
CREATE TABLE streets (
    tenant text PRIMARY KEY CHECK (tenant ~ '^[0-9]{9}$'),
    version bigint NOT NULL,
    origin uuid NOT NULL DEFAULT gen_random_uuid()
);

CREATE TABLE units (
    tenant text NOT NULL REFERENCES streets,
    code text NOT NULL CHECK (code ~ '^[0-9]{9,16}$'),
    level text NOT NULL CHECK (level IN ('street', 'community', 'grid', 'micro_grid')),
    parent text,
    name text NOT NULL,
    aliases jsonb NOT NULL,
    org_id text NOT NULL,
    org_kind text NOT NULL CHECK (org_kind IN ('street_committee', 'community_org', 'branch', 'party_group')),
    org_name text NOT NULL,
    border bytea,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, code),
    FOREIGN KEY (tenant, parent) REFERENCES units DEFERRABLE INITIALLY DEFERRED,
    CHECK ((parent IS NULL) = (level = 'street'))
);
CREATE INDEX units_version ON units (tenant, version);

CREATE TABLE members (
    tenant text NOT NULL REFERENCES streets,
    member_id text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL
        CHECK (kind IN ('full_time', 'party_member', 'volunteer', 'retired_cadre', 'liaison', 'lead')),
    unit text NOT NULL,
    org_id text NOT NULL,
    skills jsonb NOT NULL,
    workload_limit smallint NOT NULL CHECK (workload_limit BETWEEN 0 AND 100),
    contact_digest text NOT NULL,
    open_orders integer NOT NULL DEFAULT 0 CHECK (open_orders >= 0),
    absent_until timestamptz,
    PRIMARY KEY (tenant, member_id),
    FOREIGN KEY (tenant, unit) REFERENCES units DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE absences (
    absence_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    member_id text NOT NULL,
    from_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL,
    reason text NOT NULL CHECK (reason IN ('leave', 'training', 'other_duty', 'seconded')),
    FOREIGN KEY (tenant, member_id) REFERENCES members ON DELETE CASCADE,
    CHECK (from_at < until_at),
    UNIQUE (tenant, member_id, from_at)
);
CREATE INDEX absences_until ON absences (tenant, until_at);

CREATE TABLE responsibilities (
    tenant text NOT NULL REFERENCES streets,
    category text NOT NULL CHECK (category ~ '^[0-9]{5}$'),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    area text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('component', 'matter')),
    registration text NOT NULL CHECK (registration IN ('automatic', 'acceptor', 'verify')),
    start_level text NOT NULL CHECK (start_level IN ('street', 'community', 'grid', 'micro_grid')),
    org_kind text NOT NULL CHECK (org_kind IN ('street_committee', 'community_org', 'branch', 'party_group')),
    skills jsonb NOT NULL,
    claim_amount integer NOT NULL CHECK (claim_amount > 0),
    claim_unit text NOT NULL,
    handle_amount integer NOT NULL CHECK (handle_amount > 0),
    handle_unit text NOT NULL,
    check_amount integer NOT NULL CHECK (check_amount > 0),
    check_unit text NOT NULL,
    evidence text NOT NULL CHECK (evidence IN ('none', 'note', 'photo')),
    points integer NOT NULL CHECK (points >= 0),
    standard_ref text NOT NULL,
    condition text NOT NULL DEFAULT '',
    effective_from date NOT NULL DEFAULT '-infinity',
    effective_until date NOT NULL DEFAULT 'infinity',
    unanswered text NOT NULL DEFAULT 'go_on' CHECK (unanswered IN ('go_on', 'end')),
    helpers jsonb NOT NULL DEFAULT '[]',
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    retired_version integer CHECK (retired_version > version),
    CHECK (effective_from <= effective_until),
    PRIMARY KEY (tenant, category, condition, effective_from, version)
);
CREATE UNIQUE INDEX responsibilities_now ON responsibilities (tenant, category, condition, effective_from)
    WHERE retired_version IS NULL;

CREATE TABLE responsibility_versions (
    tenant text NOT NULL REFERENCES streets,
    version integer NOT NULL CHECK (version > 0),
    imported_at timestamptz NOT NULL,
    told_at timestamptz NOT NULL CHECK (told_at >= imported_at),
    added integer NOT NULL,
    changed integer NOT NULL,
    removed integer NOT NULL,
    PRIMARY KEY (tenant, version)
);

CREATE TABLE calendar_days (
    tenant text NOT NULL REFERENCES streets,
    day date NOT NULL CHECK (day BETWEEN '2004-01-01' AND '2099-12-31'),
    kind text NOT NULL CHECK (kind IN ('holiday', 'workday')),
    name text NOT NULL,
    PRIMARY KEY (tenant, day)
);

CREATE TABLE working_hours (
    tenant text NOT NULL REFERENCES streets,
    opens time NOT NULL,
    closes time NOT NULL CHECK (opens < closes),
    PRIMARY KEY (tenant, opens)
);

CREATE TABLE places (
    tenant text NOT NULL REFERENCES streets,
    place_id text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    aliases jsonb NOT NULL,
    former_names jsonb NOT NULL,
    unit text,
    longitude double precision,
    latitude double precision,
    PRIMARY KEY (tenant, place_id),
    FOREIGN KEY (tenant, unit) REFERENCES units DEFERRABLE INITIALLY DEFERRED,
    CHECK ((unit IS NULL) = (longitude IS NOT NULL)),
    CHECK ((longitude IS NULL) = (latitude IS NULL))
);

CREATE TABLE components (
    tenant text NOT NULL REFERENCES streets,
    code text NOT NULL CHECK (char_length(code) BETWEEN 1 AND 64),
    kind text NOT NULL CHECK (kind ~ '^[0-9]{5}$'),
    name text,
    longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    latitude double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    unit text NOT NULL,
    org_id text,
    state text NOT NULL CHECK (state IN ('active', 'retired')),
    version integer NOT NULL CHECK (version > 0),
    PRIMARY KEY (tenant, code),
    FOREIGN KEY (tenant, unit) REFERENCES units DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX components_of_kind ON components (tenant, kind, code);
CREATE INDEX components_in_unit ON components (tenant, unit, code);

CREATE TABLE former_components (
    tenant text NOT NULL,
    code text NOT NULL,
    kind text NOT NULL,
    name text,
    longitude double precision NOT NULL,
    latitude double precision NOT NULL,
    unit text NOT NULL,
    org_id text,
    state text NOT NULL,
    version integer NOT NULL,
    replaced_version integer NOT NULL CHECK (replaced_version > version),
    PRIMARY KEY (tenant, code, version),
    FOREIGN KEY (tenant, code) REFERENCES components
);

CREATE TABLE component_versions (
    tenant text NOT NULL REFERENCES streets,
    version integer NOT NULL CHECK (version > 0),
    made_at timestamptz NOT NULL,
    new integer NOT NULL,
    changed integer NOT NULL,
    moved integer NOT NULL,
    retired integer NOT NULL,
    PRIMARY KEY (tenant, version)
);

CREATE TABLE routing_rules (
    tenant text NOT NULL REFERENCES streets,
    number smallint NOT NULL CHECK (number > 0),
    category text NOT NULL CHECK (category ~ '^[0-9]{0,5}$'),
    area text NOT NULL,
    request_kind text,
    within text,
    to_unit text,
    to_org_kind text,
    note text NOT NULL,
    PRIMARY KEY (tenant, number),
    FOREIGN KEY (tenant, within) REFERENCES units DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (tenant, to_unit) REFERENCES units DEFERRABLE INITIALLY DEFERRED,
    CHECK ((to_unit IS NULL) = (to_org_kind IS NOT NULL))
);

CREATE TABLE orders (
    order_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    case_no text NOT NULL,
    category text NOT NULL,
    category_name text NOT NULL,
    summary text NOT NULL,
    state text NOT NULL CHECK (
        state IN ('offered', 'claimed', 'handling', 'handled', 'checked', 'suspended', 'cancelled')),
    unit text NOT NULL,
    level text NOT NULL,
    org_id text NOT NULL,
    member_id text,
    offered_to jsonb NOT NULL,
    reach text NOT NULL CHECK (reach IN ('nearest', 'micro_grid', 'grid', 'community', 'street')),
    offers smallint NOT NULL CHECK (offers > 0),
    lease_ends_at timestamptz,
    given_back_by jsonb NOT NULL,
    held_by jsonb NOT NULL DEFAULT '[]',
    reported_by_member text,
    place jsonb NOT NULL,
    evidence text NOT NULL,
    points integer NOT NULL,
    claim_by timestamptz NOT NULL,
    handle_by timestamptz NOT NULL,
    check_by timestamptz NOT NULL,
    clocks jsonb NOT NULL,
    stage_began_at timestamptz NOT NULL,
    moved_at timestamptz NOT NULL,
    spent interval NOT NULL DEFAULT '0',
    extended_times smallint NOT NULL DEFAULT 0 CHECK (extended_times BETWEEN 0 AND 2),
    suspended_times smallint NOT NULL DEFAULT 0 CHECK (suspended_times BETWEEN 0 AND 1),
    suspended_at timestamptz,
    suspended_until timestamptz,
    in_kpis boolean NOT NULL DEFAULT true,
    handled_at timestamptz,
    note text NOT NULL DEFAULT '',
    photos jsonb NOT NULL DEFAULT '[]',
    rework_count smallint NOT NULL,
    opening smallint NOT NULL CHECK (opening >= 0),
    because jsonb NOT NULL,
    request_kind text NOT NULL DEFAULT 'snapshot',
    responsibility_version integer,
    skills jsonb NOT NULL DEFAULT '[]',
    appointment_starts_at timestamptz,
    appointment_ends_at timestamptz,
    particulars jsonb NOT NULL DEFAULT '{}',
    appointment_changes smallint NOT NULL DEFAULT 0 CHECK (appointment_changes >= 0),
    corrections smallint NOT NULL DEFAULT 0 CHECK (corrections >= 0),
    result text NOT NULL DEFAULT '',
    asked smallint NOT NULL DEFAULT 0 CHECK (asked >= 0),
    answered smallint NOT NULL DEFAULT 0 CHECK (answered BETWEEN 0 AND asked),
    reporter_answers jsonb NOT NULL DEFAULT '[]',
    paused_at timestamptz CHECK (paused_at IS NULL OR state NOT IN ('handled', 'checked', 'cancelled')),
    told_near timestamptz,
    told_overdue timestamptz,
    helpers jsonb NOT NULL DEFAULT '[]',
    component jsonb CHECK (component ? 'code'),
    answer text CHECK (answer IN ('accepted', 'planned', 'declined')),
    planned_for date,
    may_lie_in jsonb NOT NULL DEFAULT '[]',
    CHECK (coalesce(answer = 'planned', false) = (planned_for IS NOT NULL)),
    CHECK (num_nulls(appointment_starts_at, appointment_ends_at) IN (0, 2)),
    CHECK (appointment_starts_at < appointment_ends_at),
    CHECK (state = 'cancelled' OR (member_id IS NULL) = (state = 'offered')),
    CHECK (lease_ends_at IS NULL OR state = 'offered'),
    CHECK (state NOT IN ('handled', 'checked') OR handled_at IS NOT NULL),
    CHECK ((state = 'suspended') = (suspended_at IS NOT NULL)),
    CHECK ((suspended_at IS NULL) = (suspended_until IS NULL)),
    UNIQUE (tenant, case_id, opening)
);
CREATE UNIQUE INDEX orders_one_live_per_case ON orders (tenant, case_id) WHERE state NOT IN ('checked', 'cancelled');
CREATE INDEX orders_ended ON orders (tenant, stage_began_at, level) WHERE state = 'checked';
CREATE INDEX orders_state ON orders (tenant, state, order_id NULLS FIRST);
CREATE INDEX orders_helped ON orders USING gin (helpers jsonb_path_ops) WHERE helpers <> '[]';
CREATE INDEX orders_of_component ON orders (tenant, (component ->> 'code'), order_id) WHERE component IS NOT NULL;
CREATE INDEX orders_of_member ON orders (tenant, member_id, order_id) WHERE member_id IS NOT NULL;

CREATE TABLE campaigns (
    campaign_id uuid PRIMARY KEY,
    tenant text NOT NULL REFERENCES streets,
    plan jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'paused', 'ended')),
    next_at timestamptz,
    CHECK ((next_at IS NOT NULL) = (state = 'running'))
);
CREATE INDEX campaigns_of_street ON campaigns (tenant, campaign_id);

CREATE TABLE patrol_rounds (
    round_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    campaign_id uuid NOT NULL REFERENCES campaigns,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    planned_at timestamptz NOT NULL,
    visit_by timestamptz NOT NULL,
    checklist jsonb NOT NULL,
    category text NOT NULL,
    helpers jsonb NOT NULL DEFAULT '[]',
    CHECK (visit_by > planned_at),
    UNIQUE (campaign_id, planned_at)
);

CREATE TABLE patrol_tasks (
    round_id uuid NOT NULL REFERENCES patrol_rounds,
    unit text NOT NULL,
    tenant text NOT NULL,
    day date NOT NULL,
    member_id text,
    state text NOT NULL CHECK (state IN ('planned', 'visited', 'missed', 'late')),
    PRIMARY KEY (round_id, unit)
);
CREATE INDEX patrol_tasks_of_day ON patrol_tasks (tenant, day, round_id, unit);
CREATE INDEX patrol_tasks_of_member ON patrol_tasks (tenant, member_id, round_id) WHERE state = 'planned';
CREATE INDEX patrol_tasks_missed ON patrol_tasks (tenant, day, round_id, unit) WHERE state = 'missed';

CREATE TABLE visits (
    visit_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    round_id uuid NOT NULL,
    unit text NOT NULL,
    member_id text NOT NULL,
    org_id text NOT NULL,
    visited_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    longitude double precision NOT NULL,
    latitude double precision NOT NULL,
    metres_off integer,
    in_place boolean NOT NULL,
    on_time boolean NOT NULL,
    first boolean NOT NULL,
    answers jsonb NOT NULL,
    CHECK (NOT in_place OR metres_off IS NOT NULL),
    UNIQUE (tenant, key),
    FOREIGN KEY (round_id, unit) REFERENCES patrol_tasks
);
CREATE UNIQUE INDEX visits_one_first ON visits (round_id, unit) WHERE first;
CREATE INDEX visits_of_task ON visits (round_id, unit);

CREATE TABLE findings (
    finding_id uuid PRIMARY KEY,
    visit_id uuid NOT NULL REFERENCES visits,
    tenant text NOT NULL,
    category text NOT NULL,
    description text NOT NULL,
    longitude double precision NOT NULL,
    latitude double precision NOT NULL,
    photos jsonb NOT NULL,
    member_id text NOT NULL,
    found_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'reported', 'refused')),
    attempts smallint NOT NULL DEFAULT 0,
    due_at timestamptz DEFAULT now(),
    case_no text,
    case_id uuid,
    reason text,
    CHECK ((due_at IS NOT NULL) = (state = 'pending')),
    CHECK ((case_no IS NOT NULL) = (state = 'reported') AND (case_id IS NULL) = (case_no IS NULL)),
    CHECK (state <> 'refused' OR reason IS NOT NULL)
);
CREATE INDEX findings_of_visit ON findings (visit_id);
CREATE INDEX findings_due ON findings (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE approvals (
    approval_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    order_id uuid NOT NULL REFERENCES orders,
    case_no text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('extension', 'suspension', 'appeal')),
    state text NOT NULL CHECK (state IN ('pending', 'approved', 'refused')),
    reason text NOT NULL,
    note text NOT NULL,
    amount smallint NOT NULL,
    asked_by text NOT NULL,
    asked_by_org text NOT NULL,
    asked_at timestamptz NOT NULL,
    unit text NOT NULL,
    org_id text NOT NULL,
    decided_by text,
    decided_at timestamptz,
    answer text NOT NULL,
    CHECK ((state = 'pending') = (decided_at IS NULL)),
    CHECK ((decided_by IS NULL) = (decided_at IS NULL))
);
CREATE INDEX approvals_of_order ON approvals (order_id, approval_id);
CREATE INDEX approvals_pending ON approvals (tenant, org_id, approval_id) WHERE state = 'pending';

CREATE TABLE inspections (
    inspection_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('verify', 'check', 'review')),
    state text NOT NULL CHECK (state IN ('assigned', 'raised', 'done', 'cancelled')),
    case_id uuid NOT NULL,
    case_no text NOT NULL,
    order_id uuid REFERENCES orders,
    category text NOT NULL,
    category_name text NOT NULL,
    skills jsonb NOT NULL DEFAULT '[]',
    summary text NOT NULL,
    place jsonb NOT NULL,
    unit text NOT NULL,
    org_id text NOT NULL,
    member_id text,
    asked jsonb NOT NULL,
    without jsonb NOT NULL,
    lapses smallint NOT NULL CHECK (lapses >= 0),
    clock jsonb NOT NULL,
    made_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    done_by text,
    done_at timestamptz,
    holds boolean,
    note text NOT NULL,
    photos jsonb NOT NULL,
    CHECK ((kind = 'verify') = (order_id IS NULL)),
    CHECK ((state = 'assigned') <= (member_id IS NOT NULL)),
    CHECK ((state = 'raised') <= (member_id IS NULL)),
    CHECK ((state = 'done') = (done_by IS NOT NULL)),
    CHECK ((done_by IS NULL) = (done_at IS NULL) AND (done_by IS NULL) = (holds IS NULL)),
    CHECK (member_id IS NULL OR NOT without ? member_id)
);
CREATE UNIQUE INDEX inspections_one_open_check ON inspections (order_id) WHERE state IN ('assigned', 'raised');
CREATE UNIQUE INDEX inspections_one_verify ON inspections (tenant, case_id) WHERE kind = 'verify';
CREATE INDEX inspections_of_order ON inspections (order_id, inspection_id);
CREATE INDEX inspections_state ON inspections (tenant, state, inspection_id NULLS FIRST);
CREATE INDEX inspections_of_member ON inspections (tenant, member_id, state, inspection_id)
"""


def upgrade() -> None:
    schema.step_1()
    schema.run(TABLES)
