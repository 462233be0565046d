"""What one call for all findings costs in kappa and saves in tokens, on the demonstration cohorts and Open-I.

    [RANSCORE_OPENI=FOLDER] python tests/benchmarks/bench_grouping.py [MODEL [API_BASE]]

Without a model the embedded reader answers both prompts: its loss is that of the wordings and exemplars that one prompt
for all findings has no room for. A language model loses in other ways; name one to measure it.
"""

from __future__ import annotations

import os
import sys

from ranscore.cohort import open_dataset
from ranscore.extraction.grouped import GroupPrompt
from ranscore.extraction.module import freeze_prompt
from ranscore.freezing import load_frozen
from ranscore.labelling.batch import extract
from ranscore.models import Model, open_model
from ranscore.models._base import count_tokens
from ranscore.scoring import score_finding


def opened(prompt: GroupPrompt, *, grouped: bool) -> Model:
    """The model of the arguments."""
    name = sys.argv[1] if len(sys.argv) > 1 else "lexical"
    settings = {"api_base": sys.argv[2]} if len(sys.argv) > 2 else {}
    return open_model(name, **settings, **({"max_tokens": prompt.tokens} if grouped and name != "lexical" else {}))


def main() -> None:
    """Prints a line a cohort."""
    frozen = load_frozen()
    prompt = GroupPrompt(frozen.programs())
    one = sum(count_tokens(t) for p in frozen.programs() for _, t in freeze_prompt(p).head)
    print(f"prompt tokens a report without the report: {one} in 20 calls, {count_tokens(prompt.head[0][1])} in one")
    print(f"{'cohort':<10}{'reports':>9}{'mean kappa, 20 calls':>22}{'one call':>10}{'change':>9}{'unanswered':>12}")
    for name in ("demo-en", "demo-zh", *(["openi"] if os.environ.get("RANSCORE_OPENI") else [])):
        cohort = open_dataset(name)
        both = [
            extract(frozen, cohort.reports, opened(prompt, grouped=g), grouping="report" if g else "finding").table
            for g in (False, True)
        ]
        pairs = []
        for finding in prompt.findings:
            truth = list(cohort.reference.column(finding).values())
            kappas = [score_finding(truth, list(t.column(finding).values())).kappa for t in both]
            if kappas[0] is not None and kappas[1] is not None:
                pairs.append((kappas[0], kappas[1]))
        before, after = (sum(k) / len(pairs) for k in zip(*pairs, strict=True))
        blank = sum(v == -2 for row in both[1].values for v in row)
        print(f"{name:<10}{len(cohort.reports):>9}{before:>22.3f}{after:>10.3f}{after - before:>+9.3f}{blank:>12}")


if __name__ == "__main__":
    main()
