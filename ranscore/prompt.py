"""A program as the text that a model reads, and back: one criterion a line, one synonym rule a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from ranscore.records import AnswerForm, Exemplar, Means, Program, SynonymRule, strip_invisible

REPORT_OPEN, REPORT_CLOSE = "<report>", "</report>"
FINDING, DEFINITION = "Finding: ", "Definition: "
PRESENT_WHEN, ABSENT_WHEN = "Answer {word} when the report states:", "Answer {word} when there is only:"
ANSWER_WORDS = 'Your whole answer is one word, "{present}" or "{absent}".'
NOTATION = (
    'In the wordings below "..." stands for up to six words, "&" for both parts in one sentence in either order, '
    '"*" for any ending, "/" for or, "?" for a part that may be missing.'
)
RULE_HEADINGS: dict[Means, str] = {
    "states": "Wordings that state it:",
    "does_not_count": "Wordings that do not count:",
    "denies": "Wordings that deny it:",
}
_ASKED = re.compile(re.sub(r"\\\{\w+\\\}", '([^"]+)', re.escape(ANSWER_WORDS)))
_MARKERS = re.compile(
    r"<(?=\s*/?\s*report|[|｜]|/?s>|/?think|/?(?:start|end)_of_turn|</?sys)|\[(?=/?inst\])", re.IGNORECASE
)
_HARMLESS = {"<": "‹", "[": "［"}


def render_instructions(program: Program) -> str:
    """The system message of a program: instruction, finding, criteria, synonym rules; the same for all reports.

    A program that has a `text` is that text, with the answer words asked for.
    """
    if program.text.strip():
        return ask_for_words(program.text, program.form)
    return "\n".join(_lines(program))


def ask_for_words(text: str, form: AnswerForm) -> str:
    """A system message that asks for the form's answer words and no others: in a last line, where it did not."""
    asks = ANSWER_WORDS.format(present=form.present, absent=form.absent)
    if {match[0] for match in _ASKED.finditer(text)} == {asks}:
        return text
    return f"{_ASKED.sub('', text).strip()}\n{asks}"


def _lines(program: Program) -> Iterator[str]:
    yield program.instruction.strip()
    yield ""
    yield FINDING + program.name
    yield DEFINITION + " ".join(program.definition.split())
    yield ANSWER_WORDS.format(present=program.form.present, absent=program.form.absent)
    yield from _list(PRESENT_WHEN.format(word=program.form.present), program.present_when)
    yield from _list(ABSENT_WHEN.format(word=program.form.absent), program.absent_when)
    if program.rules:
        yield ""
        yield NOTATION
    for means, heading in RULE_HEADINGS.items():
        rules = (r for r in program.rules if r.means == means)
        yield from _list(heading, (", ".join(f'"{p}"' for p in r.phrases) for r in rules))


def _list(heading: str, items: Iterable[str]) -> Iterator[str]:
    lines = [f"- {' '.join(item.split())}" for item in items]
    if lines:
        yield from ("", heading, *lines)


def read_rules(instructions: str) -> tuple[SynonymRule, ...]:
    """The synonym rules that stand in a system message written by `render_instructions`."""
    rules: list[SynonymRule] = []
    by_heading = {heading: means for means, heading in RULE_HEADINGS.items()}
    means: Means | None = None
    for line in instructions.splitlines():
        if line in by_heading:
            means = by_heading[line]
        elif not line.startswith("- "):
            means = None
        elif means is not None and (phrases := tuple(re.findall(r'"([^"]+)"', line))):
            rules.append(SynonymRule(means=means, phrases=phrases))
    return tuple(rules)


def read_words(instructions: str) -> tuple[str, str]:
    """The two answer words that a system message asks for, the one for present first."""
    found = _ASKED.search(instructions)
    return (found[1], found[2]) if found else ("present", "absent")


def wrap_report(text: str, question: str) -> str:
    """A user message: the report between its markers, then the closing question in one line."""
    return f"{REPORT_OPEN}\n{neutralize(text)}\n{REPORT_CLOSE}\n{question}"


def unwrap_report(message: str) -> str:
    """The report text of a user message made by `wrap_report`."""
    body = message.split(REPORT_OPEN + "\n", 1)[-1]
    return body.rsplit("\n" + REPORT_CLOSE, 1)[0]


def neutralize(text: str) -> str:
    """A report's text in which nothing looks like one of the prompt's or a chat template's markers, all of it seen."""
    return _MARKERS.sub(lambda m: _HARMLESS[m.group()], strip_invisible(text))


def shorten(passage: str, limit: int) -> str:
    """A passage of at most `limit` characters, cut at a sentence or a word."""
    if len(passage) <= limit:
        return passage
    cut = passage[:limit]
    stop = max(cut.rfind(". "), cut.rfind("。"))
    if stop > limit // 3:
        return cut[: stop + 1]
    word = cut.rfind(" ")
    return cut[:word].rstrip() if word > limit // 3 else cut


# One question for all findings.

GROUP_OPENING = (
    "You read one chest X-ray report and decide for each finding of the list below whether the report says that it is "
    "there."
)
GROUP_ANSWER = (
    "Your whole answer is one JSON object: its keys are the {count} words after ## below, each with the value "
    '"present" or "absent".'
)
GROUP_QUESTION = (
    'Which findings are present in this report? Answer with one JSON object: "present" or "absent" for each.'
)
GROUP_PHRASES, GROUP_EXEMPLARS = 16, 4
_GUIDANCE, _PASSAGES, _SECTION = "Guidance:", "Passages:", "## "
_PASSAGE = re.compile(r'^- (present|absent): "(.*)"$', re.MULTILINE)


def render_group(programs: Sequence[Program]) -> str:
    """The system message that asks for all findings at once: what they share, then a short section a finding.

    A section holds definition and criteria, at most `GROUP_PHRASES` wordings of each kind, and at most
    `GROUP_EXEMPLARS` exemplars, positive and negative ones in turn.
    """
    shared = [line for line in programs[0].instruction.splitlines() if line.startswith("- ")]
    lines = [GROUP_OPENING, *shared, "", GROUP_ANSWER.format(count=len(programs))]
    if any(p.rules for p in programs):
        lines += [NOTATION]
    for program in programs:
        lines += ["", f"{_SECTION}{program.finding}", *_section(program)]
    return "\n".join(lines)


def _section(program: Program) -> Iterator[str]:
    yield FINDING + program.name
    if program.text.strip():
        yield _GUIDANCE
        yield from (line for line in _ASKED.sub("", program.text).splitlines() if line.strip())
    else:
        yield DEFINITION + " ".join(program.definition.split())
        yield from _close(_list(PRESENT_WHEN.format(word="present"), program.present_when))
        yield from _close(_list(ABSENT_WHEN.format(word="absent"), program.absent_when))
        for means, heading in RULE_HEADINGS.items():
            phrases = [p for r in program.rules if r.means == means for p in r.phrases][:GROUP_PHRASES]
            yield from _close(_list(heading, [", ".join(f'"{p}"' for p in phrases)] if phrases else []))
    shown = [f'{e.answer}: "{_one_line(e.passage, program)}"' for e in _in_turn(program)]
    yield from _close(_list(_PASSAGES, shown))


def _close(lines: Iterable[str]) -> Iterator[str]:
    return (line for line in lines if line)


def _one_line(passage: str, program: Program) -> str:
    return neutralize(" ".join(shorten(passage, program.form.exemplar_chars).split()))


def _in_turn(program: Program) -> list[Exemplar]:
    kinds = [[e for e in program.exemplars if e.answer == answer] for answer in ("present", "absent")]
    turns = [e for pair in zip_longest(*kinds) for e in pair if e]
    return turns[:GROUP_EXEMPLARS]


def split_group(instructions: str) -> dict[str, tuple[tuple[str, str], ...]]:
    """By finding what a message of `render_group` says of it, as the messages of a question for it alone."""
    found = {}
    for section in f"\n{instructions}".split(f"\n{_SECTION}")[1:]:
        finding, _, body = section.partition("\n")
        turns = [("system", body)]
        for answer, passage in _PASSAGE.findall(body.partition(f"{_PASSAGES}\n")[2]):
            turns += [("user", wrap_report(passage, GROUP_QUESTION)), ("assistant", answer)]
        found[finding.strip()] = tuple(turns)
    return found


def asks_for_all(instructions: str) -> bool:
    """True for a message of `render_group`."""
    return instructions.startswith(GROUP_OPENING)
