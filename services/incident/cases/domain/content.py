"""What a case says: what was reported, as the desk may have corrected it; how it is kept, and told to its order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from libs.contracts.incident import ReportCase
from libs.contracts.particulars import Particulars
from libs.contracts.values import Appointment, Place, Point, RequestKind
from services.incident.cases.domain.case import window
from services.incident.cases.domain.redaction import public_place, summarise

WITH_APPOINTMENT = frozenset({RequestKind.SERVICE_ORDER, RequestKind.ERRAND})


def place_of(row: Any) -> Place:
    """As it is kept in columns."""
    names = ("longitude", "latitude", "accuracy_m")
    point = Point(**{name: row[name] for name in names}) if row["longitude"] is not None else None
    return Place(point=point, name=row["place_name"])


def place_columns(place: Place) -> dict[str, Any]:
    point = place.point
    return {
        "longitude": point.longitude if point else None,
        "latitude": point.latitude if point else None,
        "accuracy_m": point.accuracy_m if point else None,
        "place_name": place.name,
    }


@dataclass(frozen=True, slots=True)
class Content:
    category: str
    category_name: str
    request_kind: RequestKind
    text: str
    place: Place
    component: str | None
    reported_by_member: str | None
    appointment: Appointment | None
    particulars: Particulars

    @classmethod
    def of(cls, report: ReportCase, category_name: str) -> Self:
        return cls(
            category=report.category,
            category_name=category_name,
            request_kind=report.request_kind,
            text=report.text,
            place=report.where,
            component=report.component,
            reported_by_member=report.reported_by_member,
            appointment=report.appointment,
            particulars=report.particulars,
        )

    @classmethod
    def from_columns(cls, row: Any) -> Self:
        return cls(
            category=row["category"],
            category_name=row["category_name"],
            request_kind=RequestKind(row["request_kind"]),
            text=row["text"],
            place=place_of(row),
            component=row["component"],
            reported_by_member=row["reported_by_member"],
            appointment=window(row["appointment_starts_at"], row["appointment_ends_at"]),
            particulars=Particulars.model_validate(row["particulars"]),
        )

    def columns(self) -> dict[str, Any]:
        """As a case keeps it."""
        window = self.appointment
        return {
            "category": self.category,
            "category_name": self.category_name,
            "request_kind": self.request_kind.value,
            "text": self.text,
            **place_columns(self.place),
            "component": self.component,
            "reported_by_member": self.reported_by_member,
            "appointment_starts_at": window.starts_at if window else None,
            "appointment_ends_at": window.ends_at if window else None,
            "particulars": self.particulars.kept(),
        }

    def told(self) -> dict[str, Any]:
        """What an order takes over: in short, and without anything that looks like a contact."""
        return {
            "category": self.category,
            "category_name": self.category_name,
            "request_kind": self.request_kind,
            "place": self.place if self.is_at_its_component else public_place(self.place),
            "component": self.component,
            "summary": summarise(self.text),
            "reported_by_member": self.reported_by_member,
            "appointment": self.appointment,
            **dict(self.particulars),
        }

    @property
    def is_at_its_component(self) -> bool:
        """No other place is known: the code, which is long numbers in some streets, stands where its name does."""
        return self.component is not None and self.place == Place(name=self.component)
