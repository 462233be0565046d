"""Before a search is run: which development reports would change if a note became a rule or an exemplar."""

from __future__ import annotations

from collections.abc import Sequence

from ranscore.feedback.edits import propose_edits
from ranscore.models.lexical import bears_on
from ranscore.records import ABSENT, PRESENT, Edit, ErrorNote, Record
from ranscore.search._objective import Candidate, Objective, Scored, changed_labels

_NAMES = {PRESENT: "present", ABSENT: "absent"}


class Option(Record):
    """One edit that a note proposes, in words, with the ids of the reports that it alone turns right and wrong."""

    edit_id: str
    kind: str
    words: str
    right_ids: tuple[str, ...]
    wrong_ids: tuple[str, ...]

    @property
    def gain(self) -> int:
        """How many more answers it turns right than wrong."""
        return len(self.right_ids) - len(self.wrong_ids)


class Preview(Record):
    """What a note would change: its options, the best first.

    `exact` is False for an endpoint that was not asked: then the reports are those in which the edit's words stand and
    whose answer differs, as if the model obeyed. `calls` is what an exact preview costs; of an exact one, what it cost.
    An endpoint is asked about the reports with the edit's words alone; what it changes elsewhere a search will tell.
    """

    note_id: str
    exact: bool
    calls: int
    options: tuple[Option, ...]
    sentence: str

    @property
    def best(self) -> Option | None:
        """The option that turns most answers right, net of those that it turns wrong."""
        return self.options[0] if self.options else None

    @property
    def right_ids(self) -> tuple[str, ...]:
        """The reports that the best option turns right."""
        return self.best.right_ids if self.best else ()

    @property
    def wrong_ids(self) -> tuple[str, ...]:
        """The reports that the best option turns wrong."""
        return self.best.wrong_ids if self.best else ()


def preview_note(objective: Objective, scored: Scored, note: ErrorNote, *, spend: bool = False) -> Preview:
    """What would change on the task's reports if the note became a rule (or an exemplar), each option by itself.

    `scored` is the program under review with its labels. The embedded model is asked at once. An endpoint is not asked
    unless `spend`: the estimate says how many calls that takes; raises BudgetSpentError where the recipe's budget ends.
    """
    reports = {r.report_id: r for r in objective.task.reports}
    edits = propose_edits([note], reports)
    if not edits:
        return _preview(note, (), 0, exact=True)
    if objective.task.model.embedded:
        options = [_option(e, *changed_labels(objective, scored, e)) for e in edits]
        return _preview(note, options, 0, exact=True)
    touched = {e.id: _holders(e, objective) for e in edits}
    if not spend:
        guessed = [_option(e, *_obeyed(objective, scored, e, touched[e.id])) for e in edits]
        return _preview(note, guessed, sum(map(len, touched.values())), exact=False)
    before = objective.calls
    asked = [_option(e, *_asked(objective, scored, e, touched[e.id])) for e in edits]
    return _preview(note, asked, objective.calls - before, exact=True)


Changed = tuple[tuple[str, ...], tuple[str, ...]]


def _holders(edit: Edit, objective: Objective) -> list[str]:
    """The reports in which an edit's words stand, but for an exemplar's own, which is never read with it."""
    own = edit.exemplar.report_id if edit.exemplar else None
    return [r.report_id for r in objective.task.reports if r.report_id != own and bears_on(edit, r)]


def _obeyed(objective: Objective, scored: Scored, edit: Edit, touched: Sequence[str]) -> Changed:
    """The reports that would turn right and wrong if every report with the edit's words were read as it says."""
    says = "present" if (edit.rule and edit.rule.means == "states") or _answers(edit, "present") else "absent"
    old = {label.report_id: label.value for label in scored.labels}
    changed = [i for i in touched if old[i] != says]
    truth = {i: _NAMES.get(objective.task.reference[i]) for i in changed}
    return tuple(i for i in changed if truth[i] == says), tuple(i for i in changed if truth[i] == old[i])


def _answers(edit: Edit, answer: str) -> bool:
    return edit.exemplar is not None and edit.exemplar.answer == answer


def _asked(objective: Objective, scored: Scored, edit: Edit, touched: Sequence[str]) -> Changed:
    """The reports with the edit's words that the model, asked again, answers rightly now, and those wrongly."""
    candidate = Candidate(scored.candidate.base, (*scored.candidate.edits, edit), scored.candidate.form)
    old = {label.report_id: label.value for label in scored.labels}
    wanted = set(touched)
    labels = objective.label(candidate, [r for r in objective.task.reports if r.report_id in wanted])
    truth = {x.report_id: _NAMES.get(objective.task.reference[x.report_id]) for x in labels}
    changed = [x for x in labels if x.value != old[x.report_id] and truth[x.report_id]]
    right = tuple(x.report_id for x in changed if x.value == truth[x.report_id])
    return right, tuple(x.report_id for x in changed if old[x.report_id] == truth[x.report_id])


def _option(edit: Edit, right: tuple[str, ...], wrong: tuple[str, ...]) -> Option:
    kind = edit.rule.means if edit.rule else edit.kind
    words = edit.rule.phrases[0] if edit.rule else edit.exemplar.passage if edit.exemplar else ""
    return Option(edit_id=edit.id, kind=kind, words=words, right_ids=right, wrong_ids=wrong)


def _preview(note: ErrorNote, options: Sequence[Option], calls: int, *, exact: bool) -> Preview:
    ordered = tuple(sorted(options, key=lambda o: (-o.gain, len(o.wrong_ids))))  # of equals the closest to the note
    sentence = _sentence(ordered, calls, exact)
    return Preview(note_id=note.note_id, exact=exact, calls=calls, options=ordered, sentence=sentence)


def _sentence(options: tuple[Option, ...], calls: int, exact: bool) -> str:
    if not options:
        return "No rule can be made of this note: mark the words of the report that decide it."
    right, wrong = len(options[0].right_ids), len(options[0].wrong_ids)
    made = "an example" if options[0].kind == "exemplar" else "a rule"
    reports = "report" if right + wrong == 1 else "reports"
    if not exact:
        return (
            f"Estimate: if this note became {made} and the model obeyed, {right + wrong} development {reports} would "
            f"change: {right} right, {wrong} wrong. Asking the model takes {calls} calls."
        )
    if not right + wrong:
        return f"If this note became {made}, no answer on the development reports would change."
    return (
        f"If this note became {made}, {right + wrong} development {reports} would change: {right} right, {wrong} wrong."
    )
