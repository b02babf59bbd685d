"""A notification in words: a template of one language, filled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Literal


@dataclass(frozen=True, slots=True)
class Template:
    subject: str
    text: str

    def placeholders(self) -> set[str]:
        return {name for part in (self.subject, self.text) for _, name, _, _ in Formatter().parse(part) if name}


@dataclass(frozen=True, slots=True)
class Wording:
    """Everything that can be said in one language. `words`: what the values of a parameter are called."""

    templates: Mapping[str, Template]
    words: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, repr=False)
class RenderedMessage:
    subject: str
    text: str


class _Blank(dict[str, str]):
    """A notification that was queued under an older template may lack what a newer one says."""

    def __missing__(self, _: str) -> str:
        return ""


def say(wording: Wording, template: str, values: Mapping[str, str]) -> RenderedMessage:
    """The subject is one line, whatever the values hold. A line of the text that has nothing to say is left out."""
    words = wording.words
    spoken = _Blank({name: words.get(name, {}).get(value, value) for name, value in values.items()})
    chosen = wording.templates[template]
    lines = [line.format_map(spoken) for line in chosen.text.splitlines() if not _is_blank(line, spoken)]
    return RenderedMessage(" ".join(chosen.subject.format_map(spoken).split()), "\n".join(lines).strip() + "\n")


def _is_blank(line: str, spoken: Mapping[str, str]) -> bool:
    names = [name for _, name, _, _ in Formatter().parse(line) if name]
    return bool(names) and not any(spoken[name] for name in names)


Language = Literal["zh", "en"]
DEFAULT_LANGUAGE: Language = "zh"
