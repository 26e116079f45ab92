"""The tables: each figure beside its aim, its limit or peer, and what it costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.probing import Sample, cpu_of, rate_of

RESULTS = Path(__file__).parent / "RESULTS.md"


@dataclass(frozen=True)
class Row:
    """A figure beside one limit or peer; empty where there is none. `met`: whether the aim is, None without an aim."""

    figure: str
    measured: str
    cpu: str = ""
    beside: str = ""
    peer: str = ""
    peer_cpu: str = ""
    ratio: str = ""
    aim: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Table:
    """The rows of one group, and a sentence on how they were taken. `parts`: CPU milliseconds, for the sum of them."""

    title: str
    how: str
    rows: Sequence[Row]
    parts: dict[str, float]


def spread(values: Sequence[float], form: Callable[[float], str] = lambda value: f"{value:,.0f}") -> str:
    """The median, and between which values it lies."""
    ranked = sorted(values)
    between = f" ({form(ranked[0])}-{form(ranked[-1])})" if len(ranked) > 1 else ""
    return f"{form(ranked[len(ranked) // 2])}{between}" if ranked else "not measured"


def rates(samples: Sequence[Sample]) -> str:
    """Median rate and spread."""
    return f"{spread([sample.rate for sample in samples])}/s"


def beside(
    figure: str,
    ours: Sequence[Sample],
    name: str,
    theirs: Sequence[Sample],
    aim: float | None = None,
) -> Row:
    """Our rate beside another's; the aim is a ratio, where there is one."""
    ratio = rate_of(ours) / rate_of(theirs)
    return Row(
        figure,
        rates(ours),
        milliseconds(cpu_of(ours)),
        name,
        rates(theirs),
        milliseconds(cpu_of(theirs)),
        f"{ratio:.2f}",
        "" if aim is None else f"{aim:g} of it",
        None if aim is None else ratio >= aim,
    )


def left_out(figure: str, ours: Sequence[Sample], name: str, missing: str) -> Row:
    """Our rate, and why nothing stands beside it."""
    return Row(figure, rates(ours), milliseconds(cpu_of(ours)), name, missing)


def milliseconds(value: float) -> str:
    """With as many digits as mean something; nothing for 0, which was not taken."""
    if not value:
        return ""
    return f"{value:.3f} ms" if value < 1 else f"{value:.1f} ms"


def render(tables: Sequence[Table], facts: str) -> str:
    """All tables as Markdown."""
    lines = [facts]
    for table in tables:
        lines += ["", f"### {table.title}", "", table.how, ""]
        lines += ["| figure | measured | CPU | beside it | its figure | its CPU | ratio | aim | met |"]
        lines += ["|---|---|---|---|---|---|---|---|---|"]
        for row in table.rows:
            met = {True: "yes", False: "**no**", None: ""}[row.met]
            cells = (
                row.figure,
                row.measured,
                row.cpu,
                row.beside,
                row.peer,
                row.peer_cpu,
                row.ratio,
                row.aim,
            )
            lines.append(f"| {' | '.join(cells)} | {met} |")
    return "\n".join(lines)


def write(text: str, path: Path = RESULTS, *, mark: str = "measured") -> None:
    """Put it between the marks; what stands around them is written by hand, or has marks of its own."""
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    head, rest = path.read_text().split(begin, 1)
    path.write_text(f"{head}{begin}\n{text}\n{end}{rest.split(end, 1)[1]}")
