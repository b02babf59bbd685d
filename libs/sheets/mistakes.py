"""What is wrong with a sheet, said so that whoever wrote it can mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from libs.sentences import Language, Sentence, joined

SHOWN = 50
UNCHANGED = Sentence("什么也没有改动。", "Nothing was changed.")
"""What follows on every mistake of an import."""
LINE = Sentence("第{}行", "line {}")
FEATURE = Sentence("第{}个要素", "feature {}")


@dataclass(frozen=True, slots=True)
class Where:
    """A line of a file or of a sheet, a feature of a map, or the whole of it where there is no number."""

    name: str = ""
    number: int | None = None
    counted: Sentence = LINE

    def told(self, language: Language) -> str:
        if self.number is None:
            return self.name
        return f"{self.name} {self.counted.told(language).format(self.number)}".strip()

    def __str__(self) -> str:
        return self.told(Language.EN)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, and what would be right; the whole line where no column is named."""

    where: Where
    column: str | None
    wrong: Sentence
    right: Sentence | None = None

    def told(self, language: Language) -> str:
        zh = language is Language.ZH
        place = ("，" if zh else ", ").join(filter(None, (self.where.told(language), self.column)))
        told = self.wrong.told(language)
        if place:
            told = f"{place}：{told}" if zh else f"{place}: {told}"
        if self.right is None:
            return told
        return f"{told}（{self.right.zh}）" if zh else f"{told} ({self.right.en})"

    def __str__(self) -> str:
        return self.told(Language.EN)


class Mistaken(Exception):
    """What was handed in has mistakes, so nothing was changed. The first are shown, and all are here."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = mistakes
        lines = [Sentence(each.told(Language.ZH), each.told(Language.EN)) for each in mistakes[:SHOWN]]
        if (more := len(mistakes) - SHOWN) > 0:
            lines.append(Sentence(f"……另有 {more} 处", f"… and {more} more"))
        self.sentence = joined(lines)
        super().__init__(self.sentence.en)
