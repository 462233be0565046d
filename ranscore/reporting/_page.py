"""One HTML file of evidence, tables and drawn figures: it loads nothing from anywhere and needs no script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template

from ranscore.figures import Cell, Drawn, Evidence, Table
from ranscore.reporting._words import in_short, not_shown, opening

FOLDER = Path(__file__).parent
BANDED_FROM = 6  # columns
WHOLE_TO = 28  # rows that are kept on one printed page
SHORT = 34  # signs that are kept on one line
FOOTER = (
    "For research on report generation and labelling; not a medical device. Figures and tables lie beside this file as "
    "SVG, PNG, CSV (unrounded) and LaTeX (booktabs)."
)


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
    """The page; `lines` are the signatures of what it shows."""
    numbers = Numbers.of(sections)
    systems = ", ".join(dict.fromkeys(system.name for system in evidence.systems))
    contents = [("short", "In short"), ("limits", "What these numbers do not show")]
    contents += [(section.key, section.title) for section in sections]
    body = [_short(evidence, lines), _limits(evidence), *(_section(section, numbers) for section in sections)]
    return Template((FOLDER / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"{evidence.cohort.title}: {systems}"),
        style=(FOLDER / "page.css").read_text(encoding="utf-8").strip(),
        contents="".join(f'<li><a href="#{key}">{escape(title)}</a></li>' for key, title in contents),
        body="\n".join(body),
        footer=escape(FOOTER),
    )


def _paragraphs(texts: Iterable[str], kind: str = "") -> str:
    return "\n".join(f"<p{kind}>{escape(text)}</p>" for text in texts)


def _short(evidence: Evidence, lines: Sequence[str]) -> str:
    parts = ['<section aria-labelledby="short"><h2 id="short">In short</h2>', _paragraphs([opening(evidence)])]
    for system in evidence.systems:
        if len(evidence.systems) > 1:
            parts.append(f"<h3>{escape(system.name)}</h3>")
        parts.append(_paragraphs(in_short(system)))
    parts.append(_paragraphs(lines, ' class="signature"'))
    return "\n".join(parts) + "</section>"


def _limits(evidence: Evidence) -> str:
    items = "\n".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in not_shown(evidence))
    heading = '<h2 id="limits">What these numbers do not show</h2>'
    return f'<section class="limits" aria-labelledby="limits">{heading}\n<dl>{items}</dl></section>'


def _section(section: Section, numbers: Numbers) -> str:
    parts = [_table(p, numbers) if isinstance(p, Table) else _figure(p, numbers) for p in section.parts]
    heading = f'<h2 id="{section.key}">{escape(section.title)}</h2>'
    opening = f'<div class="opening">{heading}\n{_paragraphs(section.text)}</div>'
    content = "\n".join([opening, *parts])
    return f'<section aria-labelledby="{section.key}">{content}</section>'


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
    columns = zip(table.columns, figures, strict=True)
    heads = "".join(f'<th scope="col"{_class(right)}>{escape(name)}</th>' for name, right in columns)
    notes = f'<div class="notes">{_paragraphs(table.notes)}</div>' if table.notes else ""
    whole = " whole" if len(table.rows) <= WHOLE_TO else ""
    return (
        f'<div class="wide{whole}" role="region" tabindex="0" aria-labelledby="{key}-caption"><table id="{key}">'
        f'<caption id="{key}-caption"><b>Table {numbers.tables[table.name]}.</b> {escape(table.caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead>\n{''.join(_bodies(table, figures))}</table>{notes}</div>"
    )


def _bodies(table: Table, figures: Sequence[bool]) -> Iterator[str]:
    """The rows; where two cells name a row, the rows that share the first one stand together, and it spans them."""
    if table.headers == 1:
        kind = "banded" if len(table.columns) >= BANDED_FROM else "plain"
        yield f'<tbody class="{kind}">\n{"".join(_row(row, figures, 1) for row in table.rows)}</tbody>\n'
        return
    for text, group in groupby(table.rows, key=lambda row: row[0].text):
        rows = list(group)
        span = f'<th scope="rowgroup" rowspan="{len(rows)}">{escape(text)}</th>'
        lines = [_row(row, figures, 2, "" if at else span) for at, row in enumerate(rows)]
        yield f'<tbody class="rows">\n{"".join(lines)}</tbody>\n'


def _row(row: Sequence[Cell], figures: Sequence[bool], headers: int, span: str = "") -> str:
    name = row[headers - 1].text
    cells = zip(row[headers:], figures[headers:], strict=True)
    values = "".join(_cell(cell, right) for cell, right in cells)
    return f'<tr>{span}<th scope="row"{_class(False, name)}>{escape(name)}</th>{values}</tr>\n'


def _cell(cell: Cell, right: bool) -> str:
    value, text = cell.values.get(""), escape(cell.text)
    if isinstance(value, int | float):
        text = f'<data value="{value!r}">{text}</data>'
    kind = ' class="digest"' if cell.text.startswith("sha256:") else _class(right, cell.text)
    return f"<td{kind}>{text}</td>"


def _class(right: bool, text: str = "") -> str:
    names = ["figure"] * right + ["short"] * (0 < len(text) <= SHORT)
    return f' class="{" ".join(names)}"' if names else ""
