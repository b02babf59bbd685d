"""Rows that contradict what happened, each with the statement of the reconciliation that must find it."""

PLANTED = {
    "an order that is gone": (
        "dispatch",
        "DELETE FROM orders WHERE order_id = (SELECT min(order_id::text)::uuid FROM orders)",
        "registered cases have one order for each time they were opened",
    ),
    "a case that is gone": (
        "incident",
        "DELETE FROM cases WHERE case_id = (SELECT min(case_id::text)::uuid FROM cases)",
        "reports were sent, and each is exactly one case",
    ),
    "a case that was never closed": (
        "incident",
        "UPDATE cases SET state = 'resolved' WHERE case_id = (SELECT min(case_id::text)::uuid FROM cases)",
        "case and order tell the same",
    ),
    "a visited unit that counts as missed": (
        "dispatch",
        "UPDATE patrol_tasks SET state = 'missed' WHERE unit = (SELECT min(unit) FROM patrol_tasks "
        "WHERE state = 'visited')",
        "patrol tasks were planned",
    ),
    "a finding without its case": (
        "dispatch",
        "UPDATE findings SET case_id = gen_random_uuid() WHERE finding_id = (SELECT min(finding_id::text)::uuid "
        "FROM findings)",
        "findings have one case each",
    ),
    "an open order that nobody has": (
        "dispatch",
        "UPDATE members SET open_orders = open_orders + 1 WHERE member_id = 'M0001'",
        "open orders are counted right",
    ),
    "a point from nowhere": (
        "scoring",
        "UPDATE accounts SET balance = balance + 1 WHERE ctid = (SELECT min(ctid) FROM accounts)",
        "balances are what their postings add up to",
    ),
    "an order that scoring never heard of": (
        "scoring",
        "DELETE FROM orders WHERE order_id = (SELECT min(order_id::text)::uuid FROM orders)",
        "orders that were checked, and no others",
    ),
    "a notification that waits for ever": (
        "notify",
        "UPDATE deliveries SET state = 'queued', due_at = now(), ended_at = NULL WHERE delivery_id = "
        "(SELECT min(delivery_id::text)::uuid FROM deliveries WHERE channel = 'email' AND state = 'delivered')",
        "notifications has ended",
    ),
    "a fact that was not published": (
        "incident",
        "UPDATE outbox SET sent_at = NULL WHERE position = (SELECT max(position) FROM outbox)",
        "every fact was published",
    ),
    "a dead letter": (
        "notify",
        "INSERT INTO retries (id, subject, headers, body, attempts, reason, parked_at) "
        "VALUES (gen_random_uuid(), 'wangge.370784004.incident.closed.v1', '{}', '', 4, 'planted', now())",
        "no message is parked",
    ),
    "a case that was voided and goes on": (
        "incident",
        "UPDATE cases SET state = 'registered' "
        "WHERE case_id = (SELECT case_id FROM cases WHERE state = 'void' LIMIT 1)",
        "cases went as planned",
    ),
    "an order that was raised and is where it was": (
        "dispatch",
        "UPDATE orders SET unit = tenant || '99' WHERE order_id = (SELECT min(order_id::text)::uuid FROM orders)",
        "orders are where they went at last",
    ),
    "an order that counts for another level": (
        "dispatch",
        "UPDATE orders SET level = 'street' WHERE order_id = (SELECT min(order_id::text)::uuid FROM orders "
        "WHERE level <> 'street')",
        "orders are where they went at last",
    ),
    "an escalation that one organisation did not hear of": (
        "notify",
        "DELETE FROM deliveries WHERE delivery_id = (SELECT min(delivery_id::text)::uuid FROM deliveries "
        "JOIN notices USING (tenant, event_id) WHERE template = 'escalated')",
        "those heard whom they concern",
    ),
    "a merged case whose order goes on": (
        "dispatch",
        "UPDATE orders SET state = 'offered' WHERE state = 'cancelled' AND category = '11001' AND case_id IN "
        "(SELECT case_id FROM orders GROUP BY case_id HAVING count(*) = 1)",
        "merged cases is live",
    ),
    "a reporter who does not hear of the end of the other case": (
        "notify",
        "DELETE FROM deliveries WHERE recipient_id = (SELECT recipient_id FROM cases WHERE follows IS NOT NULL "
        "AND follower_of IS NULL) "
        "AND event_id IN (SELECT event_id FROM notices WHERE template = 'closed')",
        "heard of the end of the other",
    ),
    "a reporter who hears of the end of another matter": (
        "incident",
        "UPDATE cases SET reporter_id = (SELECT reporter_id FROM cases WHERE case_no = (SELECT details ->> 'from' "
        "FROM timeline WHERE step = 'unmerged')) WHERE case_id = "
        "(SELECT case_id FROM timeline WHERE step = 'unmerged')",
        "that were taken out again did not",
    ),
    "a deadline that is as it was": (
        "dispatch",
        "UPDATE orders SET handle_by = handle_by - interval '1 hour' WHERE extended_times = 1",
        "extensions moved a deadline on",
    ),
    "a suspension that counts": (
        "incident",
        "UPDATE timeline SET happened_at = happened_at + interval '1 day' WHERE step = 'resumed'",
        "suspensions did not count",
    ),
    "an appeal that changes nothing": (
        "dispatch",
        "UPDATE orders SET in_kpis = true WHERE NOT in_kpis",
        "upheld appeals left the KPIs",
    ),
    "points that are kept after an appeal": (
        "scoring",
        "DELETE FROM transactions WHERE id = (SELECT min(id::text)::uuid FROM transactions WHERE kind = 'restore')",
        "upheld appeals left the KPIs",
    ),
    "a member who is asked while absent": (
        "notify",
        "UPDATE notices SET occurred_at = (SELECT occurred_at + interval '30 minutes' FROM notices "
        "WHERE template = 'member_absent') WHERE event_id = (SELECT min(event_id::text)::uuid FROM notices "
        "JOIN deliveries USING (tenant, event_id) WHERE template = 'offered' AND recipient_id = (SELECT 'member:' || "
        "(parameters ->> 'member_id') FROM notices WHERE template = 'member_absent'))",
        "nobody absent was asked",
    ),
    "a check that found something else": (
        "dispatch",
        "UPDATE inspections SET holds = NOT holds WHERE inspection_id = (SELECT min(inspection_id::text)::uuid "
        "FROM inspections WHERE kind = 'check')",
        "found what its timeline says",
    ),
    "a handler who was sent to check": (
        "dispatch",
        "UPDATE inspections i SET asked = jsonb_build_array(o.member_id) FROM orders o WHERE o.order_id = i.order_id "
        "AND i.inspection_id = (SELECT min(inspection_id::text)::uuid FROM inspections WHERE kind = 'check')",
        "nobody was sent to check",
    ),
    "a verification by somebody else": (
        "dispatch",
        "UPDATE inspections SET done_by = 'M9999' WHERE inspection_id = (SELECT min(inspection_id::text)::uuid "
        "FROM inspections WHERE kind = 'verify')",
        "decided as was found",
    ),
    "a clock that fires for an order that has ended": (
        "dispatch",
        "INSERT INTO timers (name, key, due_at, body) SELECT 'OrderClock', order_id, now(), '{}' FROM orders LIMIT 1",
        "each clock and lease",
    ),
    "a deadline that was told too early": (
        "incident",
        "UPDATE timeline SET happened_at = happened_at - interval '2 hours' WHERE entry_id = (SELECT "
        "min(entry_id::text)::uuid FROM timeline WHERE step = 'overdue')",
        "deadlines were told when they were over",
    ),
    "a deadline that was told to nobody": (
        "incident",
        "DELETE FROM timeline WHERE entry_id = (SELECT min(entry_id::text)::uuid FROM timeline WHERE step = 'overdue')",
        "deadlines were told when they were over",
    ),
    "a closed case that waits for ever": (
        "incident",
        "DELETE FROM timers WHERE key = (SELECT min(key) FROM timers WHERE name = 'FeedbackClock')",
        "closed cases wait for their reporters",
    ),
    "an errand whose papers are gone": (
        "dispatch",
        "UPDATE orders SET particulars = '{}' WHERE order_id = (SELECT min(order_id::text)::uuid FROM orders "
        "WHERE particulars ? 'documents')",
        "errands came back",
    ),
    "an offer that was never widened": (
        "dispatch",
        "UPDATE orders SET offers = 1 WHERE order_id = (SELECT min(order_id::text)::uuid FROM orders WHERE "
        "category = '11002' AND level <> 'micro_grid' AND offers > 2)",
        "were offered more widely",
    ),
    "a deadline of which nobody was warned": (
        "notify",
        "UPDATE notices SET parameters = '{}' WHERE template = 'deadline_near' AND case_id = (SELECT "
        "min(n.case_id::text)::uuid FROM notices n JOIN notices e USING (tenant, case_id) WHERE "
        "n.template = 'deadline_near' AND e.template = 'overdue' AND n.case_id IN (SELECT case_id FROM notices "
        "WHERE template = 'offered' AND parameters ->> 'category_name' = '供水管道破裂'))",
        "deadlines were told when they were over",
    ),
}
