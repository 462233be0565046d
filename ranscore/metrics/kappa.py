"""Cohen's kappa: agreement beyond chance, (p_o - p_e) / (1 - p_e); undefined when one class is missing from both sides.

For two classes it is 2 (tp tn - fp fn) / ((tp + fp)(fp + tn) + (tp + fn)(fn + tn)), which needs no proportions. When a
class is missing from one side only, the observed agreement is what chance gives, and kappa is 0.

Source: Cohen, Educational and Psychological Measurement 1960;20:37-46.
"""

from __future__ import annotations

from ranscore.metrics._counts import Counts, FloatArray, ratio


def compute(counts: Counts) -> FloatArray:
    """Kappa in -1 to 1, of the shape of the counts; nan where only one class occurs, or no cell is scored."""
    tp, fp, fn, tn = counts.tp, counts.fp, counts.fn, counts.tn
    return ratio(2 * (tp * tn - fp * fn), (tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))
