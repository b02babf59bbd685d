"""The state machine of an aggregate as a table: code, refusals, docs/transitions.md and tests are derived from it."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from libs.sentences import Sentence


class Label(NamedTuple):
    en: str
    zh: str


class Role(StrEnum):
    """Who may make a move."""

    CANDIDATE = "candidate"
    HANDLER = "handler"
    INSPECTOR = "inspector"
    MEMBER = "member"
    ORGANISATION = "organisation"
    HELPER = "helper"
    PARENT = "parent"
    HIGHER = "higher"
    STREET = "street"
    ACCEPTOR = "acceptor"
    VERIFIER = "verifier"
    REPORTER = "reporter"
    RESIDENT = "resident"
    CLOCK = "clock"
    FACT = "fact"


ROLES: Mapping[Role, Label] = {
    Role.CANDIDATE: Label("a member whom it is offered to", "被派单的成员"),
    Role.HANDLER: Label("the member who has it", "接单的成员"),
    Role.INSPECTOR: Label(
        "a member who was asked to look, or another of an organisation that answers for it",
        "被指派到现场查看的成员，或负责党组织的其他成员",
    ),
    Role.MEMBER: Label("a member of the street", "街道的网格成员"),
    Role.ORGANISATION: Label("a member of an organisation that answers for it", "负责该工单的党组织的成员"),
    Role.HELPER: Label("a member of the organisation that helps", "协办党组织的成员"),
    Role.PARENT: Label("a member of the parent organisation", "上级党组织的成员"),
    Role.HIGHER: Label("a member of a higher level", "更高层级的成员"),
    Role.STREET: Label("a member of the street committee", "街道党工委的成员"),
    Role.ACCEPTOR: Label("an acceptor", "受理员"),
    Role.VERIFIER: Label("an acceptor, or the member who looked on site", "受理员或现场核实的成员"),
    Role.REPORTER: Label("the reporter", "上报人"),
    Role.RESIDENT: Label("a resident", "居民"),
    Role.CLOCK: Label("the clock", "时钟"),
    Role.FACT: Label("a fact of another service", "其他服务的事件"),
}
BY_ITSELF = frozenset({Role.CLOCK, Role.FACT})
NOT_STAFF = BY_ITSELF | {Role.REPORTER, Role.RESIDENT}


class Need(StrEnum):
    """What a move requires of whoever makes it."""

    REASON = "reason"
    LISTED_REASON = "listed_reason"
    NOTE = "note"
    PHOTO = "photo"
    EVIDENCE = "evidence"
    APPROVAL = "approval"
    OTHER_UNIT = "other_unit"


NEEDS: Mapping[Need, Label] = {
    Need.REASON: Label("a reason", "理由"),
    Need.LISTED_REASON: Label("a reason from the list", "从清单中选择的理由"),
    Need.NOTE: Label("a note", "说明"),
    Need.PHOTO: Label("a photo", "照片"),
    Need.EVIDENCE: Label("the evidence that the responsibility list asks for", "权责清单要求的凭证"),
    Need.APPROVAL: Label("the approval of the parent organisation", "上级党组织批准"),
    Need.OTHER_UNIT: Label("another unit in which its uncertain point may lie", "坐标精度范围内的另一单元"),
}

NAMED_AT_MOST = 3
"""A sentence names so many moves that are possible instead; all of them are in the data beside it."""

S = TypeVar("S", bound=StrEnum)
M = TypeVar("M", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Transition(Generic[S, M]):
    """One row: the move leads from each of the origins to the target; without a target the state stays.

    The API has the move under its own name, or where several are one request under `path`, told apart by the field
    `sends` and its value.
    """

    move: M
    zh: str
    origins: tuple[S, ...]
    target: S | None
    who: Role
    needs: tuple[Need, ...] = ()
    path: str = ""
    sends: tuple[str, str | bool] | None = None

    def leads(self, origin: S) -> S:
        """The state after the move."""
        return origin if self.target is None else self.target

    def shown(self) -> dict[str, Any]:
        """As a refusal of the API lists it; docs/transitions.md says in words who that is and what is needed."""
        return {
            "move": self.move.value,
            "zh": self.zh,
            "path": self.path or self.move.value,
            "sends": dict([self.sends]) if self.sends else {},
            "leads_to": self.target.value if self.target else None,
            "who": self.who.value,
            "needs": [need.value for need in self.needs],
        }


@dataclass(frozen=True, slots=True)
class Impossible:
    """A move that the table does not have in this state, and those that it has."""

    detail: Sentence
    allowed: tuple[Transition[Any, Any], ...]


class Table(Generic[S, M]):
    """Every move of an aggregate; what is not in it is refused."""

    def __init__(self, name: Label, states: Mapping[S, str], transitions: Sequence[Transition[S, M]]) -> None:
        self.name = name
        self.states = states
        self.transitions = tuple(transitions)
        self._found = {(origin, t.move): t for t in self.transitions for origin in t.origins}
        if len(self._found) != sum(len(t.origins) for t in self.transitions):
            raise TypeError(f"a move of the {name.en} leads from one state to two")

    def get(self, state: S, move: M) -> Transition[S, M] | None:
        return self._found.get((state, move))

    def find(self, state: S, move: M, without: Container[M] = ()) -> Transition[S, M] | Impossible:
        """`without`: moves that this one of the aggregates does not have, which a refusal does not offer."""
        return self._found.get((state, move)) or self.impossible(state, move, without)

    def of(self, move: M) -> tuple[Transition[S, M], ...]:
        """The rows of a move: more than one where it leads to different states."""
        return tuple(t for t in self.transitions if t.move is move)

    def allowed(self, state: S, without: Container[M] = ()) -> tuple[Transition[S, M], ...]:
        """What somebody of the staff may do in a state."""
        possible = (t for t in self.transitions if state in t.origins and t.who not in NOT_STAFF)
        return tuple(t for t in possible if t.move not in without)

    def impossible(self, state: S, move: M, without: Container[M] = ()) -> Impossible:
        allowed = self.allowed(state, without)
        zh = f"{self.name.zh}{self.states[state]}，现在不能{self.of(move)[0].zh}"
        en = f"the {self.name.en} is {state}: {move} is not possible now"
        if 0 < len(allowed) <= NAMED_AT_MOST:
            zh += f"；可以：{'、'.join(dict.fromkeys(each.zh for each in allowed))}"
            en += f", only {', '.join(dict.fromkeys(each.move.value for each in allowed))}"
        return Impossible(Sentence(zh, en), allowed)
