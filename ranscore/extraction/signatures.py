"""A program as a `dspy.Signature` with a typed two-valued answer, and its exemplars as demos."""

from __future__ import annotations

from typing import Any

import dspy

from ranscore.prompt import render_instructions, shorten
from ranscore.records import Answer, Program


def make_signature(program: Program) -> type[dspy.Signature]:
    """The signature of one finding: input `report: str`, output `answer: Literal["present", "absent"]`."""
    fields = {
        "report": (str, dspy.InputField(desc="one chest X-ray report")),
        "answer": (Answer, dspy.OutputField(desc=program.form.ask(program.name))),
    }
    name = "".join(part.title() for part in program.finding.split("_"))
    signature: type[dspy.Signature] = dspy.Signature(fields, render_instructions(program), signature_name=name)
    return signature


def make_demos(program: Program) -> list[dict[str, Any]]:
    """The program's exemplars, in order, as demos of its signature."""
    limit = program.form.exemplar_chars
    return [{"report": shorten(e.passage, limit), "answer": e.answer} for e in program.exemplars]
