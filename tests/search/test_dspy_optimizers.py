"""DSPy's optimizers as searches: the same interface, budget and objective as every other, and nothing leaked."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import dspy
import pytest

from ranscore import catalog, registry
from ranscore.cohort import Dataset, open_dataset
from ranscore.errors import InputError
from ranscore.extraction.module import freeze_prompt
from ranscore.feedback.edits import apply_edits, make_exemplar
from ranscore.freezing import FrozenProgram, freeze, freeze_finding, load_frozen, save_frozen
from ranscore.models import open_model, scripted
from ranscore.models._base import Message, Model
from ranscore.models.lexical import LexicalReader
from ranscore.prompt import ANSWER_WORDS, read_words, render_instructions, unwrap_report
from ranscore.records import ErrorNote, Program
from ranscore.search._objective import BudgetSpentError, Candidate, Objective, Scored, Task
from ranscore.search._recipe import Recipe, read_recipe
from ranscore.search._rounds import optimize_finding
from ranscore.search._study import Pool
from ranscore.search.gepa import make_metric

FINDING = "pneumothorax"
REPORTS = 40
ALL = ("bootstrap-random-search", "mipro", "gepa")
WRITING = ("mipro", "gepa")
TRIALS = 6
Answers = Callable[[Sequence[Message]], str]


class Counting:
    """The embedded reader behind the scripted model, keeping every prompt that it answers."""

    def __init__(self) -> None:
        self.reader = LexicalReader()
        self.prompts: list[tuple[Message, ...]] = []

    def __call__(self, messages: Sequence[Message]) -> str:
        self.prompts.append(tuple(messages))
        return self.reader.answer(messages)


class Writing:
    """A writer that answers every field it is asked for with one text."""

    def __init__(self, text: str) -> None:
        self.text, self.asked = text, list[str]()

    def __call__(self, messages: Sequence[Message]) -> str:
        whole = "\n".join(text for _, text in messages)
        self.asked.append(whole)
        if "new_instruction" in whole:
            return json.dumps({"new_instruction": self.text})
        last = messages[-1][1]
        names = [
            n for n in re.findall(r"\[\[ ## (\w+) ## \]\]", last[last.rfind("Respond with") :]) if n != "completed"
        ]
        return "\n\n".join(f"[[ ## {n} ## ]]\n{self.text}" for n in names) + "\n\n[[ ## completed ## ]]"


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """The English demonstration cohort."""
    return open_dataset("demo-en")


@pytest.fixture
def add_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], str]:
    """Registers a writing model as another distribution would, by an entry point; gives its name."""

    def add(answers: Answers) -> str:
        info = tmp_path / "test_writer-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: test-writer\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[ranscore.models]\ntest-writer = test_writer_backend\n")
        backend = ModuleType("test_writer_backend")
        backend.open_model = lambda name, **settings: scripted.open_model(name, answers, **settings)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "test_writer_backend", backend)
        monkeypatch.syspath_prepend(str(tmp_path))
        return "test-writer"

    return add


def task_of(dataset: Dataset, model: Model) -> Task:
    """Forty reports: all that have the finding, and the first that have not."""
    reference = dataset.reference.column(FINDING)
    ordered = sorted(
        dataset.reports, key=lambda r: (-abs(reference[r.report_id]), -reference[r.report_id], r.report_id)
    )
    chosen = tuple(ordered[:REPORTS])
    return Task(FINDING, "Pneumothorax", chosen, {r.report_id: reference[r.report_id] for r in chosen}, model)


def better_program() -> Program:
    """The seed program with the expert lexicon."""
    return apply_edits(catalog.seed_program(FINDING), catalog.lexicon_edits(FINDING))


def better_text() -> str:
    """What an able writer would propose: the expert's wordings, the answer line forgotten."""
    lines = render_instructions(better_program()).splitlines()
    return "\n".join([*(x for x in lines if not x.startswith("Your whole answer")), "", "Judge with care."])


def start(task: Task, recipe: Recipe, program: Program | None = None) -> tuple[Objective, Pool]:
    """An objective and the pool of its first round."""
    objective = Objective(task, recipe)
    return objective, Pool(objective.score(Candidate(program or catalog.seed_program(FINDING))), ())


def run(name: str, objective: Objective, pool: Pool, trials: int = TRIALS) -> Scored:
    """One search by its registered name."""
    scored: Scored = registry.load("search", name).search(objective, pool, trials=trials, seed=0)
    return scored


@pytest.mark.parametrize("name", ALL)
def test_recipe_is_shipped_under_the_name_of_its_algorithm(name: str) -> None:
    """Each optimizer has a recipe of its own name that reads without a fault."""
    recipe = read_recipe(name)
    assert (recipe.name, recipe.algorithm) == (name, name)


@pytest.mark.parametrize("name", ALL)
def test_search_keeps_the_start_or_finds_better_within_trials_times_reports(
    name: str, dataset: Dataset, add_writer: Callable[[Answers], str]
) -> None:
    """Without a budget a search makes at most trials x reports calls, the writer's included, and never loses."""
    labeller, writer = Counting(), Writing("Say absent.")
    objective, pool = start(
        task_of(dataset, scripted.open_model(answers=labeller)), read_recipe(name).changed(writer=add_writer(writer))
    )
    before = objective.calls
    best = run(name, objective, pool)
    assert best.value >= pool.current.value
    assert objective.calls == len(labeller.prompts) + len(writer.asked)
    assert before < objective.calls <= before + TRIALS * REPORTS


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("budget", [3 * REPORTS + 15, 4 * REPORTS + 17])
def test_budget_is_never_exceeded_and_the_best_is_kept(
    name: str, budget: int, dataset: Dataset, add_writer: Callable[[Answers], str]
) -> None:
    """A budget that ends in the middle of the work ends the search without a crash, a call more or a loss."""
    labeller, writer = Counting(), Writing(better_text())
    recipe = read_recipe(name).changed(writer=add_writer(writer), budget=budget)
    objective, pool = start(task_of(dataset, scripted.open_model(answers=labeller)), recipe)
    try:
        best = run(name, objective, pool, trials=30)
    except BudgetSpentError:
        best = pool.current
    assert best.value >= pool.current.value
    assert objective.calls == len(labeller.prompts) + len(writer.asked)
    assert objective.calls <= budget


@pytest.mark.parametrize("name", ALL)
def test_budget_without_room_for_a_trial_is_said_and_costs_nothing(
    name: str, dataset: Dataset, add_writer: Callable[[Answers], str]
) -> None:
    """Where not even one program can be tried the search says so before it makes a call."""
    labeller, writer = Counting(), Writing(better_text())
    recipe = read_recipe(name).changed(writer=add_writer(writer), budget=REPORTS + 5)
    objective, pool = start(task_of(dataset, scripted.open_model(answers=labeller)), recipe)
    with pytest.raises(BudgetSpentError, match="calls are left"):
        run(name, objective, pool)
    assert (len(labeller.prompts), writer.asked) == (REPORTS, [])


@pytest.mark.parametrize("name", WRITING)
def test_better_instruction_wins_and_asks_for_the_answer_words(
    name: str, dataset: Dataset, add_writer: Callable[[Answers], str]
) -> None:
    """A writer's better system message is kept as the program's text, and scored as any other candidate."""
    recipe = read_recipe(name).changed(writer=add_writer(Writing(better_text())))
    objective, pool = start(task_of(dataset, open_model("lexical")), recipe)
    best = run(name, objective, pool, trials=10)
    told = render_instructions(best.candidate.program)
    assert best.value > pool.current.value
    assert best.candidate.program.text
    assert told.splitlines()[-1] == ANSWER_WORDS.format(present="present", absent="absent")
    again = Objective(objective.task, recipe).score(best.candidate)
    assert (again.value, again.labels) == (best.value, best.labels)


@pytest.mark.parametrize("name", WRITING)
@pytest.mark.parametrize("writer", ["", "lexical"])
def test_search_that_writes_is_refused_without_a_writer(name: str, writer: str, dataset: Dataset) -> None:
    """Without a writing model the user is told in one sentence what to add, and no call is made."""
    objective, pool = start(task_of(dataset, open_model("lexical")), read_recipe(name).changed(writer=writer))
    before = objective.calls
    with pytest.raises(InputError, match="--writer MODEL") as refused:
        run(name, objective, pool)
    assert "\n" not in str(refused.value)
    assert objective.calls == before


@pytest.mark.parametrize("name", WRITING)
def test_writer_that_never_answers_is_the_users_mistake(
    name: str, dataset: Dataset, add_writer: Callable[[Answers], str]
) -> None:
    """A writer whose every call fails is named, and nothing of the failure's text is shown."""

    def fail(messages: Sequence[Message]) -> str:
        raise ConnectionError("secret report text")

    recipe = read_recipe(name).changed(writer=add_writer(fail))
    objective, pool = start(task_of(dataset, open_model("lexical")), recipe)
    with pytest.raises(InputError, match="--writer test-writer: none of its") as refused:
        run(name, objective, pool)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ALL)
def test_labeller_that_fails_leaves_reports_unanswered(
    name: str, dataset: Dataset, add_writer: Callable[[Answers], str]
) -> None:
    """Unreadable answers are counted as unanswered, and the search ends as if nothing was found."""
    recipe = read_recipe(name).changed(writer=add_writer(Writing(better_text())))
    objective, pool = start(task_of(dataset, scripted.open_model(answers=lambda messages: "perhaps")), recipe)
    best = run(name, objective, pool)
    assert best is pool.current
    assert best.score.unanswered == REPORTS


def test_report_is_never_read_beside_its_own_answer(dataset: Dataset) -> None:
    """No prompt of a search shows a report among its own exemplars, and each exemplar names its report."""
    labeller = Counting()
    recipe = read_recipe("bootstrap-random-search")
    task = task_of(dataset, scripted.open_model(answers=labeller))
    objective, pool = start(task, recipe)
    run("bootstrap-random-search", objective, pool, trials=12)
    shown = [[squeeze(unwrap_report(text)) for role, text in p if role == "user"] for p in labeller.prompts]
    assert any(len(passages) > 1 for passages in shown)
    assert [own for *exemplars, own in shown if any(passage[:200] in own for passage in exemplars)] == []


def squeeze(text: str) -> str:
    """A text in one line."""
    return " ".join(text.split())


def learns_by_exemplar(messages: Sequence[Message]) -> str:
    """A model that reads the reports by the lexicon, but only after it has seen both answers among its exemplars."""
    said = {text for role, text in messages if role == "assistant"}
    if said != {"present", "absent"}:
        return "absent"
    return LexicalReader().answer([("system", render_instructions(better_program())), messages[-1]])


def test_reports_become_exemplars_with_their_source(dataset: Dataset) -> None:
    """Bootstrapped demos come back as exemplar edits that name model and report, and win by our objective."""
    recipe = read_recipe("bootstrap-random-search")
    objective, pool = start(task_of(dataset, scripted.open_model(answers=learns_by_exemplar)), recipe)
    best = run("bootstrap-random-search", objective, pool, trials=8)
    assert best.value > pool.current.value
    texts = {r.report_id: squeeze(r.text) for r in objective.task.reports}
    exemplars = [e.exemplar for e in best.candidate.edits if e.exemplar]
    assert exemplars
    assert [e.passage for e in exemplars] == [texts[e.report_id or ""] for e in exemplars]
    assert {e.provenance.origin for e in best.candidate.edits} == {"model"}


@pytest.mark.parametrize("name", ALL)
def test_dspy_sends_the_very_prompts_of_the_candidates(
    name: str, dataset: Dataset, add_writer: Callable[[Answers], str]
) -> None:
    """What DSPy tried and what the kept candidate sends are the same bytes."""
    prompts: list[tuple[Message, ...]] = []

    def answer(messages: Sequence[Message]) -> str:
        prompts.append(tuple(messages))
        return LexicalReader().answer(messages) if name in WRITING else learns_by_exemplar(messages)

    recipe = read_recipe(name).changed(writer=add_writer(Writing(better_text())))
    objective, pool = start(task_of(dataset, scripted.open_model(answers=answer)), recipe)
    best = run(name, objective, pool, trials=8)
    prompt = freeze_prompt(best.candidate.program)
    certain = [r for r in objective.task.reports if objective.task.reference[r.report_id] != -1]
    others = [r for r in certain if r.report_id not in best.candidate.exemplar_sources]
    assert best.value > pool.current.value
    assert min(prompts.count(prompt.messages(r.text)) for r in others) >= 2  # once by DSPy, once for the score


def test_report_with_a_twin_is_no_exemplar(dataset: Dataset) -> None:
    """A text that two reports share is never shown: the other of them would be read beside its own answer."""
    labeller = Counting()
    task = task_of(dataset, scripted.open_model(answers=labeller))
    twins = tuple(
        r.model_copy(update={"report_id": f"{r.report_id}-twin", "text": r.text + " "}) for r in task.reports[3:]
    )
    reference = task.reference | {f"{i}-twin": v for i, v in task.reference.items()}
    task = Task(task.finding, task.name, (*task.reports, *twins), reference, task.model)
    objective, pool = start(task, read_recipe("bootstrap-random-search"))
    run("bootstrap-random-search", objective, pool)
    passages = {unwrap_report(text) for p in labeller.prompts for role, text in p[:-1] if role == "user"}
    assert passages
    assert passages <= {squeeze(r.text) for r in task.reports[:3]}


def test_exemplar_of_the_start_is_hidden_from_its_report_too(
    dataset: Dataset, add_writer: Callable[[Answers], str]
) -> None:
    """An exemplar that the current candidate already holds is not shown with the report that it was taken from."""
    labeller = Counting()
    recipe = read_recipe("gepa").changed(writer=add_writer(Writing(better_text())))
    task = task_of(dataset, scripted.open_model(answers=labeller))
    source = task.reports[0]
    passage = source.text.split(". ")[0] + "."
    edit = make_exemplar(FINDING, passage, "present", "note", report_id=source.report_id)
    objective = Objective(task, recipe)
    pool = Pool(objective.score(Candidate(catalog.seed_program(FINDING), (edit,))), ())
    best = run("gepa", objective, pool)
    mine = [p for p in labeller.prompts if unwrap_report(p[-1][1]) == source.text]
    assert len(mine) > 1
    assert all(len(p) == 2 for p in mine)
    assert edit in best.candidate.edits


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """An endpoint on this machine that reads as the embedded model does: its address, and the reports it was sent."""
    reader, asked = LexicalReader(), list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            messages = [(m["role"], m["content"]) for m in body["messages"]]
            asked.append(messages[-1][1])
            said = {"role": "assistant", "content": reader.answer(messages)}
            usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
            choice = {"index": 0, "finish_reason": "stop", "message": said}
            answer = {
                "id": "1",
                "object": "chat.completion",
                "model": body["model"],
                "choices": [choice],
                "usage": usage,
            }
            data = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}/v1", asked
    httpd.shutdown()
    httpd.server_close()


def test_endpoint_is_asked_side_by_side_and_every_call_is_counted(
    dataset: Dataset, server: tuple[str, list[str]]
) -> None:
    """Over the wire, in threads, the server sees as many calls as the objective counts, within the budget."""
    address, asked = server
    endpoint = open_model("hosted_vllm/lexical", api_base=address, concurrency=4)
    uncached = replace(endpoint, make_lm=lambda: endpoint.make_lm().copy(cache=False))
    recipe = read_recipe("bootstrap-random-search").changed(budget=5 * REPORTS)
    objective, pool = start(task_of(dataset, uncached), recipe)
    best = run("bootstrap-random-search", objective, pool)
    assert best.value >= pool.current.value
    assert len(asked) == objective.calls
    assert 3 * REPORTS < objective.calls <= 5 * REPORTS
    assert objective.tokens == 10 * objective.calls


def test_nothing_is_printed_logged_or_configured(
    dataset: Dataset, capfd: pytest.CaptureFixture[str], add_writer: Callable[[Answers], str]
) -> None:
    """No progress bar, no log line with report text, no global DSPy setting is left by any of the searches."""
    lines: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = lines.append  # type: ignore[method-assign]
    recipe = read_recipe("mipro").changed(writer=add_writer(Writing(better_text())))
    task = task_of(dataset, scripted.open_model(answers=lambda messages: "perhaps"))
    logging.getLogger("dspy").addHandler(handler)
    try:
        for name in ALL:
            objective, pool = start(task, recipe)
            run(name, objective, pool)
    finally:
        logging.getLogger("dspy").removeHandler(handler)
    assert capfd.readouterr() == ("", "")
    assert lines == []
    assert logging.getLogger("dspy").level <= logging.WARNING
    assert dspy.settings.lm is None


def test_gepa_tells_the_writer_what_the_clinician_noted(dataset: Dataset, add_writer: Callable[[Answers], str]) -> None:
    """The note on a wrong label reaches the reflecting model in the clinician's words."""
    writer = Writing(better_text())
    recipe = read_recipe("gepa").changed(writer=add_writer(writer), rounds=1, folds=0)
    optimize_finding(task_of(dataset, open_model("lexical")), dataset.notes, recipe)
    reasons = [n.why for n in dataset.notes if n.finding == FINDING]
    assert any(why in asked for why in reasons for asked in writer.asked)


def test_feedback_is_one_sentence_where_no_note_is(dataset: Dataset) -> None:
    """A report without a note gets the right answer and no more; a note adds its evidence and reason."""
    objective, _ = start(task_of(dataset, open_model("lexical")), read_recipe("gepa"))
    noted, other = objective.task.reports[:2]
    note = ErrorNote(
        note_id="n1", report_id=noted.report_id, finding=FINDING, reads_as="present", evidence="deep sulcus", why="Air."
    )
    metric = make_metric(objective, [note])

    def judge(report: str) -> Any:
        return metric(dspy.Example(report=report, answer="present"), dspy.Prediction(answer="absent"))

    assert judge(other.text).toDict() == {"score": 0.0, "feedback": "The answer is absent, the right one is present."}
    assert judge(noted.text).feedback.endswith('The evidence is: "deep sulcus". The reason: Air.')


def test_uncertain_reports_are_no_examples(dataset: Dataset) -> None:
    """A report without a certain reference is never an exemplar, though the candidate's labels cover it."""
    labeller = Counting()
    task = task_of(dataset, scripted.open_model(answers=labeller))
    doubtful = task.reports[0]
    task = Task(task.finding, task.name, task.reports, task.reference | {doubtful.report_id: -1}, task.model)
    objective, pool = start(task, read_recipe("bootstrap-random-search"))
    before = len(labeller.prompts)
    best = run("bootstrap-random-search", objective, pool)
    assert doubtful.report_id in {label.report_id for label in best.labels}
    tried = labeller.prompts[before : len(labeller.prompts) - 3 * REPORTS]
    assert tried
    assert not any(unwrap_report(p[-1][1]) == doubtful.text for p in tried)


def test_notes_are_read_by_the_writer_of_a_study(dataset: Dataset, add_writer: Callable[[Answers], str]) -> None:
    """With a writer the edits of a study begin with the notes' own, then come the writer's with the note's id."""
    proposal = {"kind": "synonym_rule", "means": "states", "phrases": ["sulcus & (deep/lucent)", "broken ("]}
    good = {"kind": "synonym_rule", "means": "states", "phrases": ["sulcus & (deep/lucent)"]}
    writer = add_writer(lambda messages: json.dumps({"proposals": [proposal, good]}))
    recipe = read_recipe("exemplar-tpe").changed(
        writer=writer, rounds=1, folds=0, trials=4, lexicon=False, mine=False, target_kappa=1.0
    )
    found = optimize_finding(task_of(dataset, open_model("lexical")), dataset.notes, recipe)
    current = found.rounds[1]
    origins = [e.provenance.origin for e in current.proposed]
    assert origins == sorted(origins, key=["note", "model"].index)
    written = [e for e in current.proposed if e.provenance.origin == "model"]
    assert [e.rule.phrases for e in written if e.rule] == [("sulcus & (deep/lucent)",)]
    assert set(written[0].provenance.note_ids) <= {n.note_id for n in current.notes}
    assert len(current.dropped) == len(current.notes)
    assert all("broken (" in reason for reason in current.dropped)


def test_writer_that_fails_is_a_reason_of_the_round(dataset: Dataset, add_writer: Callable[[Answers], str]) -> None:
    """A writer's failure leaves the deterministic edits, and is said once it has failed three times."""

    def fail(messages: Sequence[Message]) -> str:
        raise ConnectionError("secret report text")

    recipe = read_recipe("random").changed(writer=add_writer(fail), rounds=1, folds=0, trials=4)
    found = optimize_finding(task_of(dataset, open_model("lexical")), dataset.notes, recipe)
    current = found.rounds[1]
    assert len([r for r in current.dropped if "not read by test-writer" in r]) == 3
    assert "secret" not in " ".join(current.dropped)
    assert current.proposed
    assert "model" not in {e.provenance.origin for e in current.proposed}


def test_text_replaces_the_rendered_message_and_asks_for_the_words_once() -> None:
    """A program's text is sent as it is, with the answer line of its own form and of no other."""
    program = catalog.seed_program(FINDING)
    asks = ANSWER_WORDS.format(present="present", absent="absent")
    other = ANSWER_WORDS.format(present="yes", absent="no")
    told = render_instructions(program.model_copy(update={"text": f"Look for air.\n{other}\nTake care."}))
    assert told.splitlines()[-1] == asks
    assert other not in told
    assert read_words(told) == ("present", "absent")
    kept = f"Look for air.\n{asks}\nTake care."
    assert render_instructions(program.model_copy(update={"text": kept})) == kept
    assert render_instructions(program.model_copy(update={"text": " \n"})) == render_instructions(program)


def test_frozen_file_keeps_a_written_text_and_says_that_it_may_quote_reports(tmp_path: Path) -> None:
    """A text whose writer saw reports survives freezing and is fenced as report text."""
    program = catalog.seed_program(FINDING).model_copy(update={"text": better_text()})
    frozen = freeze({FINDING: freeze_finding(program, source="seed")}, open_model("lexical"), {}, golden=False)
    save_frozen(frozen, tmp_path / "frozen.json")
    loaded: FrozenProgram = load_frozen(tmp_path / "frozen.json")
    assert loaded.findings[FINDING].program == program
    assert loaded.contains_report_text
