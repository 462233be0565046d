"""The adapter that asks for one word and accepts only that word; nothing is asked twice."""

from __future__ import annotations

import re
from typing import Any

import dspy
from dspy.utils.exceptions import AdapterParseError

from ranscore.prompt import wrap_report
from ranscore.records import AnswerForm

_THINK = re.compile(r"^\s*<think>.*?</think>", re.DOTALL | re.IGNORECASE)


class UnreadableAnswerError(ValueError):
    """An answer that is not one of the two words; the text says what kind of answer it was, without quoting it."""


def read_answer(text: str | None, form: AnswerForm) -> str:
    """`present` or `absent` from a model's answer; raises UnreadableAnswerError."""
    body = _THINK.sub("", text or "").strip()
    if body.lower().startswith("<think>"):
        raise UnreadableAnswerError("the model was still thinking when its answer ended")
    word = body.rstrip(".。").strip().casefold()
    if word == form.present.casefold():
        return "present"
    if word == form.absent.casefold():
        return "absent"
    if not body:
        raise UnreadableAnswerError("the answer was empty")
    raise UnreadableAnswerError(
        f"the answer ({len(body)} characters) was not one of the words {form.present!r}, {form.absent!r}"
    )


class OneWordAdapter(dspy.Adapter):  # type: ignore[misc]
    """System message: the program; a user and an assistant turn an exemplar; last the report and the question."""

    def __init__(self, name: str, form: AnswerForm) -> None:
        super().__init__()
        self.form = form
        self.question = form.ask(name)

    def format(
        self, signature: type[dspy.Signature], demos: list[dict[str, Any]], inputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """The messages for one report; all but the last are the same for every report."""
        messages = [{"role": "system", "content": signature.instructions}]
        for demo in demos:
            messages.append({"role": "user", "content": wrap_report(demo["report"], self.question)})
            messages.append({"role": "assistant", "content": self.form.word(demo["answer"])})
        return [*messages, {"role": "user", "content": wrap_report(inputs["report"], self.question)}]

    def parse(self, signature: type[dspy.Signature], completion: str) -> dict[str, Any]:
        """The typed answer; anything but one of the two words is an AdapterParseError."""
        try:
            return {"answer": read_answer(completion, self.form)}
        except UnreadableAnswerError as fault:
            raise AdapterParseError(
                adapter_name="OneWordAdapter", signature=signature, lm_response="(withheld)", message=str(fault)
            ) from fault
