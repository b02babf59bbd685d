"""The ledger, and what scoring knows about orders, members and organisations."""

from alembic import op

from libs.chassis.db import schema

revision = "scoring_0001"
down_revision = None

TABLES = """
CREATE TABLE accounts (
    tenant text NOT NULL CHECK (tenant ~ '^[0-9]{9}$'),
    account text COLLATE "C" NOT NULL
        CHECK (account ~ '^(rule:[a-z][a-z0-9_]{0,31}|(member|org):[A-Za-z0-9_-]{1,32})$'),
    dimension text COLLATE "C" NOT NULL,
    balance bigint NOT NULL,
    PRIMARY KEY (tenant, account, dimension)
) WITH (fillfactor = 70);

CREATE TABLE transactions (
    id uuid PRIMARY KEY,
    tenant text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('earn', 'reversal', 'restore')),
    rule text NOT NULL,
    rules_version integer NOT NULL CHECK (rules_version > 0),
    dimension text NOT NULL,
    member_id text NOT NULL,
    org_id text NOT NULL,
    points integer NOT NULL CHECK (points > 0),
    cause_id uuid NOT NULL,
    case_id uuid,
    order_id uuid,
    occurred_at timestamptz NOT NULL,
    day date NOT NULL,
    reverses uuid UNIQUE REFERENCES transactions,
    because text CHECK (because IN ('reopened', 'check_failed', 'appeal_upheld')),
    CHECK (day = CAST(occurred_at AT TIME ZONE 'Asia/Shanghai' AS date)),
    CHECK ((kind = 'earn') = (reverses IS NULL)),
    CHECK ((kind = 'earn') = (because IS NULL)),
    CHECK ((kind = 'restore') = (because IS NOT DISTINCT FROM 'appeal_upheld'))
);
CREATE UNIQUE INDEX transactions_earned_once ON transactions (tenant, member_id, rule, day, cause_id) INCLUDE (points)
    WHERE kind = 'earn';
CREATE INDEX transactions_of_order ON transactions (order_id) WHERE order_id IS NOT NULL;

CREATE TABLE postings (
    transaction_id uuid NOT NULL REFERENCES transactions,
    tenant text NOT NULL,
    account text COLLATE "C" NOT NULL,
    dimension text COLLATE "C" NOT NULL,
    amount integer NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (tenant, account, transaction_id)
);

CREATE TABLE orders (
    tenant text NOT NULL,
    order_id uuid NOT NULL,
    case_id uuid NOT NULL,
    member_id text,
    org_id text,
    on_time boolean,
    own_report boolean,
    category_points integer CHECK (category_points >= 0),
    passed_at timestamptz,
    passed_by uuid,
    undone_at timestamptz,
    undone_by uuid,
    undone_because text CHECK (undone_because IN ('reopened', 'check_failed')),
    appealed_at timestamptz,
    appealed_by uuid,
    PRIMARY KEY (tenant, order_id),
    CHECK (num_nulls(member_id, org_id, on_time, own_report, category_points, passed_at, passed_by) IN (0, 7)),
    CHECK (num_nulls(undone_at, undone_by, undone_because) IN (0, 3)),
    CHECK (num_nulls(appealed_at, appealed_by) IN (0, 2)),
    CHECK (passed_at IS NOT NULL OR undone_at IS NOT NULL OR appealed_at IS NOT NULL)
);

CREATE TABLE members (
    tenant text NOT NULL,
    member_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    org_id text COLLATE "C" NOT NULL,
    active boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by uuid NOT NULL,
    PRIMARY KEY (tenant, member_id)
);

CREATE TABLE orgs (
    tenant text NOT NULL,
    org_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('street_committee', 'community_org', 'branch', 'party_group')),
    active boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by uuid NOT NULL,
    PRIMARY KEY (tenant, org_id)
);

CREATE TABLE street_evaluations (
    tenant text NOT NULL,
    order_id uuid NOT NULL,
    case_id uuid NOT NULL,
    org_id text COLLATE "C" NOT NULL,
    grade text NOT NULL CHECK (grade IN ('excellent', 'good', 'fair', 'poor')),
    by_member text COLLATE "C" NOT NULL,
    by_org text COLLATE "C",
    evaluated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, order_id)
);
CREATE INDEX street_evaluations_of_org ON street_evaluations (tenant, org_id, evaluated_at);
"""

APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: post a reversal instead', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""

BALANCED = """
CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM posted GROUP BY transaction_id HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'the postings of a transaction must add up to zero' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""

TRIGGERS = """
CREATE TRIGGER transactions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transactions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER postings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON postings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER postings_balanced AFTER INSERT ON postings REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced();
"""


def upgrade() -> None:
    schema.step_1()
    schema.run(TABLES)
    # Not through schema.run, which would cut the functions at their semicolons.
    op.execute(APPEND_ONLY)
    op.execute(BALANCED)
    schema.run(TRIGGERS)
