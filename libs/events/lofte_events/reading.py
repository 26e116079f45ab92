"""Reading for long: what is passed is counted, later versions are seen to; and CloudEvents in structured JSON."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable

from lofte_events.catalogue import CONTRACTS, Fact, parse, validated
from lofte_events.envelope import read_envelope, read_structured, type_of

_VERSION = re.compile(r"\.v(\d+)$")


def parse_structured(body: bytes) -> Fact | None:
    """Read a CloudEvent in structured JSON, as webhooks carry it; None for a type that this version does not know.

    Raises:
        MalformedRecordError: not a CloudEvent, or the type is known and it is not of its form.
    """
    headers, data = read_structured(body)
    contract = CONTRACTS.get(type_of(headers) or "")
    return Fact(read_envelope(headers), validated(contract, json.dumps(data).encode())) if contract else None


def outgrown(type_: str, known: Collection[str] = CONTRACTS.keys()) -> bool:
    """Whether `type_` is a later version of a known type, and not known itself.

    Its former version is told beside it until readers have moved: upgrade this library before that ends.
    """
    version = _VERSION.search(type_)
    if version is None or type_ in known:
        return False
    stem = type_[: version.start()]
    ours = [int(name.rpartition(".v")[2]) for name in known if name.rpartition(".v")[0] == stem]
    return bool(ours) and int(version[1]) > max(ours)


class Reader:
    """Reads records, and counts by type those that it passes: `unknown`, and among them the `later` versions of
    known types, which somebody has to see to.
    """

    def __init__(self) -> None:
        self.unknown: Counter[str] = Counter()
        self.later: Counter[str] = Counter()

    def read(self, headers: Iterable[tuple[str, bytes | None]], value: bytes | None) -> Fact | None:
        """As `parse`, counted. Raises MalformedRecordError: tell somebody, and go on."""
        headers = list(headers)
        fact = parse(headers, value)
        if fact is None:
            kind = type_of(headers) or ""
            self.unknown[kind] += 1
            if outgrown(kind):
                self.later[kind] += 1
        return fact
