"""Recall and precision of de-identification on generated reports with known answers, by category and language.

    [RANSCORE_OPENI=FOLDER] python tests/benchmarks/bench_deidentify.py [development|test|all] [--wrong] [--labels]

500 reports a language: the rules were written with the development half in view, and the test half measures them.
`touched`, `covered` and `exact` are recall (see `measuring.Counts`), `right` and `chars` are precision by places and
by characters. `--wrong` lists what was missed and what was taken for an answer. `--labels` measures instead how many
labels of the release program stay as they were, on the demonstration cohorts as they are and dressed in identifying
lines, and on Open-I, whose identifiers are XXXX already.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from ranscore.cohort import open_dataset
from ranscore.deidentification import Key, deidentify, find_spans
from ranscore.freezing import load_frozen
from ranscore.labelling.batch import extract
from ranscore.models import open_model
from tests.deidentification.generate import PARTS, dressed, examples
from tests.deidentification.measuring import measure, table

HALF = 250


def found(text: str) -> Iterator[tuple[int, int, str]]:
    """What the rules find in a text."""
    return ((s.start, s.end, str(s.category)) for s in find_spans(text))


def labels() -> None:
    """Prints a line a cohort: labels that differ after de-identification."""
    frozen, key = load_frozen(), Key(b"0" * 32)
    for name in ("demo-en", "demo-zh", *(["openi"] if os.environ.get("RANSCORE_OPENI") else [])):
        cohort = open_dataset(name)
        language = "zh" if name == "demo-zh" else "en"
        for how in ("as it is", "dressed") if name != "openi" else ("as it is",):
            texts = [r.text for r in cohort.reports]
            texts = dressed(texts, language, "test") if how == "dressed" else texts
            done = [deidentify(t, key, str(i)) for i, t in enumerate(texts)]
            before, after = (
                extract(frozen, [r.model_copy(update={"text": t}) for r, t in zip(cohort.reports, new, strict=True)],
                        open_model("lexical")).table
                for new in (texts, [d.text for d in done])
            )  # fmt: skip
            cells = list(zip(before.report_ids, before.values, after.values, strict=True))
            wrong = [(i, f, a, b) for i, x, y in cells for f, a, b in zip(before.findings, x, y, strict=True) if a != b]
            places = sum(len(d.spans) for d in done)
            total = len(cells) * len(before.findings)
            if how == "dressed":
                plain = extract(frozen, cohort.reports, open_model("lexical")).table
                same = sum(
                    a == b for x, y in zip(plain.values, after.values, strict=True) for a, b in zip(x, y, strict=True)
                )
                print(f"{name} dressed, then de-identified: {same} labels equal those of the reports as they are")
            print(f"{name} {how}: {places} places replaced, {total - len(wrong)} of {total} labels equal", *wrong[:20])


def main() -> None:
    if "--labels" in sys.argv:
        labels()
        return
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
