"""Calls that leave no trace of a report: DSPy logs whole reports and answers when something fails, and caches them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import dspy

from ranscore.models import Model


@contextmanager
def quiet_logs(*names: str) -> Iterator[None]:
    """No log line of the named loggers, and of those below them, inside the block."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def asking(model: Model) -> Iterator[None]:
    """Inside it `dspy.Predict` asks the model for typed fields as JSON; nothing of it is logged, cached or kept."""
    lm = model.make_lm().copy(cache=False)
    with quiet_logs("dspy"), dspy.context(lm=lm, adapter=dspy.JSONAdapter(), disable_history=True):
        yield
