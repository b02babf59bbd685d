"""Over which channels a recipient is reached: their wishes, their addresses, and what the template may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from libs.contracts.values import Channel

NOT_WANTED = "not wanted by the recipient"
NO_ADDRESS = "no address"
ERASED = "the recipient was erased"

DEFAULTS: Mapping[str, tuple[Channel, ...]] = {
    "member": (Channel.IN_APP, Channel.EMAIL),
    "reporter": (Channel.EMAIL, Channel.WEBHOOK),
    "org": (Channel.IN_APP,),
}
"""The channels of each kind of recipient, as long as they do not say otherwise."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """What decides over the channels: many recipients are alike in it.

    `wanted` and `unwanted` hold only what the recipient has said, `addresses` the channels with a known address.
    """

    kind: str
    wanted: frozenset[Channel] = frozenset()
    unwanted: frozenset[Channel] = frozenset()
    addresses: frozenset[Channel] = frozenset()
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class Suppress:
    """Nothing is sent: the channel on which it would have been, and why not."""

    channel: Channel
    reason: str


def kind(recipient_id: str) -> str:
    """The part before the colon: member, reporter or org."""
    return recipient_id.partition(":")[0]


def channels_of(recipient: Recipient) -> tuple[Channel, ...]:
    """The channels that a recipient wants, by what they have said or else by what is usual."""
    usual = DEFAULTS[recipient.kind]
    return tuple(c for c in Channel if c in recipient.wanted or (c in usual and c not in recipient.unwanted))


@cache
def reach(recipient: Recipient, channels: frozenset[Channel]) -> Reach | Suppress:
    """Every channel that is wanted and has an address. A notification is suppressed when none is left."""
    usual = [c for c in DEFAULTS[recipient.kind] if c in channels]
    lost = usual[0] if usual else Channel.IN_APP
    if recipient.erased:
        return Suppress(lost, ERASED)
    wishes = [c for c in channels_of(recipient) if c in channels]
    if not wishes:
        return Suppress(lost, NOT_WANTED)
    reachable = tuple(c for c in wishes if c is Channel.IN_APP or c in recipient.addresses)
    return Reach(reachable) if reachable else Suppress(wishes[0], NO_ADDRESS)


def reporter(reporter_id: object) -> str:
    return f"reporter:{reporter_id}"


def member(member_id: str) -> str:
    return f"member:{member_id}"


def org(org_id: str) -> str:
    return f"org:{org_id}"


@dataclass(frozen=True, slots=True)
class EraseRecipient:
    tenant: str
    recipient_id: str


@dataclass(frozen=True, slots=True)
class SetPreferences:
    """`wishes`: what the recipient says of channels; of all others the default of their kind holds."""

    tenant: str
    recipient_id: str
    wishes: Mapping[str, bool]
    language: str | None
