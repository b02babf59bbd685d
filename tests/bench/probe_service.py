"""The probe of the chassis' tests as a process of its own: one row and one fact for each fact that it hears."""

from __future__ import annotations

import os

import uvicorn

from libs.chassis.service import Service
from libs.chassis.settings import ServiceSettings
from tests.support.probe import api, router
from wangge import garbage

if __name__ == "__main__":
    settings = ServiceSettings.model_validate(
        {"database_url": os.environ["WANGGE_BENCH_DATABASE_URL"], "log_level": "WARNING"}
    )
    service = Service(settings, router(), api().routes)
    config = uvicorn.Config(
        service.app, port=settings.http_port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
    garbage.look_seldom()
    uvicorn.Server(config).run()
