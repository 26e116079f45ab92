"""Why a row is not imported: a reason to count by, the field, and the remedy; never what the row says."""

__all__ = ["REASONS", "RowFault"]

REASONS = {
    "unreadable": "not CSV, or a quote that is never closed",
    "columns": "more or fewer columns than the header",
    "no-key": "nothing in the columns of the key",
    "empty": "a field that every contact has is empty",
    "value": "a text that the mapping does not know",
    "time": "a time in another format",
    "ambiguous": "an hour that comes twice",
    "nonexistent": "an hour that summer time skips",
    "closed-unanswered": "closed, but neither answered nor withdrawn",
    "changed": "imported before, and told otherwise then",
    "refused": "refused by intake",
}


class RowFault(Exception):
    """A row that is not imported. `reason` is one of REASONS."""

    def __init__(self, reason: str, field: str, remedy: str) -> None:
        super().__init__(f"{field}: {remedy}")
        self.reason, self.field, self.remedy = reason, field, remedy
