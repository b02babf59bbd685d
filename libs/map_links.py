"""A link that opens a map at a point. Whoever follows it tells the map's provider where they want to go."""

from __future__ import annotations

MAP_LINK = "https://uri.amap.com/marker?position={longitude},{latitude}&coordinate=wgs84"
"""The street's maps unless an operator sets others; `coordinate` says that the point is of WGS84."""


def map_link(template: str, longitude: float | str, latitude: float | str) -> str:
    return template.format(longitude=longitude, latitude=latitude)
