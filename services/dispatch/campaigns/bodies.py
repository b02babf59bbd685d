"""What bodies and queries about campaigns and patrols have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from libs.sentences import Unfit


def _storable(text: str) -> str:
    if "\0" in text:
        raise Unfit("不能含有字符 U+0000，请去掉", "it may not hold the character U+0000; leave it out")
    return text


Storable = AfterValidator(_storable)
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), Storable]
Photos = Annotated[
    list[Annotated[str, Field(max_length=200), Storable]], Field(max_length=9, description="Ids of photos.")
]
