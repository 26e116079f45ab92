"""`lofte import --prepare`: a mapping and a municipality, drafted from the file and written for a person to edit."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml
from municipality import MunicipalityFileError, read_file
from rich.console import Console

from lofte_local.errors import LocalError
from lofte_local.importing.guess import Column, Guess, channel_of, guess, is_withdrawn, read_columns, slug
from lofte_local.importing.mapping import read_mapping
from lofte_local.importing.source import Source
from lofte_local.importing.times import parse
from lofte_local.importing.town import Town

__all__ = ["prepare"]

_FALLBACK = "group.general"
_NEEDED = (("key", "the id of a request"), ("received", "when a contact was received"))


def prepare(file: Path, *, code: str, zone: str | None, folder: Path, console: Console) -> None:
    """Write `{file}.mapping.yaml` and `municipalities/{code}.yaml`. Raises LocalError when one is there, or too little is recognised."""
    source = Source(file)
    columns, count = read_columns(source.header, source.rows())
    found = guess(columns, count)
    missing = [meaning for name, meaning in _NEEDED if getattr(found, name) is None]
    if missing:
        raise LocalError(
            f"No column of {file} looks like {' or '.join(missing)}: write the mapping by hand (docs/how-to/import-history.md)."
        )
    if zone is None:
        raise LocalError(
            "--zone: the file does not say in which zone its times are; name it, such as America/Chicago."
        )
    stem = file.name.removesuffix(".gz").removesuffix(".csv")
    paths = folder / f"{stem}.mapping.yaml", folder / "municipalities" / f"{code}.yaml"
    if standing := [str(path) for path in paths if path.exists()]:
        raise LocalError(f"{' and '.join(standing)} exist: move them, or name another folder with --to.")
    town = Town(found, source.rows())
    paths[1].parent.mkdir(parents=True, exist_ok=True)
    paths[0].write_text(_mapping(found, town, slug(stem), code, zone, file.name), "utf-8")
    paths[1].write_text(_municipality(found, town, stem, code, zone, file.name), "utf-8")
    try:
        read_mapping(paths[0])
        read_file(paths[1])
    except (LocalError, MunicipalityFileError) as error:
        raise LocalError(f"The draft needs your hand:\n{error}") from None
    for path in paths:
        console.print(f"Drafted {path}", soft_wrap=True)
    console.print(
        f"Read both and correct them. Then: ./lofte up --detach --municipalities {paths[1].parent}, "
        f"./lofte import {file} --mapping {paths[0]}",
        soft_wrap=True,
    )


def _q(text: str) -> str:
    """A text in YAML, quoted, on one line."""
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10_000).strip()


def _line(text: str) -> str:
    """A text as a name in a municipality's file: one line, no spaces around it."""
    return " ".join(text.split()).strip(" ,;")[:200].strip() or "?"


def _values(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [f"      {_q(text)}: {becomes}" for text, becomes in pairs]


def _mapping(found: Guess, town: Town, source: str, code: str, zone: str, name: str) -> str:
    assert found.key is not None  # noqa: S101 - prepare asks for both
    assert found.received is not None  # noqa: S101
    lines = [
        f"# Drafted from {name}: which column becomes which field. Read it, correct it, then import by it.",
        "# A row that does not fit is not imported but told of, with its line and the remedy.",
        f'municipality: "{code}"',
        "# The system that the file comes from. With the key it makes a row the same row in whatever file it comes again.",
        f"source: {source}",
        f"key: [{_q(found.key.name)}]",
        "times:",
        "  # Of times that name no zone of their own.",
        f"  zone: {zone}",
        f"  formats: [{', '.join(map(_q, found.formats))}]",
        "  ambiguous: earlier  # of the hour that comes twice when summer time ends; or later, reject",
        "  nonexistent: shift  # the hour that is skipped when it begins: as much later; or reject",
        "# Texts that mean nothing.",
        'blank: ["NULL", "N/A"]',
        "fields:",
        f"  received_at: {{column: {_q(found.received.name)}}}",
        "  citizen_kind: {constant: anonymous}",
        "  channel:",
        *_channel(found.channel),
        "  # What a person who opens the case reads. It is sealed, and in no event.",
        *_subject(found.subject),
        *_topic(found, town),
        *_owner(found, town),
        *_history(found),
    ]
    return "\n".join(lines) + "\n"


def _channel(column: Column | None) -> list[str]:
    if column is None:
        return ["    constant: system"]
    told = [(text, channel_of(text)) for text, _ in column.values.most_common()]
    return [
        f"    column: {_q(column.name)}",
        "    values:",
        *_values(told),
        "    empty: system",
        "    other: system",
    ]


def _subject(column: Column | None) -> list[str]:
    if column is None:
        return ["  subject: {constant: Imported request}"]
    return [f"  subject: {{column: {_q(column.name)}, empty: Imported request}}"]


def _topic(found: Guess, town: Town) -> list[str]:
    if not found.topic:
        return [f"  topic: {{constant: {next(iter(town.topics.values())).topic}}}"]
    told = [(" / ".join(texts), topic.topic) for texts, topic in town.topics.items()]
    return [
        "  topic:",
        f"    join: [{', '.join(_q(c.name) for c in found.topic)}]",
        "    values:",
        *_values(told),
    ]


def _owner(found: Guess, town: Town) -> list[str]:
    if found.owner is None:
        return []
    told = ["  routed_to:", f"    column: {_q(found.owner.name)}", "    values:"]
    return [
        *told,
        *_values(town.owners.items()),
        "    # Where the column is empty our own rules say who owns the case.",
    ]


def _history(found: Guess) -> list[str]:
    lines = []
    if found.promised is not None:
        whole = _whole_days(found.promised)
        lines += ["  # The time promised." + (" A date: the end of that local day." if whole else "")]
        lines += [
            f"  promise_due_at: {{column: {_q(found.promised.name)}, end_of_day: {str(whole).lower()}}}"
        ]
    answered = [column for column in (found.answered, found.closed) if column is not None]
    if answered:
        lines += ["  # When the citizen was answered: the first of these that is filled."]
        lines += [f"  answered_at: {{first_of: [{', '.join(_q(c.name) for c in answered)}]}}"]
    closed = [column for column in (found.cancelled, found.closed) if column is not None]
    if closed:
        lines += [f"  closed_at: {{first_of: [{', '.join(_q(c.name) for c in closed)}]}}"]
    if found.status is not None:
        told = [(text, "withdrawn") for text, _ in found.status.values.most_common() if is_withdrawn(text)]
        told = told or [("(cancelled)", "withdrawn")]
        others = [text for text, _ in found.status.values.most_common() if not is_withdrawn(text)]
        lines += [
            "  # answered, withdrawn (closed, no answer needed: neither kept nor broken), open; derived: answered where",
            f"  # answered_at is filled, else open. Derived here: {', '.join(map(_line, others)) or 'nothing'}.",
            "  outcome:",
            f"    column: {_q(found.status.name)}",
            "    values:",
            *_values(told),
            "    empty: derived",
            "    other: derived",
        ]
    return lines


def _whole_days(column: Column) -> bool:
    """Whether the column holds dates: no time of day, or midnight always."""
    read = [parse(text, column.format or "iso") for text in column.values]
    times = [(moment.hour, moment.minute, moment.second) for moment in read if moment is not None]
    return all(time == (0, 0, 0) for time in times)


def _municipality(found: Guess, town: Town, title: str, code: str, zone: str, name: str) -> str:
    rules, policies = town.rules(), town.policies()
    lines = [
        f"# Drafted from {name}: owners, topics and rules as they were there. Read it and correct it; every service",
        "# reads it at start. Raise routing.version or promises.version with every change in that part.",
        f'code: "{code}"',
        f"name: {_q(_line(title))}",
        f"zone: {zone}",
        "calendars:",
        "  office:",
        "    open:",
        *(f'      {day}: ["08:00-17:00"]' for day in ("mon", "tue", "wed", "thu", "fri")),
        "    holidays: none",
        "# Answer groups come with the contact centre; the file knows departments alone.",
        "owners:",
        f"  {_FALLBACK}: {{name: Contact centre, calendar: office}}",
        *(
            f"  {owner}: {{name: {_q(_line(text) if text else 'City')}, calendar: office}}"
            for text, owner in town.owners.items()
        ),
        "# One first level is one choice in the phone menu, 1 to 5: spread the topics over your five by renaming them here",
        "# and in the mapping. The department is the one that got most of them.",
        "topics:",
        *(
            f"  {topic.topic}: {{name: {_q(_line(topic.name))}, menu_choice: 3, group: {_FALLBACK}, department: {topic.department}}}"
            for topic in town.topics.values()
        ),
        "# Of new contacts: what went to one department mostly goes there at once.",
        "routing:",
        "  version: 1",
        f"  fallback: {_FALLBACK}",
        *_rules(rules),
        "# Of new contacts: the median of what was promised, in working days.",
        "promises:",
        "  version: 1",
        "  ladder:",
        "    - {at: {percent: 75}, to: [handler]}",
        "    - {at: due, to: [handler, head_of_unit]}",
        "    - {at: {working_days: 1}, to: [head_of_department]}",
        "    - {at: {times: 3}, to: [contact_centre_head]}",
        "  policies:",
        *(
            f"    - {{name: {topic.partition('.')[2]}, when: {{topic: {topic}}}, promise: {{working_days: {days}}}}}"
            for _, topic, days in policies
        ),
        f"    - {{name: everything-else, when: {{}}, promise: {{working_days: {town.usual_days()}}}}}",
    ]
    return "\n".join(lines) + "\n"


def _rules(rules: Sequence[tuple[str, str, str, float, int]]) -> list[str]:
    if not rules:
        return ["  rules: []"]
    lines = ["  rules:"]
    for text, topic, department, share, count in rules:
        because = f"{_line(text)}: {share:.0%} of {count} went to this department."
        lines += [
            f"    - name: {topic.partition('.')[2]}",
            f"      when: {{topic: {topic}}}",
            f"      to: {department}",
            f"      because: {_q(because)}",
        ]
    return lines
