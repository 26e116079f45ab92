"""Contacts of another system, from a CSV file, as Löfte's own: once each, judged by their own times."""

from lofte_local.importing.command import import_file
from lofte_local.importing.draft import prepare

__all__ = ["import_file", "prepare"]
