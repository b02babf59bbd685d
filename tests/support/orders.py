"""Orders as values, in the states that tests begin from."""

from __future__ import annotations

from datetime import timedelta

from libs.chassis.db.ids import new_id
from libs.contracts.values import Place, Point
from services.dispatch.orders.domain import work
from services.dispatch.orders.domain.offering import NewCase, dispatch
from services.dispatch.orders.domain.order import Changed, Decision, Order
from services.dispatch.routing.domain import RoutingRequest, route_all
from services.dispatch.workload.domain import Workload
from tests.support.small_street import STREET
from tests.support.stage import NOON

M1, M2, M3 = (STREET.members[m] for m in ("M1", "M2", "M3"))
PLACE = Place(point=Point(longitude=119.005, latitude=36.005))
LATER = NOON + timedelta(hours=1)


def new_order(reported_by: str | None = None) -> Order:
    [routed] = route_all([RoutingRequest("11001", PLACE, NOON)], STREET)
    case = NewCase(new_id(), "20261123-000001", "11001", "路灯不亮", "路灯不亮", reported_by, PLACE)
    return dispatch(new_id(), case, routed, STREET, Workload(), NOON).order


def changed(decision: Decision) -> Changed:
    assert isinstance(decision, Changed), decision
    return decision


def claimed() -> Order:
    return changed(work.claim(new_order(), M1, 0, STREET, LATER)).order


def handled() -> Order:
    return changed(work.hand_in(claimed(), M1, "done", 0, STREET, LATER)).order
