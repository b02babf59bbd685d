"""Small changes are found where they could be mistakes, and nowhere else."""

from __future__ import annotations

from tests.mutants.changes import changes

SOURCE = '''
"""A docstring with 1 number."""

@dataclass(frozen=True, slots=True)
class Limit:
    most: int = 3

    def holds(self, number: int) -> bool:
        return number <= self.most and not self.over(number)


def 限(a: Literal[1]) -> int | None:
    if a in (2,):
        return None
    return a + 1
'''


def test_a_comparison_is_turned_and_moved_by_one() -> None:
    new = {each.new for each in changes(SOURCE) if each.old == "number <= self.most"}
    assert new == {"number < self.most", "number > self.most"}


def test_each_change_is_at_its_place_in_the_file() -> None:
    changed = {each.words: each.applied(SOURCE.encode()).decode() for each in changes(SOURCE)}
    assert "    return (a - 1)\n" in changed["a + 1 → a - 1"]
    assert "    if (True):\n" in changed["a in (2,) → True"]
    assert "most: int = (4)" in changed["3 → 4"]


def test_annotations_docstrings_and_frozen_classes_stay_as_they_are() -> None:
    assert {each.old for each in changes(SOURCE) if each.function == "Limit"} == {"3"}
    assert {each.old for each in changes(SOURCE) if each.function == "限"} == {"a in (2,)", "2", "a + 1", "1"}


def test_the_same_change_twice_in_one_function_is_numbered() -> None:
    twice = changes("def two(a: int) -> bool:\n    return a == 1 or a == 1\n")
    assert [each.words for each in twice if each.old == "1"] == ["1 → 2", "1 → 2 (2)"]
