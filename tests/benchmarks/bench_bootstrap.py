"""Times the bootstrap of Ran Score against a plain loop; by hand: `python tests/benchmarks/bench_bootstrap.py`."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ranscore.metrics import f1
from ranscore.metrics._counts import Counts, FloatArray, LabelArray, count, settle
from ranscore.metrics._intervals import bootstrap, draw_weights

REPORTS, FINDINGS, RESAMPLES, LOOPED = 3_000, 21, 10_000, 200


def mean_f1(counts: Counts) -> FloatArray:
    """Ran Score of each resample."""
    mean: FloatArray = settle(f1.compute(counts), counts, "0").mean(axis=-1)
    return mean


def loop(reference: LabelArray, labels: LabelArray) -> None:
    """The obvious way: pick the rows, count, score, one resample after another."""
    rng = np.random.default_rng(0)
    for _ in range(LOOPED):
        rows = rng.integers(0, REPORTS, REPORTS)
        mean_f1(count(reference[rows], labels[rows]))


def seconds(work: Callable[[], object]) -> float:
    """The best of three runs."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print seconds and ratios."""
    rng = np.random.default_rng(1)
    reference = rng.choice(np.array([0, 1, -1], dtype=np.int8), (REPORTS, FINDINGS), p=[0.85, 0.12, 0.03])
    labels = np.where(rng.random(reference.shape) < 0.9, np.abs(reference), 0).astype(np.int8)
    fast = seconds(lambda: bootstrap(reference, labels, mean_f1, resamples=RESAMPLES))
    drawing = seconds(lambda: [None for _ in draw_weights(REPORTS, RESAMPLES, 0)])
    slow = seconds(lambda: loop(reference, labels)) * RESAMPLES / LOOPED
    print(f"{RESAMPLES:,} resamples of {REPORTS:,} reports x {FINDINGS} findings")
    print(f"matrix products {fast:7.2f} s   of which drawing {drawing / fast:.0%}")
    print(f"plain loop      {slow:7.2f} s   (from {LOOPED} resamples), {slow / fast:.1f} times the matrix products")


if __name__ == "__main__":
    main()
