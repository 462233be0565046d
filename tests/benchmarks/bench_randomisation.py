"""Times paired randomisation against a plain loop; by hand: `python tests/benchmarks/bench_randomisation.py`."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ranscore.metrics import f1
from ranscore.metrics._counts import Counts, FloatArray, LabelArray, count, mean_of_defined, settle
from ranscore.metrics._intervals import paired_bootstrap
from ranscore.metrics._randomisation import draw_swaps, paired_randomisation

REPORTS, FINDINGS, TIMES, LOOPED = 3_000, 21, 10_000, 200


def mean_f1(counts: Counts) -> FloatArray:
    """Ran Score of each row."""
    return mean_of_defined(settle(f1.compute(counts), counts, "0"))


def loop(reference: LabelArray, a: LabelArray, b: LabelArray) -> None:
    """The obvious way: exchange the rows, count, score, one randomisation after another."""
    rng = np.random.default_rng(0)
    for _ in range(LOOPED):
        swapped = rng.integers(0, 2, (REPORTS, 1), dtype=bool)
        mean_f1(count(reference, np.where(swapped, b, a)))
        mean_f1(count(reference, np.where(swapped, a, b)))


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
    sides = [
        np.where(rng.random(reference.shape) < share, np.abs(reference), 0).astype(np.int8) for share in (0.9, 0.8)
    ]
    a, b = (np.where(rng.random(side.shape) < 0.02, 1 - side, side).astype(np.int8) for side in sides)
    fast = seconds(lambda: paired_randomisation(reference, a, b, mean_f1, randomisations=TIMES))
    drawing = seconds(lambda: [None for _ in draw_swaps(REPORTS, TIMES, 0)])
    resampling = seconds(lambda: paired_bootstrap(reference, a, b, mean_f1, resamples=TIMES))
    slow = seconds(lambda: loop(reference, a, b)) * TIMES / LOOPED
    print(f"{TIMES:,} randomisations of {REPORTS:,} reports x {FINDINGS} findings, two systems")
    print(f"matrix products   {fast:7.2f} s   of which drawing at most {drawing / fast:.0%}")
    print(f"paired bootstrap  {resampling:7.2f} s   {resampling / fast:.1f} times the randomisation")
    print(f"plain loop        {slow:7.2f} s   (from {LOOPED}), {slow / fast:.0f} times the matrix products")


if __name__ == "__main__":
    main()
