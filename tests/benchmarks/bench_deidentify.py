"""Recall and precision of de-identification on generated reports with known answers, by category and language.

    python tests/benchmarks/bench_deidentify.py [development|test|all] [--wrong]

500 reports a language: the rules were written with the development half in view, and the test half measures them.
`touched`, `covered` and `exact` are recall (see `measuring.Counts`), `right` and `chars` are precision by places and by
characters. `--wrong` lists what was missed and what was taken for an answer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from ranscore.deidentification import find_spans
from tests.deidentification.generate import PARTS, examples
from tests.deidentification.measuring import measure, table

HALF = 250


def found(text: str) -> Iterator[tuple[int, int, str]]:
    """What the rules find in a text."""
    return ((s.start, s.end, str(s.category)) for s in find_spans(text))


def main() -> None:
    asked = {a for a in sys.argv[1:] if not a.startswith("-")} or set(PARTS)
    for part in PARTS if "all" in asked else [p for p in PARTS if p in asked]:
        for language in ("en", "zh"):
            measured = measure(examples(language, part, HALF), found)
            print(f"\n{language}, {part} half, {HALF} reports\n{table(measured)}")
            if "--wrong" in sys.argv:
                for title, places in (("missed", measured.missed), ("false", measured.false)):
                    print(f"\n{title}:")
                    print("\n".join(f"{n:4} {place}" for place, n in sorted(places.items())))


if __name__ == "__main__":
    main()
