"""The `lofte` command line."""

import asyncio
import importlib
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Column, Table

from lofte_local import held, policies, transfer, up
from lofte_local.doctor import diagnose
from lofte_local.errors import LocalError
from lofte_local.interrupt import interruptible
from lofte_local.options import BasePort, DataDir, Service, folder_of, known_service, open_stack
from lofte_local.settings import DEFAULT_BASE_PORT, kept, settle
from lofte_local.stack import Stack
from lofte_local.status import Part, read_status
from lofte_local.timeline import cases_with_reference
from lofte_local.timeline import story as read_story

__all__ = ["app", "main"]

app = typer.Typer(
    help="Löfte on this machine.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
app.add_typer(held.app, name="held")
app.add_typer(policies.app, name="policies")
app.command("import")(transfer.import_file)
app.command("export")(transfer.export)
app.command("calendar")(transfer.calendar)
_ZONE = ZoneInfo("Europe/Stockholm")


@app.command("up")
def start_stack(
    *,
    detach: Annotated[bool, typer.Option("--detach", help="Return when all is ready")] = False,
    kafka: Annotated[str | None, typer.Option(help="Use this broker (host:port)")] = None,
    mongo: Annotated[str | None, typer.Option(help="Use this replica set (mongodb://...)")] = None,
    replicas: Annotated[int | None, typer.Option(help="Processes of each service, 1 or 2")] = None,
    municipalities: Annotated[
        Path | None, typer.Option(help="Folder of the municipalities' files; the clone's unless told")
    ] = None,
    base_port: BasePort = None,
    data_dir: DataDir = None,
) -> None:
    """Start Kafka, MongoDB and the five services."""
    console = Console()
    folder = folder_of(base_port, data_dir)
    told = settle(
        folder,
        base_port=base_port,
        kafka=kafka,
        mongo=mongo,
        replicas=replicas,
        municipalities=municipalities,
    )
    stack = Stack(folder, told)
    with interruptible():
        up.start(stack, console, bound=not detach)
        if not detach:
            raise typer.Exit(up.stay(stack, console))


@app.command()
def down(base_port: BasePort = None, data_dir: DataDir = None) -> None:
    """Stop the stack; its data stay."""
    if kept(folder_of(base_port, data_dir)) is None:
        typer.echo("There is no stack to stop.")
        return
    open_stack(base_port, data_dir).stop()
    typer.echo("Stopped.")


@app.command()
def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
    base_port: BasePort = None,
    data_dir: DataDir = None,
) -> None:
    """What runs, and where. Exit code 1 when anything is not ready."""
    state = read_status(open_stack(base_port, data_dir))
    if as_json:
        Console().print_json(data=state)
    else:
        table = Table("part", "ready", "pid", "where")
        parts: list[tuple[str, Part]] = [
            ("Kafka", state["kafka"]),
            ("MongoDB", state["mongo"]),
            ("front door", state["frontdoor"]),
        ]
        parts += [(name, part) for name, service in state["services"].items() for part in service["replicas"]]
        for name, part in parts:
            table.add_row(name, "yes" if part["ready"] else "[red]no", str(part["pid"] or "-"), part["url"])
        Console().print(table)
    raise typer.Exit(0 if state["ready"] else 1)


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="A service, kafka, mongo or frontdoor")],
    *,
    lines: Annotated[int, typer.Option(help="How many from the end")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows")] = False,
    replica: Annotated[int, typer.Option(help="Which replica of a service")] = 1,
    base_port: BasePort = None,
    data_dir: DataDir = None,
) -> None:
    """Show the end of a log."""
    processes = {process.name: process for process in open_stack(base_port, data_dir).processes()}
    process = processes.get(f"{name}-{replica}") or processes.get(name)
    if process is None:
        raise LocalError(f"Nothing here is called {name}: choose {', '.join(processes)}.")
    if not process.log.exists():
        raise LocalError(f"{name} has no log yet: start the stack with ./lofte up.")
    typer.echo(process.tail(lines))
    if follow:
        with process.log.open(errors="replace") as log:
            log.seek(0, 2)
            while True:
                typer.echo(log.read(), nl=False)
                time.sleep(0.3)


@app.command()
def token(
    role: Annotated[str, typer.Option(help="guide, handler, head, robot, auditor, system, admin")],
    municipality: Annotated[str, typer.Option(help="Four-digit code, such as 0581")],
    department: Annotated[str | None, typer.Option(help="Slug, such as building")] = None,
    subject: Annotated[str | None, typer.Option(help="Who; local-ROLE unless told")] = None,
    base_port: BasePort = None,
    data_dir: DataDir = None,
) -> None:
    """Print a bearer token of the development issuer."""
    stack = open_stack(base_port, data_dir)
    typer.echo(stack.token(role, municipality, department=department, subject=subject))


@app.command()
def story(
    case: Annotated[str, typer.Argument(help="Case id, or the reference that the citizen was told")],
    municipality: Annotated[str | None, typer.Option(help="Where a reference exists in several")] = None,
    base_port: BasePort = None,
    data_dir: DataDir = None,
) -> None:
    """Everything that happened to a case, across services, in time order."""
    stack = open_stack(base_port, data_dir)
    address, prefix = stack.kafka_address, stack.topic_prefix
    try:
        events = asyncio.run(read_story(address, prefix, case))
        if not events:
            found = asyncio.run(cases_with_reference(address, prefix, case))
            found = [each for each in found if municipality in (None, each.municipality)]
            if len(found) > 1:
                where = ", ".join(sorted(each.municipality for each in found))
                raise LocalError(f"{case} exists in several municipalities ({where}): give --municipality.")
            events = asyncio.run(read_story(address, prefix, found[0].case_id)) if found else []
    except KafkaError as error:
        raise LocalError(f"Kafka does not answer at {address}: see ./lofte status.") from error
    if not events:
        raise LocalError(f"No service has told of a case {case}.")
    table = Table(
        *(Column(name, no_wrap=True) for name in ("time", "service", "what happened")),
        Column("facts", overflow="fold"),
    )
    for event in events:
        facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in event.facts_in(_ZONE))
        table.add_row(
            event.at.astimezone(_ZONE).strftime("%a %Y-%m-%d %H:%M:%S"), event.service, event.name, facts
        )
    Console().print(table)


@app.command()
def rebuild(
    service: Service,
    republished: Annotated[
        bool, typer.Option(help="The topics lost their beginning, and were republished since.")
    ] = False,
    base_port: BasePort = None,
    data_dir: DataDir = None,
) -> None:
    """Build a service's views anew from the topics, beside the live ones."""
    options = ["--republished"] if republished else []
    raise typer.Exit(open_stack(base_port, data_dir).run(known_service(service), "rebuild", *options))


@app.command()
def republish(service: Service, base_port: BasePort = None, data_dir: DataDir = None) -> None:
    """Send a service's whole log to its topic again, with the same ids."""
    raise typer.Exit(open_stack(base_port, data_dir).run(known_service(service), "republish"))


@app.command()
def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave its stack running")] = False,
    base_port: BasePort = None,
    data_dir: DataDir = None,
) -> None:
    """One Monday at a contact centre, in about a minute, on a stack of its own."""

    def make_stack(clock: str, head_start: float) -> Stack:
        if base_port is None and data_dir is None:
            stack = Stack.in_temporary_folder(clock=clock, head_start=head_start)
        else:
            stack = _demo_stack(folder_of(base_port, data_dir), base_port, clock, head_start)
        up.check_machine(stack, Console())
        return stack

    run = importlib.import_module("lofte_local.demo").run
    with interruptible():
        raise typer.Exit(run(make_stack, keep=keep))


@app.command()
def doctor(base_port: BasePort = None, data_dir: DataDir = None) -> None:
    """Is all here that Löfte needs? Exit code 1 when something is missing."""
    folder = folder_of(base_port, data_dir)
    known = kept(folder)
    stack = Stack(folder, known) if known else None
    ours = {port for process, port in stack.ports() if process.alive} if stack else set()
    findings = diagnose(
        folder,
        base_port or (known.base_port if known else DEFAULT_BASE_PORT),
        replicas=known.replicas if known else 1,
        own_kafka=not (known and known.kafka),
        own_mongo=not (known and known.mongo),
        ours=ours.__contains__,
    )
    table = Table("what", "state", "found", "remedy")
    colours = {"ok": "green", "warning": "yellow", "missing": "red"}
    for finding in findings:
        table.add_row(
            finding.what, f"[{colours[finding.state]}]{finding.state}", finding.found, finding.remedy
        )
    Console().print(table)
    raise typer.Exit(1 if any(finding.state == "missing" for finding in findings) else 0)


def _demo_stack(folder: Path, base_port: int | None, clock: str, head_start: float) -> Stack:
    """In a named folder: an earlier demo's stopped stack makes room, any other stays."""
    known = kept(folder)
    if known is not None:
        stack = Stack(folder, known)
        if known.clock is None or any(process.alive for process in stack.processes()):
            raise LocalError(
                f"{folder} holds a stack already: stop it with ./lofte down, or give another --data-dir."
            )
        shutil.rmtree(folder)
    return Stack(folder, settle(folder, base_port=base_port, clock=clock), head_start=head_start)


def main() -> None:
    """Run a command; what goes wrong is one sentence on stderr and exit code 1."""
    try:
        app()
    except (LocalError, OSError) as error:
        typer.echo(str(error), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
