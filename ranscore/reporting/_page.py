"""One HTML file from evidence, tables and drawn figures: nothing in it is loaded from anywhere, nothing needs a script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template

from ranscore.figures import Cell, Drawn, Evidence, Table
from ranscore.reporting._words import in_short, not_shown

FOLDER = Path(__file__).parent
BANDED_FROM = 6


@dataclass(frozen=True)
class Section:
    """A chapter: paragraphs, then tables and figures in their order."""

    key: str
    title: str
    text: tuple[str, ...] = ()
    parts: tuple[Table | Drawn, ...] = ()


@dataclass
class Numbers:
    """Numbers of tables and figures, in the order in which they stand on the page."""

    tables: dict[str, int] = field(default_factory=dict)
    figures: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, sections: Sequence[Section]) -> Numbers:
        """Numbers for all parts of the sections."""
        numbers = cls()
        for part in (part for section in sections for part in section.parts):
            if isinstance(part, Table):
                numbers.tables.setdefault(part.name, len(numbers.tables) + 1)
            else:
                numbers.figures.setdefault(part.picture.name, len(numbers.figures) + 1)
        return numbers


def write_page(evidence: Evidence, sections: Sequence[Section], lines: Sequence[str]) -> str:
    """The page; `lines` are the signature and what else identifies the figures."""
    numbers = Numbers.of(sections)
    cohort = evidence.cohort
    systems = ", ".join(dict.fromkeys(system.name for system in evidence.systems))
    short = [f"<p>{escape(text)}</p>" for text in in_short(evidence)]
    contents = [("limits", "What these numbers do not show"), *((s.key, s.title) for s in sections)]
    links = "".join(f'<li><a href="#{key}">{escape(title)}</a></li>' for key, title in contents)
    body = [_limits(evidence), *(_section(section, numbers) for section in sections)]
    return Template((FOLDER / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"{cohort.title}: {systems}"),
        style=(FOLDER / "page.css").read_text(encoding="utf-8").strip(),
        lead="\n".join([*short, *(f'<p class="signature">{escape(line)}</p>' for line in lines)]),
        contents=f"<ol>{links}</ol>",
        body="\n".join(body),
        footer="<p>For research on report generation and labelling; not a medical device. Figures and tables are beside "
        "this file as SVG, PNG, CSV (unrounded) and LaTeX (booktabs).</p>",
    )


def _limits(evidence: Evidence) -> str:
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in not_shown(evidence))
    return (
        '<section class="limits" aria-labelledby="limits"><h2 id="limits" style="border:0;margin-top:.4rem">What these '
        f"numbers do not show</h2><dl>{items}</dl></section>"
    )


def _section(section: Section, numbers: Numbers) -> str:
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in section.text)
    parts = [_table(p, numbers) if isinstance(p, Table) else _figure(p, numbers) for p in section.parts]
    return (
        f'<section aria-labelledby="{section.key}"><h2 id="{section.key}">{escape(section.title)}</h2>{text}\n'
        + "\n".join(parts)
        + "</section>"
    )


def _figure(drawn: Drawn, numbers: Numbers) -> str:
    picture = drawn.picture
    number, table = numbers.figures[picture.name], numbers.tables[picture.table.name]
    return (
        f'<figure id="figure-{picture.name}"><figcaption><b>Figure {number}.</b> {escape(picture.title)} '
        f'<a href="#table-{picture.table.name}">(data: Table {table})</a></figcaption>\n{drawn.inline}</figure>'
    )


def _table(table: Table, numbers: Numbers) -> str:
    key = f"table-{table.name}"
    figures = [any(row[at].is_figure for row in table.rows) for at in range(len(table.columns))]
    heads = "".join(
        f'<th scope="col"{_class(right)}>{escape(name)}</th>'
        for name, right in zip(table.columns, figures, strict=True)
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in table.notes)
    banded = ' class="banded"' if table.headers == 1 and len(table.columns) >= BANDED_FROM else ""
    return (
        f'<div class="wide" role="region" tabindex="0" aria-labelledby="{key}-caption"><table id="{key}">'
        f'<caption id="{key}-caption"><b>Table {numbers.tables[table.name]}.</b> {escape(table.caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody{banded}>\n{''.join(_rows(table, figures))}</tbody></table>"
        + (f'<div class="notes">{notes}</div>' if notes else "")
        + "</div>"
    )


def _class(right: bool) -> str:
    return ' class="figure"' if right else ""


def _rows(table: Table, figures: Sequence[bool]) -> Iterator[str]:
    """The rows; where two cells name a row, the first one spans the rows that share it."""
    for text, group in groupby(table.rows, key=lambda row: row[0].text if table.headers > 1 else id(row)):
        rows = list(group)
        for at, row in enumerate(rows):
            first = ""
            if table.headers == 1:
                first = f'<th scope="row">{escape(row[0].text)}</th>'
            elif at == 0:
                first = f'<th scope="rowgroup" rowspan="{len(rows)}">{escape(str(text))}</th>'
            rest = "".join(
                _cell(cell, right, header=place < table.headers)
                for place, (cell, right) in enumerate(zip(row, figures, strict=True))
                if place
            )
            opening = '<tr class="group">' if table.headers > 1 and at == 0 else "<tr>"
            yield f"{opening}{first}{rest}</tr>\n"


def _cell(cell: Cell, right: bool, header: bool) -> str:
    if header:
        return f'<th scope="row">{escape(cell.text)}</th>'
    value = cell.values.get("")
    text = escape(cell.text)
    if isinstance(value, int | float):
        text = f'<data value="{value!r}">{text}</data>'
    kind = ' class="digest"' if cell.text.startswith("sha256:") else _class(right)
    return f"<td{kind}>{text}</td>"
