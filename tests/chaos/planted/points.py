"""Bugs of the scoring service: the ledger and what becomes of it when work is undone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from libs.chassis.db.ids import new_id
from services.scoring.earning import handlers
from services.scoring.ledger import domain
from services.scoring.ledger import tables as ledger
from services.scoring.ledger.domain import Kind, Transaction
from tests.chaos.planted.bugs import Patches, bug
from tests.chaos.statements.points import EARNED, POSTED, TAKEN_BACK, TOLD


@bug("scoring", "a fact earns twice, the second time under another name", EARNED)
def earned_twice(patches: Patches) -> None:
    def make(earn: Any) -> Any:
        def twice(*about: Any) -> list[Transaction]:
            made: list[Transaction] = earn(*about)
            copies = [replace(t, id=new_id(), cause_id=new_id()) for t in made if t.kind is Kind.EARN]
            return [*made, *copies]

        return twice

    patches.set(handlers, "earn", make)


@bug("scoring", "a reversal takes back twice the points", TAKEN_BACK)
def reversed_twice(patches: Patches) -> None:
    def make(reversal: Any) -> Any:
        def doubled(*about: Any) -> Transaction:
            made: Transaction = reversal(*about)
            return replace(made, points=2 * made.points)

        return doubled

    patches.set(domain, "reversal", make)


@bug("scoring", "nothing is taken back", TAKEN_BACK)
def reversal_lost(patches: Patches) -> None:
    async def nothing(*about: Any) -> list[Transaction]:
        return []

    patches.set(handlers, "_take_back", lambda _: nothing)


@bug("scoring", "the organisation's posting is left out, and the rule's made to fit", POSTED)
def one_sided_posting(patches: Patches) -> None:
    def make(postings: Any) -> Any:
        def two(transaction: Transaction) -> tuple[Any, ...]:
            member, _, rule = postings(transaction)
            return member, replace(rule, amount=-member.amount)

        return two

    patches.set(ledger, "postings", make)


@bug("scoring", "the balances of organisations are not kept", "balances are what their postings add up to")
def balance_forgotten(patches: Patches) -> None:
    def make(changes: Any) -> Any:
        def but_orgs(made: Iterable[Any]) -> dict[Any, int]:
            return {key: change for key, change in changes(made).items() if not key[1].startswith("org:")}

        return but_orgs

    patches.set(ledger, "changes", make)


@bug("scoring", "points are posted and nobody is told", TOLD)
def points_untold(patches: Patches) -> None:
    patches.set(handlers, "facts", lambda _: lambda transactions: [])
