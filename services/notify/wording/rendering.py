"""The templates as files, one per language, read once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from libs.contracts.particulars import TITLES
from libs.map_links import map_link
from services.notify.wording.domain import DEFAULT_LANGUAGE, RenderedMessage, Template, Wording, say

FOLDER = Path(__file__).parent / "templates"


def read(path: Path) -> Wording:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    lines = particulars(path.stem)
    templates = {
        name: Template(t["subject"], t["text"].replace("{particulars}", lines))
        for name, t in content["templates"].items()
    }
    return Wording(templates, content["words"])


def particulars(language: str) -> str:
    """A line for each that a report may have; those that it has not are left out when it is said."""
    if language == "zh":
        return "\n".join(f"{title}：{{{name}}}" for name, title in TITLES.items())
    return "\n".join(f"{name.replace('_', ' ').capitalize()}: {{{name}}}" for name in TITLES)


WORDINGS = {path.stem: read(path) for path in sorted(FOLDER.glob("*.toml"))}


def tracking_link(public_url: str, code: str | None) -> str:
    """Where the case can be followed; the street's own address when the service was not told the code."""
    base = public_url.rstrip("/")
    return f"{base}/v1/track/{code}" if code else base


def values(
    parameters: Mapping[str, str], *, case_no: str | None, link: str | None, map_template: str
) -> dict[str, str]:
    """What a template may say: the parameters of the notice, and what is known only when it is read or sent."""
    said = {"case_no": case_no or "", "link": link or "", **parameters}
    if "longitude" in said:
        said["map"] = map_link(map_template, said["longitude"], said["latitude"])
    return said


def render(language: str | None, template: str, said: Mapping[str, str]) -> RenderedMessage:
    return say(WORDINGS.get(language or DEFAULT_LANGUAGE, WORDINGS[DEFAULT_LANGUAGE]), template, said)
