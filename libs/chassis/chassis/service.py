"""`main`, which runs a service process or one of its commands."""

import argparse
import sys

import uvloop

from chassis import commands
from chassis.runtime import Build, Parts, Runtime, S, make_runtime
from chassis.serving import serve
from chassis.settings import WrongSettings, describe_settings, read_settings
from chassis.telemetry import configure_logging

__all__ = ["Parts", "Runtime", "main", "make_runtime"]


def main(name: str, settings_class: type[S], build: Build[S]) -> None:
    """`python -m SERVICE [serve|prepare|rebuild|republish|openapi|settings]`; ends the process unless all is well."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}")
    choices = parser.add_subparsers(dest="command", metavar="COMMAND")
    choices.add_parser("serve", help="run (what is done without a command)")
    choices.add_parser("prepare", help="make the indexes, and end")
    rebuilding = choices.add_parser("rebuild", help="build views anew from the topics, beside the live ones")
    rebuilding.add_argument("views", nargs="*", metavar="VIEW", help="which; all without a name")
    rebuilding.add_argument(
        "--republished", action="store_true", help="facts that a topic had lost were sent again"
    )
    choices.add_parser("republish", help="send the whole log again, with the same ids")
    choices.add_parser("openapi", help="print the API document")
    choices.add_parser("settings", help="print every environment variable")
    given = parser.parse_args()
    if given.command == "settings":
        sys.stdout.write(describe_settings(settings_class) + "\n")
        return
    try:
        settings = read_settings(settings_class, name)
    except WrongSettings as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    configure_logging(name, settings.replica, settings.log_level)
    if given.command in (None, "serve"):
        sys.exit(uvloop.run(serve(name, settings, build)))
    todo = {
        "openapi": commands.print_document,
        "prepare": commands.prepare_database,
        "republish": commands.republish_log,
        "rebuild": lambda runtime, parts: commands.rebuild_views(
            runtime, parts, given.views, republished=given.republished
        ),
    }
    sys.exit(uvloop.run(commands.run(name, settings, build, todo[given.command])))
