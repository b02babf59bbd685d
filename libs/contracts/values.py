"""Values of the domain that appear in messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from libs.contracts.message import Moment, Value
from libs.map_links import map_link
from libs.sentences import Unfit


class RequestKind(StrEnum):
    SNAPSHOT = "snapshot"
    SERVICE_ORDER = "service_order"
    ERRAND = "errand"
    PATROL = "patrol"
    REFERRAL = "referral"
    PROPOSAL = "proposal"


class Answer(StrEnum):
    """What an organisation says to a proposal: 采纳, 列入计划, 不采纳. Planned is not done."""

    ACCEPTED = "accepted"
    PLANNED = "planned"
    DECLINED = "declined"


REQUEST_KINDS: Mapping[str, str] = {
    RequestKind.SNAPSHOT: "随手拍",
    RequestKind.SERVICE_ORDER: "点单",
    RequestKind.ERRAND: "代办",
    RequestKind.PATROL: "巡查发现",
    RequestKind.REFERRAL: "转办",
    RequestKind.PROPOSAL: "建议",
}


HIDDEN = re.compile(
    "[\x01-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0001\U000e0020-\U000e007f]"
)
"""What turns the direction of a line, moves a terminal, or is there and cannot be seen. Joiners of emoji and of scripts
stay, tabs and ends of lines, too; NUL is refused, not taken out."""


NESTED_AT_MOST = 32


def without_hidden(value: Any, nested: int = 0) -> Any:
    """A text, or all that stand in data of JSON, without what is hidden. Raises Unfit where it is nested too deeply."""
    if nested > NESTED_AT_MOST:
        raise Unfit(f"最多嵌套 {NESTED_AT_MOST} 层", f"may be nested {NESTED_AT_MOST} levels deep at most")
    match value:
        case str():
            return HIDDEN.sub("", value)
        case dict():
            return {name: without_hidden(each, nested + 1) for name, each in value.items()}
        case list():
            return [without_hidden(each, nested + 1) for each in value]
        case _:
            return value


def with_nul(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where in data of JSON there is a text with the character U+0000, which no database column can hold."""
    match value:
        case str() if "\0" in value:
            yield path
        case dict():
            for name, each in value.items():
                yield from with_nul(each, (*path, name))
        case list():
            for place, each in enumerate(value):
                yield from with_nul(each, (*path, place))


WithoutHidden = BeforeValidator(lambda value: without_hidden(value))
"""For words that people type and others read in lists, mails and sheets."""

Document = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), WithoutHidden]
"""The name of a paper, such as 户口簿: never what is written on it."""

Documents = Annotated[tuple[Document, ...], Field(max_length=20)]
"""The papers that the resident hands over, or that the member must bring."""


def _fit_code(code: str) -> str:
    if " " in code or not code.isprintable():
        raise Unfit("含有空格或看不见的字符", "has a space, or a character that cannot be seen")
    if code in ("nearest", ".", "..") or code.endswith("/orders"):
        raise Unfit("与接口地址相同，请换一个编码", "is part of an address of the API: take another code")
    return code


ComponentCode = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_fit_code)]
"""The street's own code of a component (部件), as it stands on the lamp or the manhole."""


PhotoId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,200}$")]
"""A reference to a photo, whose bytes are elsewhere."""

Photos = Annotated[tuple[PhotoId, ...], Field(max_length=9)]


class Registration(StrEnum):
    """Whether a report of a category becomes a case at once, waits for an acceptor, or is verified."""

    AUTOMATIC = "automatic"
    ACCEPTOR = "acceptor"
    VERIFY = "verify"


class Unanswered(StrEnum):
    """What becomes of a case whose reporter does not answer a question in time: it goes on, or it ends."""

    GO_ON = "go_on"
    END = "end"


class Level(StrEnum):
    STREET = "street"
    COMMUNITY = "community"
    GRID = "grid"
    MICRO_GRID = "micro_grid"


LEVELS_ZH: Mapping[str, str] = {"street": "街道", "community": "社区", "grid": "网格", "micro_grid": "微网格"}


class Reach(StrEnum):
    """How far an offer goes: to the members nearest to the unit, or to all up to a level of the tree."""

    NEAREST = "nearest"
    MICRO_GRID = "micro_grid"
    GRID = "grid"
    COMMUNITY = "community"
    STREET = "street"


class OrgKind(StrEnum):
    STREET_COMMITTEE = "street_committee"
    COMMUNITY_ORG = "community_org"
    BRANCH = "branch"
    PARTY_GROUP = "party_group"


class MemberKind(StrEnum):
    FULL_TIME = "full_time"
    PARTY_MEMBER = "party_member"
    VOLUNTEER = "volunteer"
    RETIRED_CADRE = "retired_cadre"
    LIAISON = "liaison"
    LEAD = "lead"


class Stage(StrEnum):
    """The part of an order that a clock measures."""

    CLAIM = "claim"
    HANDLE = "handle"
    CHECK = "check"


class Channel(StrEnum):
    IN_APP = "in_app"
    EMAIL = "email"
    WEBHOOK = "webhook"


def not_swapped(latitude: Any) -> Any:
    """Raises Unfit for a latitude that can only be a longitude."""
    if isinstance(latitude, int | float) and 90 < abs(latitude) <= 180:
        raise Unfit(
            f"纬度应在 -90 至 90 之间，{latitude} 像是经度：经纬度是否写反了",
            f"must be -90 to 90, and {latitude} looks like a longitude: are the two swapped?",
        )
    return latitude


class Position(Value):
    """WGS84, degrees."""

    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)
    latitude: Annotated[float, BeforeValidator(not_swapped)] = Field(ge=-90, le=90, allow_inf_nan=False)


class Point(Position):
    """Where something was reported to be, as well as whoever says so knows."""

    accuracy_m: float | None = Field(
        None,
        ge=0,
        le=10_000,
        allow_inf_nan=False,
        exclude_if=lambda metres: metres is None,
        description="It lies within so many metres of the point, as phones say it; left out, nothing is known of that.",
    )


class Place(Value):
    """Where it is: a point, the name of a place, or both; the point decides."""

    point: Point | None = None
    name: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), WithoutHidden] | None
    ) = None

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.point is None and self.name is None:
            raise Unfit("地点要有坐标（经度、纬度）或名称", "a place needs a point (longitude, latitude) or a name")
        return self

    def map_link(self, template: str) -> str | None:
        """Opens a map at the point; None where only a name is known."""
        return map_link(template, self.point.longitude, self.point.latitude) if self.point else None


APPOINTMENT_LENGTH = timedelta(hours=24)


class Appointment(Value):
    """The window in which a resident expects somebody: shorter than a day, so that it says when."""

    starts_at: Moment
    ends_at: Moment

    @model_validator(mode="after")
    def _is_a_window(self) -> Self:
        if not timedelta(0) < self.ends_at - self.starts_at <= APPOINTMENT_LENGTH:
            raise Unfit(
                "约定时间的结束应晚于开始，且不超过 24 小时",
                "an appointment ends after it starts, and no more than 24 hours later",
            )
        return self


class SealedContact(Value):
    """A contact that only notify can open: a libsodium sealed box (base64) and the id of its key."""

    key_id: str = Field(max_length=32)
    box: str = Field(max_length=4096, repr=False)
