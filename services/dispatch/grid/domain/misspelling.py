"""Names with one character wrong: another one, one too many, one too few, or two that stand the wrong way round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

SHORTEST = 3
"""Of two characters one says too little."""
ANY = "\0"
"""Any one character, in the index."""


class Misspelt(NamedTuple):
    """Where in the text, from and until, something stands that is one character off the name."""

    start: int
    end: int
    name: str


class Misspellings:
    """All ways to get one character of a name wrong, so that a text is looked up and not compared with every name."""

    def __init__(self, names: Iterable[str]) -> None:
        forms: dict[str, set[str]] = {}
        for name in names:
            if len(name) >= SHORTEST:
                for form in _wrong(name):
                    forms.setdefault(form, set()).add(name)
        self._forms = {form: tuple(sorted(meant)) for form, meant in forms.items()}
        self._lengths = range(min(map(len, forms), default=0), max(map(len, forms), default=-1) + 1)
        self._first = {form[0] for form in forms}
        self._after_any = {form[1] for form in forms if form[0] == ANY}

    def find(self, text: str) -> list[Misspelt]:
        """Everything in the text that is one character off a name. Two characters are only looked up alone."""
        found = []
        for start in range(len(text)):
            known = text[start] in self._first
            wild = text[start + 1 : start + 2] in self._after_any
            if not known and not wild:
                continue
            for length in self._lengths:
                end = start + length
                if end > len(text):
                    break
                if length < SHORTEST and length < len(text):
                    continue
                for form in _forms(text[start:end], known, wild):
                    for name in self._forms.get(form, ()):
                        found.append(Misspelt(start, end, name))
        return found


def _wrong(name: str) -> Iterator[str]:
    for at in range(len(name)):
        yield name[:at] + ANY + name[at + 1 :]
        yield name[:at] + name[at + 1 :]
    for at in range(1, len(name)):
        yield name[:at] + ANY + name[at:]
        yield name[: at - 1] + name[at] + name[at - 1] + name[at + 1 :]


def _forms(said: str, known: bool, wild: bool) -> Iterator[str]:
    """How the index may have it; `known`: with its first character, `wild`: with any instead of that."""
    if wild:
        yield ANY + said[1:]
    if known:
        yield said
        for at in range(1, len(said)):
            yield said[:at] + ANY + said[at + 1 :]
