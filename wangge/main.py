"""`wangge`: the commands of the operator. What a command needs is imported when it runs, so that it starts fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from libs.cli.running import WrongUse, report_errors, run
from libs.contracts.services import Service

app = typer.Typer(
    help="Wangge: report once, and the right people hear of it, do it and are credited.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
topology_commands = typer.Typer(help="Streams and consumers in NATS.", no_args_is_help=True)
roster_commands = typer.Typer(help="A street's units, members and responsibility list.", no_args_is_help=True)
app.add_typer(topology_commands, name="topology")
app.add_typer(roster_commands, name="roster")
responsibility_commands = typer.Typer(help="A street's responsibility list (权责清单).", no_args_is_help=True)
app.add_typer(responsibility_commands, name="responsibility")
routing_commands = typer.Typer(help="Where cases go.", no_args_is_help=True)
app.add_typer(routing_commands, name="routing")
dead_letter_commands = typer.Typer(help="Messages that a service gave up.", no_args_is_help=True)
app.add_typer(dead_letter_commands, name="dlq")
case_commands = typer.Typer(help="Cases.", no_args_is_help=True)
app.add_typer(case_commands, name="case")
key_commands = typer.Typer(help="Keys that contacts are sealed with.", no_args_is_help=True)
app.add_typer(key_commands, name="keys")
document_commands = typer.Typer(help="The generated part of docs/.", no_args_is_help=True)
app.add_typer(document_commands, name="docs")

Tenant = Annotated[str, typer.Option(help="The street, by its 9-digit code.")]
OneService = Annotated[Service | None, typer.Option(help="Only this service; without it, all whose database is set.")]


@app.command()
@report_errors
def serve(service: Service) -> None:
    """Run one process of a service until SIGTERM or SIGINT."""
    from wangge import serving

    serving.serve(service)


@app.command()
@report_errors
def migrate(service: Annotated[Service | None, typer.Argument()] = None) -> None:
    """Bring the database of a service, or of all four, to the version of this code."""
    from libs.chassis import migrations
    from libs.cli.settings import OperatorSettings
    from libs.contracts.services import SERVICES

    settings = OperatorSettings()
    chosen = [str(service)] if service else list(SERVICES)
    urls = {name: settings.database_url(name) for name in chosen}
    for name, url in urls.items():
        print(f"{name}: {run(migrations.migrate(url, name))}", flush=True)


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
    from libs.chassis import topology
    from libs.cli.settings import OperatorSettings
    from wangge.wiring import handled

    settings = OperatorSettings()
    changed = run(
        topology.apply(
            settings.nats_url,
            handled(),
            stream_replicas=stream_replicas or settings.stream_replicas,
            service_replicas=service_replicas or settings.service_replicas,
        )
    )
    print("\n".join(changed) or "Nothing to change.")


@roster_commands.command("import")
@report_errors
def import_roster(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The files of the street.")],
    tenant: Tenant,
    preview: Annotated[bool, typer.Option("--preview", help="Say what would change, and change nothing.")] = False,
) -> None:
    """Make a street what the files of a folder say; the running services hear what has changed."""
    from libs.cli.settings import OperatorSettings
    from services.dispatch.roster import cli as rosters

    rosters.import_folder(OperatorSettings(), folder, tenant, preview=preview)


@responsibility_commands.command("import")
@report_errors
def import_responsibility_list(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The list, CSV (UTF-8) or XLSX.")],
    tenant: Tenant,
    preview: Annotated[bool, typer.Option("--preview", help="Say what would change, and change nothing.")] = False,
) -> None:
    """Make a street's list what the file says; orders that are there keep what they were made under."""
    from libs.cli.settings import OperatorSettings
    from services.dispatch.responsibility import cli as responsibilities

    responsibilities.import_file(OperatorSettings().database_url("dispatch"), file, tenant, preview=preview)


@responsibility_commands.command("export")
@report_errors
def export_responsibility_list(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to: a name that ends with .csv or .xlsx.")],
    tenant: Tenant,
    chinese: Annotated[bool, typer.Option("--chinese", help="Columns and words as a clerk calls them.")] = False,
) -> None:
    """Write a street's list to a file that can be imported again."""
    from libs.cli.settings import OperatorSettings
    from services.dispatch.responsibility import cli as responsibilities

    responsibilities.export_file(OperatorSettings().database_url("dispatch"), file, tenant, chinese=chinese)


@routing_commands.command("replay")
@report_errors
def replay_routing(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The street as it would be.")],
    tenant: Tenant,
    days: Annotated[int, typer.Option(min=1, max=366, help="So many days back.")] = 30,
    shown: Annotated[int, typer.Option(min=0, max=1000, help="So many of the cases that differ.")] = 10,
) -> None:
    """Say which cases of the last days would go elsewhere if the folder were imported; change nothing."""
    from libs.cli.settings import OperatorSettings
    from services.dispatch.routing import cli as replays

    replays.replay_folder(OperatorSettings(), folder, tenant, days=days, shown=shown)


@dead_letter_commands.command("list")
@report_errors
def list_dead_letters(service: OneService = None) -> None:
    """What was given up, when and why."""
    from libs.cli.settings import OperatorSettings
    from wangge import dead_letters

    run(dead_letters.show_all(dead_letters.databases(OperatorSettings(), service)))


@dead_letter_commands.command("show")
@report_errors
def show_dead_letter(id: UUID, service: OneService = None) -> None:
    """One message with its headers; sealed contacts are left out."""
    from libs.cli.settings import OperatorSettings
    from wangge import dead_letters

    run(dead_letters.show_one(dead_letters.databases(OperatorSettings(), service), id))


@dead_letter_commands.command("replay")
@report_errors
def replay_dead_letters(
    ids: Annotated[list[UUID] | None, typer.Argument(metavar="ID…")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every one, instead of the ids.")] = False,
    service: OneService = None,
) -> None:
    """Have messages handled again, as if they had just come."""
    from libs.cli.settings import OperatorSettings
    from wangge import dead_letters

    if bool(ids) == everything:
        raise WrongUse("Name the ids of dead letters, or --all.")
    run(dead_letters.replay(dead_letters.databases(OperatorSettings(), service), ids or None))


@case_commands.command("show")
@report_errors
def show_case(case_no: str, tenant: Tenant) -> None:
    """A case and what happened to it, in the street's time."""
    from libs.cli.settings import OperatorSettings
    from services.incident.cases import cli as cases

    run(cases.show(OperatorSettings().database_url("incident"), tenant, case_no))


@case_commands.command("verify")
@report_errors
def verify_cases(
    case_no: Annotated[str | None, typer.Argument(help="One case; without it, all.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this street, by its 9-digit code.")] = None,
) -> None:
    """Recompute the hash chain of timelines; 1 when one is broken, with its first broken link."""
    from libs.cli.settings import OperatorSettings
    from services.incident.cases import cli as cases

    run(cases.verify(OperatorSettings().database_url("incident"), tenant, case_no))


@key_commands.command("new")
@report_errors
def new_keys() -> None:
    """A pair: the private key belongs to notify alone, the public one to the services that seal."""
    from libs.chassis import seal

    private, public = seal.new_key_pair()
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
