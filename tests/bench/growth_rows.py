"""What one case leaves in each table of each service, as SQL that makes any number of cases at once.

Cases are numbered; everything about case i follows from i, so that the four databases agree without asking one
another. $1 and $2 are the first and the last number. The schema `filled` holds what the statements share.
Of 500 cases 10 were rejected, 1 is under way, and the others were closed; 2 of 5 reporters left a contact.
"""

from __future__ import annotations

from collections.abc import Mapping

SHARED = """
CREATE SCHEMA filled;
CREATE TABLE filled.people (n int PRIMARY KEY, member_id text NOT NULL, org_id text NOT NULL, unit text NOT NULL);
CREATE FUNCTION filled.milliseconds(i bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    'SELECT {first_ms} + i * {step_ms}';
CREATE FUNCTION filled.at(i bigint, minutes int DEFAULT 0) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
    'SELECT to_timestamp(filled.milliseconds(i) / 1000.0 + minutes * 60)';
CREATE FUNCTION filled.id(kind text, i bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    'SELECT overlay(overlay(overlay(md5(kind || i::text) placing lpad(to_hex(filled.milliseconds(i)), 12, ''0'')
        from 1 for 12) placing ''7'' from 13 for 1) placing ''8'' from 17 for 1)::uuid';
CREATE FUNCTION filled.tenant(i bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    'SELECT CASE i % {streets} WHEN 0 THEN ''{tenant}'' ELSE (370700000 + i % {streets})::text END';
CREATE FUNCTION filled.case_no(i bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    'SELECT ''20240101-'' || lpad(i::text, 9, ''0'')';
CREATE FUNCTION filled.state(i bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    'SELECT CASE WHEN i % 500 = 0 THEN ''in_progress'' WHEN i % 50 = 1 THEN ''rejected'' ELSE ''closed'' END';
CREATE FUNCTION filled.category(i bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    'SELECT ''110'' || lpad((1 + i % 40)::text, 2, ''0'')';
CREATE FUNCTION filled.clocks() RETURNS jsonb LANGUAGE sql IMMUTABLE AS
    $$SELECT jsonb_object_agg(stage, '{{"amount": 4, "unit": "work_hour"}}'::jsonb)
    FROM unnest(ARRAY['claim', 'handle', 'check']) stage$$;
CREATE FUNCTION filled.reporter(i bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    'SELECT CASE WHEN i % 5 < 2 THEN ''reporter:'' || filled.id(''reporter'', i)::text END';
CREATE FUNCTION filled.lately(i bigint, days int) RETURNS timestamptz LANGUAGE sql AS
    'SELECT now() - make_interval(secs => (i * 7919 % 100000) / 100000.0 * days * 86400)'
"""
"""`lately`: within the last days, for the rows that housekeeping keeps no longer."""

CASES = "FROM generate_series($1::bigint, $2::bigint) i"
HANDLED = f"{CASES} JOIN filled.people p ON p.n = i * 7919 % 2303 WHERE filled.state(i) <> 'rejected'"
"""The cases that have an order, with a member and the organisation."""


def _chassis(service: str, fact: str) -> tuple[str, ...]:
    """Two messages handled and one published for each case, all within the last days; a dead letter for 1 of 1000."""
    headers = (
        f"jsonb_build_object('ce-id', filled.id('{service}', i), 'ce-source', '/wangge/{service}', "
        f"'ce-type', 'wangge.{service}.{fact}.v1', 'ce-specversion', '1.0', 'ce-time', filled.at(i), "
        "'ce-subject', filled.id('case', i), 'content-type', 'application/json')"
    )
    body = (
        "convert_to(json_build_object('tenant', filled.tenant(i), 'case_id', filled.id('case', i), "
        "'occurred_at', filled.at(i), 'summary', repeat('路灯不亮', 20))::text, 'UTF8')"
    )
    subject = f"'wangge.' || filled.tenant(i) || '.{service}.{fact}.v1'"
    return (
        f"INSERT INTO inbox SELECT filled.id('{service} heard', 2 * i + n), filled.lately(i, 6) "
        f"{CASES}, generate_series(0, 1) n",
        f"""
        INSERT INTO outbox (partition, message_id, subject, headers, body, recorded_at, sent_at)
        SELECT i % 16, filled.id('{service}', i), {subject}, {headers}, {body},
            filled.lately(i, 2), filled.lately(i, 2) {CASES}
        """,
        f"""
        INSERT INTO retries (id, subject, headers, body, attempts, reason, parked_at)
        SELECT filled.id('parked', i), {subject}, {headers}, {body}, 5, 'made for the bench', filled.at(i)
        {CASES} WHERE i % 1000 = 0
        """,
    )


INCIDENT = (
    f"""
    INSERT INTO cases (tenant, case_id, case_no, tracking_code, sender, idempotency_key, fingerprint, request_kind,
        category, category_name, text, longitude, latitude, reporter_id, reported_at, state, moved_at, moved_rank,
        moved_by, closed_at, closed_by, closed_order_id, promised_at, handle_by, opened,
        timeline_length, timeline_hash, changed_at)
    SELECT filled.tenant(i), filled.id('case', i), filled.case_no(i), upper(substr(md5('code' || i), 1, 13)), 'web',
        'filled-' || i, sha256(convert_to(i::text, 'UTF8')), 'snapshot', filled.category(i), '路灯不亮',
        '路灯不亮，第 ' || i || ' 盏，已经三天了', 119.01 + i % 97 * 0.0018, 36.27 + i % 89 * 0.0018,
        substr(filled.reporter(i), 10)::uuid, filled.at(i), state, filled.at(i, 5), 1, filled.id('dispatched', i),
        CASE state WHEN 'closed' THEN filled.at(i, 300) END, CASE state WHEN 'closed' THEN filled.id('checked', i) END,
        CASE state WHEN 'closed' THEN filled.id('order', i) END, filled.at(i, 1), filled.at(i, 2880),
        CASE WHEN state IN ('reported', 'verifying', 'rejected') THEN 0 ELSE 1 END,
        CASE state WHEN 'closed' THEN 6 WHEN 'rejected' THEN 1 ELSE 3 END, sha256('filled'), filled.at(i, 120)
    {CASES}, filled.state(i) state
    """,
    f"""
    INSERT INTO timeline SELECT filled.tenant(i), filled.id('case', i), n,
        CASE step WHEN 'reported' THEN filled.id('case', i) ELSE filled.id(step, i) END, step,
        filled.at(i, 20 * n::int), filled.at(i, 20 * n::int),
        jsonb_build_object('member_id', 'M0001', 'unit', '37078400420101'), sha256('filled')
    {CASES}, unnest(ARRAY['reported', 'registered', 'dispatched', 'claimed', 'handled', 'checked'])
        WITH ORDINALITY steps (step, n)
    WHERE n <= CASE filled.state(i) WHEN 'closed' THEN 6 WHEN 'rejected' THEN 1 ELSE 3 END
    """,
    f"""
    INSERT INTO evaluations SELECT filled.tenant(i), filled.id('case', i), filled.id('checked', i),
        filled.case_no(i), true,
        '处理得很好。', false, filled.at(i, 400)
    {CASES} WHERE filled.state(i) = 'closed' AND i % 5 < 2
    """,
    f"""
    INSERT INTO street_evaluations SELECT filled.tenant(i), filled.id('case', i), filled.id('checked', i),
        'good', NULL, 'M0001', filled.at(i, 500)
    {CASES} WHERE filled.state(i) = 'closed' AND i % 5 = 0
    """,
    *_chassis("incident", "registered"),
)

DISPATCH = (
    f"""
    INSERT INTO orders (order_id, tenant, case_id, case_no, category, category_name, summary, state, unit, level,
        org_id, member_id, offered_to, reach, offers, given_back_by, place, request_kind, evidence, points,
        claim_by, handle_by, check_by, clocks, stage_began_at, moved_at, handled_at, note, rework_count, opening,
        because, component)
    SELECT filled.id('order', i), filled.tenant(i), filled.id('case', i), filled.case_no(i), filled.category(i),
        '路灯不亮', '路灯不亮，第 ' || i || ' 盏', state, p.unit, 'micro_grid', p.org_id,
        CASE state WHEN 'checked' THEN p.member_id END, jsonb_build_array(p.member_id, 'M0002', 'M0003'),
        'nearest', 1, '[]', '{{"name": "儒林村"}}', 'snapshot', 'note', 5,
        filled.at(i, 240), filled.at(i, 2880), filled.at(i, 4320), filled.clocks(),
        filled.at(i), filled.at(i),
        CASE state WHEN 'checked' THEN filled.at(i, 200) END, '', 0, 0,
        '[{{"reason": "point_outside", "values": {{}}}}]',
        CASE WHEN i % 4 = 0 THEN jsonb_build_object('code', 'LH-LD-' || lpad((i % 500)::text, 6, '0')) END
    FROM (SELECT *, CASE filled.state(i) WHEN 'closed' THEN 'checked' ELSE 'offered' END AS state {HANDLED}) p
    """,
    f"""
    INSERT INTO inspections (inspection_id, tenant, kind, state, case_id, case_no, order_id, category, category_name,
        summary, place, unit, org_id, member_id, asked, without, lapses, clock, made_at, due_at, done_by, done_at,
        holds, note, photos)
    SELECT filled.id('inspection', i), filled.tenant(i), kind, 'done', filled.id('case', i), filled.case_no(i),
        CASE kind WHEN 'check' THEN filled.id('order', i) END, filled.category(i), '路灯不亮', '路灯不亮',
        '{{"name": "儒林村"}}', p.unit, p.org_id, looked, jsonb_build_array(looked), '[]', 0,
        filled.clocks() -> 'check', filled.at(i, 200), filled.at(i, 4320), looked, filled.at(i, 300), kind = 'check',
        '', '[]'
    FROM (SELECT *, CASE filled.state(i) WHEN 'rejected' THEN 'verify' ELSE 'check' END AS kind,
        'M' || lpad((2 + i % 2300)::text, 4, '0') AS looked
        {CASES} JOIN filled.people p ON p.n = i * 7919 % 2303 WHERE filled.state(i) IN ('rejected', 'closed')) p
    """,
    f"""
    INSERT INTO timers (name, key, due_at, body)
    SELECT 'OrderClock', filled.id('order', i), now() + make_interval(days => 30 + (i % 60)::int),
        jsonb_build_object('due_at', filled.at(i), 'order_id', filled.id('order', i), 'stage', 'claim',
            'stage_ends_at', filled.at(i), 'tenant', filled.tenant(i))
    {CASES} WHERE i % 20 = 0
    """,
    *_chassis("dispatch", "checked"),
)

SCORING = (
    f"""
    INSERT INTO orders SELECT filled.tenant(i), filled.id('order', i), filled.id('case', i), p.member_id, p.org_id,
        true, false, 5, filled.at(i, 300), filled.id('checked', i)
    {HANDLED} AND filled.state(i) = 'closed'
    """,
    f"""
    WITH earned AS MATERIALIZED (
        SELECT filled.id(rule, i) AS id, filled.tenant(i) AS tenant, filled.at(i, 300) AS at, i, p.member_id, p.org_id,
            rule, dimension, points
        FROM (SELECT * {HANDLED} AND filled.state(i) = 'closed') p
        JOIN (VALUES ('handled_and_checked', '治理争先', 5), ('handled_on_time', '奉献争先', 1),
            ('check_done', '文明争先', 1), ('reporter_satisfied', '服务争先', 2)) r (rule, dimension, points)
            ON rule <> 'reporter_satisfied' OR i % 5 < 2
    ), kept AS (
        INSERT INTO transactions (id, tenant, kind, rule, rules_version, dimension, member_id, org_id, points, cause_id,
            case_id, order_id, occurred_at, day)
        SELECT id, tenant, 'earn', rule, 1, dimension, member_id, org_id, points,
            filled.id(CASE rule WHEN 'reporter_satisfied' THEN 'evaluated' ELSE 'checked' END, i),
            filled.id('case', i), filled.id('order', i), at, CAST(at AT TIME ZONE 'Asia/Shanghai' AS date)
        FROM earned
    )
    INSERT INTO postings (transaction_id, tenant, account, dimension, amount)
    SELECT id, tenant, account, dimension, amount
    FROM earned CROSS JOIN LATERAL (VALUES ('member:' || member_id, points),
        ('org:' || org_id, points), ('rule:' || rule, -2 * points)) a (account, amount)
    """,
    f"""
    INSERT INTO street_evaluations SELECT filled.tenant(i), filled.id('order', i), filled.id('case', i), p.org_id,
        'good', 'M0001', 'P0001', filled.at(i, 500)
    {HANDLED} AND filled.state(i) = 'closed' AND i % 5 = 0
    """,
    *_chassis("scoring", "points_posted"),
)

NOTIFY = (
    f"""
    WITH people AS (
        INSERT INTO person_keys (tenant, recipient_id, key, since)
        SELECT filled.tenant(i), filled.reporter(i), sha256(convert_to('key' || i, 'UTF8')), filled.at(i)
        {CASES} WHERE i % 5 < 2 RETURNING tenant, recipient_id, since)
    INSERT INTO contacts SELECT tenant, recipient_id, decode(repeat(md5(recipient_id), 6), 'hex'),
        '["email"]', 'zh', since FROM people
    """,
    f"""
    INSERT INTO cases SELECT filled.tenant(i), filled.id('case', i), filled.case_no(i), filled.reporter(i),
        CASE WHEN i % 5 < 2 THEN decode(repeat(md5('t' || i), 4), 'hex') END, filled.at(i) {CASES}
    """,
    f"""
    INSERT INTO notices (tenant, event_id, template, parameters, case_id, correlation_id, occurred_at, queued_at)
    SELECT filled.tenant(i), filled.id(template, i), template,
        jsonb_build_object('case_no', filled.case_no(i), 'category_name', '路灯不亮', 'unit_name', '儒林一微',
            'summary', '路灯不亮', 'claim_by', '2026-01-01 08:00', 'points', '5'),
        filled.id('case', i), filled.id('case', i), filled.at(i), filled.at(i)
    {CASES}, unnest(ARRAY['registered', 'offered', 'points_posted']) template
    WHERE (template = 'registered') <= (i % 5 < 2) AND (filled.state(i) = 'rejected') <= (template = 'registered')
    """,
    f"""
    INSERT INTO deliveries (delivery_id, tenant, event_id, recipient_id, channel, state, attempts,
        first_attempt_at, ended_at)
    SELECT filled.id(channel || d.n, i), filled.tenant(i), filled.id(template, i), recipient, channel, 'delivered', 1,
        filled.at(i, 1), filled.at(i, 1)
    FROM (SELECT * {HANDLED}) p CROSS JOIN LATERAL (VALUES
        (1, 'registered', filled.reporter(i), 'email'), (2, 'points_posted', 'member:' || p.member_id, 'in_app'),
        (3, 'offered', 'member:' || p.member_id, 'in_app'), (4, 'offered', 'member:' || p.member_id, 'email'),
        (5, 'offered', 'member:M' || lpad((2 + i % 2300)::text, 4, '0'), 'in_app'),
        (6, 'offered', 'member:M' || lpad((2 + i % 2300)::text, 4, '0'), 'email')
        ) d (n, template, recipient, channel) WHERE recipient IS NOT NULL ON CONFLICT DO NOTHING
    """,
    *_chassis("notify", "delivered"),
)

ROWS: Mapping[str, tuple[str, ...]] = {
    "incident": INCIDENT,
    "dispatch": DISPATCH,
    "scoring": SCORING,
    "notify": NOTIFY,
}

CHASSIS = _chassis("scoring", "points_posted")
"""For a database that has the chassis' tables and no others."""

BALANCES = """
INSERT INTO accounts (tenant, account, dimension, balance)
SELECT tenant, account, dimension, sum(amount) FROM postings GROUP BY tenant, account, dimension
ON CONFLICT (tenant, account, dimension) DO UPDATE SET balance = excluded.balance
"""
