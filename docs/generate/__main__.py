"""`python -m docs.generate`: writes the API documents and the tables of the event reference."""

import sys

from docs.generate import papers


def main() -> int:
    """Writes what is not as it is made."""
    for path, text in papers.stale().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(papers.ROOT)}: written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
