"""Files to municipalities: all faults of all files are told at once, none of them half read."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path as FilePath
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from municipality.conditions import Condition
from municipality.document import Document, Fault, MunicipalityFileError, Path, read_document
from municipality.model import Municipality
from municipality.references import check_references
from municipality.words import Part

P = TypeVar("P", bound=Part)

_NAMED_BY_KEY = ("owners", "topics")
_SENTENCES = {
    "missing": "missing; add it",
    "string_type": "must be text; put it in quotes",
    "int_type": "must be a whole number, without quotes",
    "model_type": "must be fields with values; write `field: value` pairs",
    "mapping_type": "must be fields with values; write `field: value` pairs",
    "dict_type": "must be fields with values; write `field: value` pairs",
    "tuple_type": "must be a list; write `- ` before each item, or [ ] around them",
    "greater_than_equal": "is {input}; write {ge} or more",
    "less_than_equal": "is {input}; write {le} or less",
    "literal_error": "is {input!r}; write one of {expected}",
    "too_short": "is empty; write at least one",
}


def read_folder(path: str | FilePath) -> Mapping[str, Municipality]:
    """Every municipality of the folder, by code, from its `{code}.yaml` files.

    Raises:
        MunicipalityFileError: something is wrong in one or more files, or there are none.
    """
    folder = FilePath(path)
    municipalities: dict[str, Municipality] = {}
    faults: list[Fault] = []
    files = sorted(file for ending in ("*.yaml", "*.yml") for file in folder.glob(ending))
    for file in files:
        try:
            municipality = read_file(file)
            municipalities[municipality.code] = municipality
        except MunicipalityFileError as error:
            faults += error.faults
    if not files:
        faults = [Fault(str(folder), 1, "folder", "no municipality in it; add a file such as 0581.yaml")]
    if faults:
        raise MunicipalityFileError(faults)
    return municipalities


def read_file(path: str | FilePath) -> Municipality:
    """One municipality, from the file named by its code.

    Raises:
        MunicipalityFileError: something is wrong in it.
    """
    file = FilePath(path)
    try:
        content = file.read_bytes()
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        fault = Fault(str(file), 1, "file", f"cannot be read ({reason}); check its path and its rights")
        raise MunicipalityFileError([fault]) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise MunicipalityFileError(
            [Fault(str(file), line, "file", "not UTF-8; save it as UTF-8")]
        ) from error
    return _read(read_document(text, str(file)), expected_name=file.name)


def read_text(text: str, file: str = "municipality.yaml") -> Municipality:
    """One municipality from YAML text; `file` is how faults name it.

    Raises:
        MunicipalityFileError: something is wrong in it.
    """
    return _read(read_document(text, file))


def _read(document: Document, expected_name: str | None = None) -> Municipality:
    if document.data is None:
        raise MunicipalityFileError(document.faults)
    _name_by_key(document)
    municipality = validated(document, Municipality)
    check_references(document)
    code = document.at("code")
    if expected_name is not None and isinstance(code, str) and expected_name != f"{code}.yaml":
        document.blame(("code",), f"is {code!r} in a file named {expected_name}; name the file {code}.yaml")
    if document.faults or municipality is None:
        raise MunicipalityFileError(document.faults)
    return municipality


def validated(document: Document, shape: type[P]) -> P | None:
    """The document in the shape of `shape`; None where it has faults, which are then blamed on its lines."""
    try:
        return shape.model_validate(document.data)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            _blame(document, details)
    return None


def _name_by_key(document: Document) -> None:
    """Owners and topics carry their key as `id`, which nobody writes twice."""
    for section in _NAMED_BY_KEY:
        for key in document.keys(section):
            entry = document.at(section, key)
            if not isinstance(entry, dict):
                continue
            if "id" in entry:
                document.blame((section, key, "id"), "unknown; remove it, the key is the id")
            entry["id"] = key


def _blame(document: Document, details: ErrorDetails) -> None:
    path: Path = tuple(step for step in details["loc"] if step != "[key]")
    if len(path) == 3 and path[0] in _NAMED_BY_KEY and path[2] == "id":
        return  # the key is told of, not the id made from it
    document.blame(path, _sentence(details, path))


def _sentence(details: ErrorDetails, path: Path) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "extra_forbidden":
        return f"unknown; {_meant(str(path[-1]))}"
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(input=details["input"], **context)
    return details["msg"]


def _meant(word: str) -> str:
    parts = [*Part.__subclasses__(), *Condition.__subclasses__()]
    known = {name for part in parts for name in part.model_fields}
    close = get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else "remove it or correct its spelling"
