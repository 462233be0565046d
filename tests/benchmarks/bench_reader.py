"""Reports a second of the embedded reader with the release program, 20 findings, on one core.

By hand: `RANSCORE_OPENI=FOLDER python tests/benchmarks/bench_reader.py [--sample 300] [--varied 100000]`.
Processor time of this process, all in one run, the best of five: the prompt-reading path on a sample, one pass over
every Open-I report (phrases not compiled, once; compiled and no sentence remembered; all remembered), then one pass
over varied texts: sentences in another order, sides and numbers changed, one numbered, so that no two are the same.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from ranscore.cohort import open_dataset
from ranscore.extraction.module import freeze_prompt
from ranscore.freezing import load_frozen, release_path
from ranscore.models._base import Message
from ranscore.models._reading import read
from ranscore.models.lexical import LexicalReader
from ranscore.prompt import wrap_report

TIMES = 5
Heads = tuple[tuple[Message, ...], ...]
_SENTENCE = re.compile(r"(?<=[.:])\s+")
_VARYING = re.compile(r"\b(?:left|right|mild|moderate|small|large|\d+)\b", re.IGNORECASE)
_OTHERS = {
    "left": ("right", "bilateral"), "right": ("left", "bilateral"), "mild": ("moderate", "minimal"),
    "moderate": ("mild", "severe"), "small": ("tiny", "moderate"), "large": ("small", "moderate"),
}  # fmt: skip


def vary(texts: Sequence[str], wanted: int, seed: int) -> Iterator[str]:
    """So many texts that all differ."""
    draw = random.Random(seed)

    def other(m: re.Match[str]) -> str:
        word = m.group().lower()
        return draw.choice((word, *_OTHERS[word])) if word in _OTHERS else str(draw.randint(1, 99))

    for n in range(wanted):
        sentences = _SENTENCE.split(texts[n % len(texts)])
        draw.shuffle(sentences)
        yield _VARYING.sub(other, f"{' '.join(sentences)} Study number {n}.")


def rate(answer_one: Callable[[str], list[str]], texts: Iterable[str]) -> tuple[float, list[list[str]]]:
    """Reports a second of processor time, and the answers."""
    listed = list(texts)
    began = time.process_time()
    answers = [answer_one(text) for text in listed]
    return len(listed) / (time.process_time() - began), answers


def rate_stream(reader: LexicalReader, heads: Heads, texts: Iterator[str]) -> tuple[float, float]:
    """Reports a second over a stream whose making is not counted, and the share of sentences not met before."""
    spent, done = 0.0, 0
    before = reader.one_pass(heads).sentences_read()
    for text in texts:
        began = time.process_time_ns()
        reader.answer_all(heads, text)
        spent += (time.process_time_ns() - began) / 1e9
        done += 1
    met, new = (b - a for a, b in zip(before, reader.one_pass(heads).sentences_read(), strict=True))
    return done / spent, new / (met + new)


def main() -> None:
    """Print rates and ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sample", type=int, default=300)
    options.add_argument("--varied", type=int, default=100_000)
    chosen = options.parse_args()
    texts = [report.text for report in open_dataset("openi").reports]
    heads: Heads = tuple(freeze_prompt(program).head for program in load_frozen(release_path()).programs())
    reader = LexicalReader()

    def by_prompt(text: str) -> list[str]:
        return [reader.answer((*head, ("user", wrap_report(text, "?")))) for head in heads]

    def together(text: str) -> list[str]:
        return reader.answer_all(heads, text)

    print(f"{len(texts):,} reports, {len(set(texts)):,} of them different, {len(heads)} findings")
    began = time.process_time()
    reader.one_pass(heads)
    print(f"prompts read and indexed in {time.process_time() - began:.2f} s")
    sample = random.Random(0).sample(texts, chosen.sample)
    first, _ = rate(together, texts)
    rate(by_prompt, sample[:50])  # compiles what it needs
    old, new, again = 0.0, 0.0, 0.0
    for _ in range(TIMES):  # the best, since other processes slow this one down
        read.cache_clear()
        by_old, olds = rate(by_prompt, sample)[::-1]
        reader.one_pass(heads).forget()
        old, new, again = max(old, olds), max(new, rate(together, texts)[0]), max(again, rate(together, texts)[0])
    print(f"prompt by prompt                  {old:9,.0f} reports/s (on {len(sample)})")
    print(f"one pass, nothing compiled        {first:9,.0f} reports/s, {first / old:5.1f} times")
    print(f"one pass, no sentence remembered  {new:9,.0f} reports/s, {new / old:5.1f} times")
    print(f"one pass, all remembered          {again:9,.0f} reports/s, {again / old:5.1f} times")
    print("the same answers" if [together(text) for text in sample] == by_old else "DIFFERENT ANSWERS")
    varied, unseen = rate_stream(reader, heads, vary(texts, chosen.varied, 0))
    print(f"one pass, {chosen.varied:,} varied texts  {varied:9,.0f} reports/s, {varied / old:5.1f} times; "
          f"{unseen:.0%} of the sentences not in memory")  # fmt: skip
    print(f"highest memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
