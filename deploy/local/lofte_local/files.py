"""Files that only their owner may read."""

import os
from pathlib import Path

__all__ = ["write_secret"]


def write_secret(path: Path, content: bytes) -> None:
    """Write or replace a file, mode 0600: whole or not at all, and never readable by others on the way."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    part.replace(path)
