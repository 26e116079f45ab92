"""What a MongoDB client was asked to do."""

from collections import Counter
from typing import Any

from pymongo.monitoring import CommandListener


class Commands(CommandListener):
    """Counts commands by name: `AsyncMongoClient(uri, event_listeners=[commands])`."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()

    def started(self, event: Any) -> None:
        self.count[event.command_name] += 1

    def succeeded(self, event: Any) -> None: ...

    def failed(self, event: Any) -> None: ...
