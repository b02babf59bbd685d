"""The summary of a report that others may read: short, and without anything that looks like a contact."""

from __future__ import annotations

import re

from libs.contracts.values import Place

SUMMARY_LENGTH = 200
GONE = "…"
# Bounded repetitions: a text of 5 000 characters must not cost quadratic time.
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64} ?[@＠] ?[A-Za-z0-9-]{1,63}(?:[.．。][A-Za-z0-9-]{1,63}){1,8}")
_OTHER_ADDRESS = re.compile(r"[^\s@＠，。；：、]{0,64}[@＠][^\s@＠，。；：、]{1,64}")
_ID_NUMBER = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_DATE = r"(?<!\d)(?P<date>(?:19|20)\d\d(?P<dash>[-./])\d{1,2}(?P=dash)\d{1,2})(?!\d)"
_GAP = r"[ \t\u00a0\u3000\-\u2010-\u2015－_./·()（）]{0,3}"
_NUMBER = re.compile(rf"{_DATE}|[+＋]?\d(?:{_GAP}\d){{6,}}")
_SPELT_NUMBER = re.compile(r"[零〇○幺一二三四五六七八九两](?:[ \-]?[零〇○幺一二三四五六七八九两]){6,}")
_MESSENGER = re.compile(
    r"((?:微信|薇信|威信|v信|(?<![A-Za-z])(?:vx|wx|wechat|weixin|qq)|扣扣)"
    r"(?:号码|号|群|账号|id|同|是|为|叫|加|我|[\s:：=,，\-(（]){0,6})"
    r"[A-Za-z0-9_][A-Za-z0-9_\-]{3,31}",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """The text with numbers that look like a phone or an identity card, e-mail addresses and the names that follow
    a messenger's replaced by an ellipsis. It would rather hide a serial number than show a phone number."""
    if "@" in text or "＠" in text:
        text = _OTHER_ADDRESS.sub(GONE, _EMAIL.sub(GONE, text))
    text = _MESSENGER.sub(rf"\1{GONE}", text)
    text = _ID_NUMBER.sub(GONE, text)
    text = _NUMBER.sub(lambda match: match["date"] or GONE, text)
    return _SPELT_NUMBER.sub(GONE, text)


_MOBILE = re.compile(r"\+?(?:86)?1[3-9]\d{9}")


def is_contact(code: str) -> bool:
    """Whether a code, which may be a long number, is rather a mobile phone, an identity card or an address."""
    return any(pattern.fullmatch(code) for pattern in (_MOBILE, _ID_NUMBER, _EMAIL, _OTHER_ADDRESS))


def public_place(place: Place) -> Place:
    """A place's name is typed by whoever reports, and goes where the summary goes."""
    return place if place.name is None else place.model_copy(update={"name": redact(place.name)})


def summarise(text: str) -> str:
    """At most 200 characters on one line. Redacted before it is cut, so that no half of a number is left."""
    line = redact(" ".join(text.split()))
    return line if len(line) <= SUMMARY_LENGTH else line[: SUMMARY_LENGTH - 1] + GONE
