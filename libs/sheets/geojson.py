"""A GeoJSON map of points (RFC 7946) as a sheet: each feature a line, its properties the columns beside its point."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from libs.sentences import Sentence
from libs.sheets.mistakes import FEATURE, Mistake, Mistaken, Where
from libs.sheets.workbook import MAX_COLUMNS, Book, Limits, Line, Sheet, check_size, decoded, too_many_lines, unreadable

POINT = ("longitude", "latitude")
OF_THE_POINT = frozenset((*POINT, "经度", "纬度"))
"""Properties of these names say again where the feature lies: its geometry counts."""

ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""JSON writes a character beyond the first 65536 as two halves; one alone is no character, and no text can have it."""
A_HALF = Sentence(
    "有半个字符（如单独的 \\ud800）：请改正这些文字",
    "has the half of a character, such as \\ud800 alone: mend the text",
)


def read(content: bytes, limits: Limits) -> Book:
    """The features of a map, whose header is line 0. Raises Mistaken with every feature that is no point."""
    check_size(content, limits)
    text, encoding = decoded(content)
    features = _features(text)
    if len(features) > limits.lines:
        raise too_many_lines(limits)
    whole = ESCAPED_HALF.search(text) is None
    points, mistakes = [], []
    for number, feature in enumerate(features, start=1):
        match _point(feature) if whole or _is_whole(feature) else A_HALF:
            case tuple() as point:
                points.append(point)
            case wrong:
                mistakes.append(Mistake(Where("", number, FEATURE), None, wrong))
    if mistakes:
        raise Mistaken(mistakes)
    titles = _titles(features)
    lines = [Line(0, (*POINT, *titles))]
    for number, (feature, point) in enumerate(zip(features, points, strict=True), start=1):
        properties = feature.get("properties") or {}
        lines.append(Line(number, (*point, *(_text(properties.get(title)) for title in titles))))
    return Book([Sheet("", lines, counted=FEATURE)], encoding)


def _features(text: str) -> Sequence[Any]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        zh, en = f"不是 JSON：第 {error.colno} 个字符", f"is no JSON at character {error.colno}: {error.msg}"
        raise unreadable(zh, en, error.lineno) from None
    except (RecursionError, ValueError):
        raise unreadable("不是可读的 JSON", "is no JSON that can be read") from None
    match document:
        case {"type": "FeatureCollection", "features": [*features]}:
            return features
    raise unreadable("应为 GeoJSON FeatureCollection", "must be a GeoJSON FeatureCollection")


def _point(feature: Any) -> tuple[str, str] | Sentence:
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict) or not isinstance(feature.get("properties"), dict | None):
        return Sentence("应为有 geometry 和 properties 的 Feature", "must be a Feature with a geometry and properties")
    match geometry:
        case {"type": "Point", "coordinates": [longitude, latitude, *_]} if all(map(_is_number, (longitude, latitude))):
            return str(longitude), str(latitude)
    return Sentence("应为点（Point，经度在前）", "must be a Point, the longitude first")


def _is_whole(feature: Any) -> bool:
    """Whether every text of a feature is one of whole characters."""
    try:
        json.dumps(feature, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _titles(features: Sequence[Any]) -> list[str]:
    """The properties that any feature has, in the sequence in which they occur."""
    found = dict.fromkeys(name for feature in features for name in feature.get("properties") or ())
    titles = [name for name in found if name not in OF_THE_POINT]
    if len(titles) + len(POINT) > MAX_COLUMNS:
        most = MAX_COLUMNS - len(POINT)
        raise unreadable(f"要素最多 {most} 个属性", f"features may have {most} properties at most")
    return titles


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value.strip()
    return json.dumps(value, ensure_ascii=False)


def is_map(content: bytes) -> bool:
    """Whether the bytes begin as JSON does, which no sheet of ours does."""
    return content[:100].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
