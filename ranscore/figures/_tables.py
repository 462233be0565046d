"""Tables as they are printed and as they are kept: three decimals on paper, every digit in the CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Interval = tuple[float, float]
Value = str | int | float | None
UNDEFINED = "undefined"
NO_WIDTH = "no width"
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\u2212": "$-$", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """What is printed, and the unrounded values behind it by the ending of their CSV column's name."""

    text: str
    values: Mapping[str, Value]

    @property
    def is_figure(self) -> bool:
        """True for a number or an undefined one, which is set to the right."""
        return not isinstance(self.values.get("", ""), str)


@dataclass(frozen=True)
class Table:
    """A table with its file's name, its caption, notes that are printed below it, and rows of one length.

    The first `headers` cells of a row name it.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    headers: int = 1


def words(text: str) -> Cell:
    """A text."""
    return Cell(text, {"": text})


def whole(value: int | None) -> Cell:
    """A count."""
    return Cell(UNDEFINED if value is None else str(value), {"": value})


def number(value: float | None) -> Cell:
    """A figure of three decimals."""
    return Cell(decimals(value), {"": value})


def estimate(value: float | None, interval: Interval | None) -> Cell:
    """A figure with its interval, which has no width where no resample could differ."""
    return Cell(_spanned(decimals(value), interval, decimals), {"": value, **_bounds(interval)})


def change(value: float | None, interval: Interval | None) -> Cell:
    """A signed difference with its interval."""
    return Cell(_spanned(signed(value), interval, signed), {"": value, **_bounds(interval)})


def share(k: int, n: int, interval: Interval | None) -> Cell:
    """A proportion as k/n with its exact interval."""
    value = k / n if n else None
    text = f"{k}/{n} {_spanned(decimals(value), interval, decimals)}"
    return Cell(text, {"": value, " k": k, " n": n, **_bounds(interval)})


def p_value(value: float | None) -> Cell:
    """A p-value; one that would be printed as 0 is printed as `<0.001`."""
    small = value is not None and value < 0.0005
    return Cell("<0.001" if small else decimals(value), {"": value})


def decimals(value: float | None) -> str:
    """Three decimals with a true minus sign, or `undefined`; a sign stays where the decimals are rounded to 0."""
    return UNDEFINED if value is None else f"{value + 0.0:.3f}".replace("-", "\u2212")


def signed(value: float | None) -> str:
    """Three decimals with the sign always written, or `undefined`."""
    text = decimals(value)
    return f"+{text}" if value is not None and value > 0 else text


def _spanned(text: str, interval: Interval | None, show: Callable[[float], str]) -> str:
    if interval is None:
        return text
    low, high = interval
    return f"{text} [{NO_WIDTH}]" if low == high else f"{text} [{show(low)}, {show(high)}]"


def _bounds(interval: Interval | None) -> dict[str, Value]:
    low, high = interval or (None, None)
    return {" low": low, " high": high}


def to_csv(table: Table) -> str:
    """The table with every digit, a column a value; what is undefined is blank."""
    endings = [_endings(row[at] for row in table.rows) for at in range(len(table.columns))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([name + end for name, ends in zip(table.columns, endings, strict=True) for end in ends])
    for row in table.rows:
        cells = zip(row, endings, strict=True)
        writer.writerow([_plain(cell.values.get(end)) for cell, ends in cells for end in ends])
    return text.getvalue()


def _endings(cells: Iterable[Cell]) -> list[str]:
    return list(dict.fromkeys(end for cell in cells for end in cell.values)) or [""]


def _plain(value: Value) -> str:
    return "" if value is None else value if isinstance(value, str) else repr(value)


def to_latex(table: Table) -> str:
    """The table as printed, as a LaTeX `table` in the style of booktabs, which the document must load."""
    figures = [any(row[at].is_figure for row in table.rows) for at in range(len(table.columns))]
    lines = [
        r"\begin{table}",
        rf"\caption{{{escape_latex(table.caption)}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{''.join('r' if right else 'l' for right in figures)}}}",
        r"\toprule",
        _latex_row(table.columns),
        r"\midrule",
        *(_latex_row([cell.text for cell in row]) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par {escape_latex(note)}" for note in table.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _latex_row(texts: Sequence[str]) -> str:
    line = " & ".join(map(escape_latex, texts)) + r" \\"
    return "{}" + line if line.startswith(("[", "*")) else line  # else LaTeX reads it as an argument of the line before


def escape_latex(text: str) -> str:
    """Any text so that LaTeX prints it."""
    return "".join(_LATEX.get(sign, sign) for sign in text)
