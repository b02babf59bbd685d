"""`wangge`: the operator's commands, those of every room put together.

A command's module is imported when the command is called, so that each starts fast and a service loads no other one.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from libs.cli.running import asked_at, report_errors, run
from libs.contracts.services import SERVICES, Service

VERSION = "0.1.0"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _commands_of(module: str) -> type[TyperGroup]:
    """A group of commands that are declared in `commands` of the module."""

    class Group(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return self._imported().list_commands(ctx)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            return self._imported().get_command(ctx, cmd_name)

        def _imported(self) -> TyperGroup:
            commands = importlib.import_module(module).commands
            # Rich's boxes break choices and commands inside a word on a terminal of 80 columns.
            commands.rich_markup_mode = None
            return typer.main.get_group(commands)

    return Group


for name, module, about in (
    ("roster", "services.dispatch.roster.cli", "A street's units, members and responsibility list."),
    ("responsibility", "services.dispatch.responsibility.cli", "A street's responsibility list (权责清单)."),
    ("components", "services.dispatch.components.cli", "A street's components (部件): lamps, manholes, benches."),
    ("routing", "services.dispatch.dry_run.cli", "Where cases go."),
    ("dlq", "wangge.dead_letters", "Messages that a service gave up."),
    ("outbox", "wangge.outbox", "Facts that were published."),
    ("case", "services.incident.cases.cli", "Cases."),
):
    app.add_typer(typer.Typer(help=about, no_args_is_help=True), name=name, cls=_commands_of(module))

topology_commands = typer.Typer(help="Streams and consumers in NATS.", no_args_is_help=True)
app.add_typer(topology_commands, name="topology")
key_commands = typer.Typer(help="Keys that contacts are sealed with.", no_args_is_help=True)
app.add_typer(key_commands, name="keys")
document_commands = typer.Typer(help="The generated part of docs/.", no_args_is_help=True)
app.add_typer(document_commands, name="docs")


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"wangge {VERSION}")
        raise typer.Exit


@app.callback()
def wangge(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Say the version and end.")
    ] = False,
) -> None:
    """Wangge: report once, and the right people hear of it, do it and are credited."""


@app.command()
@report_errors
def serve(service: Service) -> None:
    """Run one process of a service until SIGTERM or SIGINT."""
    from wangge import garbage

    garbage.wait_for_imports()
    from wangge import serving

    serving.serve(service)


@app.command()
@report_errors
def migrate(service: Annotated[Service | None, typer.Argument()] = None) -> None:
    """Bring the database of a service, or of all four, to the version of this code."""
    from libs.chassis.db import migrations
    from libs.cli.settings import OperatorSettings

    settings = OperatorSettings()
    chosen = [str(service)] if service else list(SERVICES)
    urls = {name: settings.database_url(name) for name in chosen}
    for name, url in urls.items():
        try:
            version = run(migrations.migrate(url, name))
        except Exception as error:
            asked_at(error, url, f"WANGGE_{name.upper()}_DATABASE_URL")
            raise
        print(f"{name}: {version}", flush=True)


@topology_commands.command("apply")
@report_errors
def apply_topology(
    stream_replicas: Annotated[
        int | None, typer.Option(min=1, max=5, envvar="WANGGE_STREAM_REPLICAS", help="Copies of each stream.")
    ] = None,
    service_replicas: Annotated[
        int | None, typer.Option(min=1, envvar="WANGGE_SERVICE_REPLICAS", help="Processes of each service.")
    ] = None,
) -> None:
    """Bring the streams and consumers to what the contracts and the services' handlers say."""
    from libs.chassis.messaging import topology
    from libs.cli.settings import OperatorSettings
    from wangge.wiring import handled

    settings = OperatorSettings()
    try:
        changed = run(
            topology.apply(
                settings.nats_url,
                handled(),
                stream_replicas=stream_replicas or settings.stream_replicas,
                service_replicas=service_replicas or settings.service_replicas,
            )
        )
    except Exception as error:
        asked_at(error, settings.nats_url, "WANGGE_NATS_URL")
        raise
    print("\n".join(changed) or "Nothing to change.")


@key_commands.command("new")
@report_errors
def new_keys() -> None:
    """A pair: the private key belongs to notify alone, the public one to the services that seal."""
    from libs import sealing

    private, public = sealing.new_key_pair()
    print(f"WANGGE_NOTIFY_PRIVATE_KEY={private}\nWANGGE_NOTIFY_PUBLIC_KEY={public}")


@document_commands.command("write")
@report_errors
def write_documents(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; 1 when a file is not as it would be.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the documents are.")] = Path("docs"),
) -> None:
    """Generate the settings, the AsyncAPI document, the schemas and the table of events."""
    from wangge import documents

    if check:
        documents.check(folder)
    else:
        documents.write(folder)
