"""The file of rules: read and judged once, when the service starts."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from libs.validation import sentence_of
from services.scoring.rules.domain import EVENTS, EarnerRole, Rule, Rules
from services.scoring.settings import Settings

DIMENSIONS = 5
SHIPPED = Path(__file__).with_name("rules.toml")

Points = Annotated[int, Field(ge=1, le=1000)]
Dimension = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=32)]


class RulesNotUsable(Exception):
    """The file of rules cannot be read or contradicts itself: where, and what would be right."""


class _RuleEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    event: str
    who: Annotated[EarnerRole, Field(strict=False)]
    when: dict[str, bool]
    points: Points | Literal["category"]
    dimension: Dimension
    daily_cap: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _fits_its_event(self) -> Self:
        if (scored := EVENTS.get(self.event)) is None:
            raise ValueError(f"{self.name}: event must be one of {', '.join(sorted(EVENTS))}")
        if self.who not in scored.earners:
            raise ValueError(f"{self.name}: who must be one of {', '.join(sorted(scored.earners))} for this event")
        if unknown := set(self.when) - scored.conditions:
            possible = ", ".join(sorted(scored.conditions))
            raise ValueError(f"{self.name}: when knows {possible} for this event, not {', '.join(sorted(unknown))}")
        for condition, wanted in scored.earners[self.who].items():
            if self.when.get(condition) is not wanted:
                raise ValueError(f"{self.name}: fair play needs {condition} = {str(wanted).lower()} in when")
        if isinstance(self.points, int) and self.daily_cap is not None and self.daily_cap < self.points:
            raise ValueError(f"{self.name}: daily_cap must be at least the points of one deed, {self.points}")
        return self


class _RulesFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    version: Annotated[int, Field(ge=1)]
    dimensions: Annotated[list[Dimension], Field(min_length=DIMENSIONS, max_length=DIMENSIONS)]
    rules: Annotated[list[_RuleEntry], Field(min_length=1)]

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if len(set(self.dimensions)) < DIMENSIONS:
            raise ValueError("dimensions: each of the five needs a name of its own")
        if twice := [name for name, count in Counter(rule.name for rule in self.rules).items() if count > 1]:
            raise ValueError(f"rules: {', '.join(twice)} is there twice; names are accounts of the ledger")
        for rule in self.rules:
            if rule.dimension not in self.dimensions:
                raise ValueError(f"{rule.name}: dimension must be one of {', '.join(self.dimensions)}")
        return self


def load(path: Path) -> Rules:
    """The rules of a file. Raises RulesNotUsable, which says what is wrong and where."""
    try:
        file = _RulesFile.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise RulesNotUsable(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulesNotUsable(f"{path} is no TOML: {error}") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {sentence_of(e)}" for e in error.errors())
        raise RulesNotUsable(f"{path}: {wrong}") from None
    return Rules(file.version, tuple(file.dimensions), tuple(_rule(entry) for entry in file.rules))


def _rule(entry: _RuleEntry) -> Rule:
    points = None if entry.points == "category" else int(entry.points)
    return Rule(entry.name, entry.event, entry.who, entry.when, points, entry.dimension, entry.daily_cap)


def rules_of(holder: Any) -> Rules:
    """The rules of the process (see `Settings.of`). They are read at the start."""
    return Settings.of(holder).once(read)


def read(settings: Settings) -> Rules:
    return load(settings.rules_file or SHIPPED)
