"""A YAML text as plain data, with the line of every field; and the faults that are told by line.

Only what these files need is read: mappings, lists, text, whole numbers, true/false, null. So `08:00`, `no` and
`2026-05-15` are text and nothing is guessed; aliases and tags are faults, since a reader of the file must see what
holds where it is written.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]

_WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_CONSTANTS: Mapping[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_TAGS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
_ALIAS = "alias"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong in a file. `field` is its path, such as `topics.city.parking.group`."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.message}"


class MunicipalityFileError(ValueError):
    """Files that cannot be used; the message has one line `FILE:LINE: field: what is wrong; remedy` per fault."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(slots=True)
class Document:
    """The data of a file, the line where each path stands, and what was wrong on the way."""

    file: str
    data: Any = None
    lines: dict[Path, int] = field(default_factory=lambda: {(): 1})
    faults: list[Fault] = field(default_factory=list)
    faulty: set[Path] = field(default_factory=set)  # where a fault has been told
    unread: set[Path] = field(default_factory=set)  # these hold no data: nothing more is told of them

    def blame(self, path: Path, message: str, line: int | None = None) -> None:
        """Note a fault at the path, or at the nearest part above it that is written."""
        if any(path[:depth] in self.unread for depth in range(len(path) + 1)):
            return
        written = path
        while written not in self.lines:
            written = written[:-1]
        self.faulty.add(path)
        self.faults.append(Fault(self.file, line or self.lines[written], _dotted(path), message))

    def at(self, *path: str | int) -> Any:
        """The data at a path; None where there is none."""
        data = self.data
        for step in path:
            if isinstance(data, dict):
                data = data.get(step)
            elif isinstance(data, list) and isinstance(step, int) and step < len(data):
                data = data[step]
            else:
                return None
        return data

    def keys(self, *path: str | int) -> list[str]:
        """The keys of the mapping at a path; none where there is no mapping."""
        data = self.at(*path)
        return list(data) if isinstance(data, dict) else []

    def length(self, *path: str | int) -> int:
        """How long the list at a path is; 0 where there is no list."""
        data = self.at(*path)
        return len(data) if isinstance(data, list) else 0


def _dotted(path: Path) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "file"


class _Loader(yaml.BaseLoader):
    """Keeps an alias as a node of its own, so that it is told of where it stands and cannot loop."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            return yaml.ScalarNode(_ALIAS, event.anchor, event.start_mark, event.end_mark)
        return super().compose_node(parent, index)


def read_document(text: str, file: str) -> Document:
    """Read YAML text; everything that is wrong with it is in the document's faults."""
    document = Document(file)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        _blame_syntax(document, error)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        document.blame((), "not YAML: a control character; remove it", line)
    except RecursionError:
        document.blame((), "not readable: nested too deeply; write fewer levels")
    else:
        if isinstance(node, yaml.MappingNode):
            document.data = _data(node, (), document)
        else:
            document.blame((), "not a municipality; write fields such as code, name, zone")
    return document


def _blame_syntax(document: Document, error: yaml.MarkedYAMLError) -> None:
    begun, found = error.context_mark, error.problem_mark or error.context_mark
    what = ", ".join(part for part in (error.context, error.problem) if part)
    # An open quote or bracket is noticed far below, often at the end of the file.
    since = f" (begun on line {begun.line + 1})" if begun and found and begun.line != found.line else ""
    document.blame((), f"not YAML: {what}{since}; correct it", found.line + 1 if found else 1)


def _data(node: yaml.Node, path: Path, document: Document) -> Any:
    document.lines.setdefault(path, node.start_mark.line + 1)
    if node.tag not in _TAGS:
        what = "an alias (*)" if node.tag == _ALIAS else f"a tag ({node.tag})"
        document.blame(path, f"{what} is not allowed; write the value out here", node.start_mark.line + 1)
        document.unread.add(path)
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    return [_data(item, (*path, place), document) for place, item in enumerate(node.value)]


def _mapping(node: yaml.MappingNode, path: Path, document: Document) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or key.tag not in _TAGS:
            document.blame(path, "a key must be plain text; write it as a word", line)
        elif key.value in found:
            first = document.lines[(*path, key.value)]
            document.blame(
                (*path, key.value), f"written twice, first on line {first}; keep one of them", line
            )
        else:
            document.lines[(*path, key.value)] = line
            found[key.value] = _data(value, (*path, key.value), document)
    return found


def _scalar(node: yaml.ScalarNode) -> str | int | bool | None:
    text = str(node.value)
    if node.style is not None:  # quoted
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else text
