"""Residents who follow a case, or do not any more."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused
from libs.contracts.incident import CaseFollowed, CaseUnfollowed
from libs.sentences import Sentence
from services.incident.cases import tables as case_tables
from services.incident.cases.batch import CaseBatch
from services.incident.cases.domain.refusals import NO_SUCH_CODE, no_case
from services.incident.cases.tables import LockedCase
from services.incident.following import tables
from services.incident.following.domain import FollowCase, Follower, Following, UnfollowCase, refuse
from services.incident.merging import tables as merging_tables

router = EventRouter("incident")


@router.answers(FollowCase)
async def follow_cases(commands: Batch[FollowCase], db: Database) -> list[Answer]:
    """A case that was merged is followed as the one that survives. The same key again has the same answer."""
    known = await tables.known(db, ((c.tenant, c.sender, c.key) for c in commands))
    survivors = await merging_tables.survivor_of(db, {(c.tenant, c.case_no) for c in commands})
    named = {(c.tenant, survivors.get((c.tenant, c.case_no), c.case_no)) for c in commands}
    cases = await case_tables.lock_by_number(db, named)
    batch, new, counted = CaseBatch(commands.now), list[Follower](), dict[UUID, LockedCase]()
    answers: list[Answer] = []
    for command in commands:
        case = cases.get((command.tenant, survivors.get((command.tenant, command.case_no), command.case_no)))
        if case is None:
            answers.append(Refused(404, "Not found", no_case(command.tenant, command.case_no)))
            continue
        case = counted.get(case.case_id, case)
        scope = (command.tenant, command.sender, command.key)
        if scope in known:
            case_no, follower = known[scope]
            answers.append(_again(command, case_no, follower, case))
            continue
        standing = batch.standing(case)
        if (why := refuse(standing)) is not None:
            answers.append(Refused(409, "Not possible now", why, {"state": standing.state, "allowed": []}))
            continue
        counted[case.case_id] = case = replace(case, followers=case.followers + 1)
        follower = Follower(
            case.tenant, case.case_id, new_id(), command.sender, command.key, command.tracking_code, commands.now
        )
        new.append(follower)
        known[scope] = case.case_no, follower
        batch.append_entry(case, standing, new_id(), "followed", commands.now, {"followers": case.followers})
        fact = CaseFollowed(
            tenant=case.tenant,
            occurred_at=commands.now,
            case_id=case.case_id,
            case_no=case.case_no,
            sender=case.sender,
            category_name=case.content.category_name,
            follower_id=follower.follower_id,
            followers=case.followers,
            sealed_contact=command.sealed_contact,
        )
        answers.append(Done(Following(case.case_no, follower.tracking_code, case.followers), [fact]))
    await batch.write(db)
    await tables.add(db, new)
    await tables.count(db, counted.values())
    return answers


@router.answers(UnfollowCase)
async def unfollow_cases(commands: Batch[UnfollowCase], db: Database) -> list[Answer]:
    following = await tables.by_code(db, (c.tracking_code for c in commands))
    cases = await case_tables.lock_by_id(db, ((f.tenant, f.case_id) for _, f in following.values()))
    batch, ended, counted = CaseBatch(commands.now), list[Follower](), dict[UUID, LockedCase]()
    answers: list[Answer] = []
    for command in commands:
        if command.tracking_code not in following:
            answers.append(Refused(404, "Not found", NO_SUCH_CODE))
            continue
        case_no, follower = following[command.tracking_code]
        case = cases[follower.tenant, follower.case_id]
        case = counted.get(case.case_id, case)
        if follower.ended_at is not None:
            answers.append(Done(Following(case_no, follower.tracking_code, case.followers)))
            continue
        counted[case.case_id] = case = replace(case, followers=case.followers - 1)
        follower = replace(follower, ended_at=commands.now)
        following[command.tracking_code] = case_no, follower
        ended.append(follower)
        standing = batch.standing(case)
        batch.append_entry(case, standing, new_id(), "unfollowed", commands.now, {"followers": case.followers})
        fact = CaseUnfollowed(
            tenant=case.tenant,
            occurred_at=commands.now,
            case_id=case.case_id,
            case_no=case.case_no,
            sender=case.sender,
            follower_id=follower.follower_id,
            followers=case.followers,
        )
        answers.append(Done(Following(case.case_no, follower.tracking_code, case.followers), [fact]))
    await batch.write(db)
    await tables.end(db, ended)
    await tables.count(db, counted.values())
    return answers


def _again(command: FollowCase, case_no: str, follower: Follower, case: LockedCase) -> Answer:
    """Also where the case has been merged into another since."""
    if follower.case_id == case.case_id or case_no == command.case_no:
        if follower.ended_at is not None:
            zh = f"这个 Idempotency-Key 曾用于关注 {case_no}，之后已取消关注；再次关注请用新的。"
            en = f"This Idempotency-Key was used to follow {case_no}, which has ended; following again needs a new one."
            return Refused(409, "Not possible now", Sentence(zh, en))
        return Done(Following(case_no, follower.tracking_code, case.followers))
    zh = f"这个 Idempotency-Key 已用于关注 {case_no}；另一个案件请用新的。"
    en = f"This Idempotency-Key was used to follow {case_no}; another case needs a new one."
    return Refused(422, "Key used for another case", Sentence(zh, en))
