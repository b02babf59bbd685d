"""What a person is told, in both languages, and which of them somebody reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class Language(StrEnum):
    ZH = "zh"
    EN = "en"

    @classmethod
    def accepted(cls, header: str) -> Self:
        """The one that an Accept-Language header (RFC 9110) likes better; English where it likes neither."""
        best, weight = cls.EN, 0.0
        for part in header.split(","):
            tag, _, parameter = (each.strip().lower() for each in part.partition(";"))
            name = tag.partition("-")[0]
            if name in list(cls) and (liked := _weight(parameter)) > weight:
                best, weight = cls(name), liked
        return best


def _weight(parameter: str) -> float:
    name, _, value = (each.strip() for each in parameter.partition("="))
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0


@dataclass(frozen=True, slots=True)
class Sentence:
    """The same said in Chinese and in English."""

    zh: str
    en: str

    def told(self, language: Language) -> str:
        return self.zh if language is Language.ZH else self.en

    def __str__(self) -> str:
        return self.en


def joined(sentences: Iterable[Sentence], between: str = "\n") -> Sentence:
    found = list(sentences)
    return Sentence(between.join(each.zh for each in found), between.join(each.en for each in found))


def told(value: Any, language: Language) -> Any:
    """Data for JSON, in which sentences are told in the language."""
    match value:
        case Sentence():
            return value.told(language)
        case dict():
            return {name: told(each, language) for name, each in value.items()}
        case list():
            return [told(each, language) for each in value]
        case _:
            return value


def counted(number: int, what: str) -> str:
    """1 case, 2 cases."""
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number} {what if number == 1 else plural}"


def none_in_street(tenant: str, zh: str, en: str) -> Sentence:
    """What somebody named, such as an order by its id, is not there."""
    return Sentence(f"街道 {tenant} 没有{zh}。", f"Street {tenant} has no {en}.")


def unknown_street(tenant: str) -> Sentence:
    return Sentence(f"这里没有街道 {tenant}。", f"There is no street {tenant} here.")


class Unfit(ValueError):
    """Raised by a validator: the value cannot be taken, and this is why, in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        self.sentence = Sentence(zh, en)
        super().__init__(en)
