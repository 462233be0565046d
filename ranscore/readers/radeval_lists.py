"""RadEval's files: `{"references": [...], "hypotheses": [...]}`, or `.tok` files with one report a line.

A report's id is its number, so that the two `.tok` files pair line by line. JSONL with `ref` and `hyp` and CSV with
`reference` and `hypothesis` are read as any table.
Source: Xu et al., RadEval, arXiv 2509.18030; https://github.com/jbdel/RadEval.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError
from ranscore.readers._columns import listed
from ranscore.readers._glance import Glance
from ranscore.readers._json import kind_of, load_json, texts_of
from ranscore.readers._opening import open_text
from ranscore.readers._tables import text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".tok",)
REFERENCES, HYPOTHESES = ("references", "refs", "reference", "ref"), ("hypotheses", "hyps", "hypothesis", "hyp")


def recognises(glance: Glance) -> bool:
    """True for the two lists."""
    opens = glance.suffix == ".json" and glance.head.lstrip().startswith("{")
    return opens and any(f'"{n}": [' in glance.head or f'"{n}":[' in glance.head for n in (*REFERENCES, *HYPOTHESES))


def read(path: Path) -> pd.DataFrame:
    """The columns report_id (a number), reference and generated; of a `.tok` file report_id and report.

    Raises InputError.
    """
    if path.suffix.lower() != ".json":
        with open_text(path) as file:
            lines = [line.strip() for line in file]
        while lines and not lines[-1]:
            lines.pop()
        rows = [[str(number), line] for number, line in enumerate(lines, start=1)]
        return text_table(path, ("report_id", "report"), rows, range(1, len(rows) + 1), "line")
    data = load_json(path)
    if not isinstance(data, dict):
        raise InputError(f"{path}: found {kind_of(data)}, expected an object with the lists references and hypotheses.")
    lists = {}
    for side, names in (("reference", REFERENCES), ("generated", HYPOTHESES)):
        name = next((n for n in names if n in data), None)
        if name is None:
            raise InputError(
                f"{path}: no key is called {names[0]!r}; keys there: {listed(list(data))}; "
                "expected the lists references and hypotheses."
            )
        lists[side] = texts_of(path, data[name], name)
    ours, theirs = lists["reference"], lists["generated"]
    if len(ours) != len(theirs):
        raise InputError(f"{path}: found {len(ours)} references and {len(theirs)} hypotheses; expected as many.")
    rows = [[str(n), a, b] for n, (a, b) in enumerate(zip(ours, theirs, strict=True), start=1)]
    return text_table(path, ("report_id", "reference", "generated"), rows, range(1, len(rows) + 1), "item")
