"""What every extension and every data file must keep to; a new file is tested the moment it exists."""

from __future__ import annotations

import inspect
import json
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import dspy
import numpy as np
import pytest

from ranscore import catalog, registry
from ranscore.cohort import read_card
from ranscore.errors import InputError
from ranscore.extraction.module import freeze_prompt, label_reports
from ranscore.metrics._counts import Counts
from ranscore.models import open_model
from ranscore.phrases import compile_phrase, normalize
from ranscore.prompt import read_rules, read_words, render_instructions
from ranscore.records import Edit, Program, Report
from ranscore.search._recipe import Recipe, read_recipe

FINDINGS = catalog.finding_ids()
ASKED = catalog.asked_ids()
LEXICONS = catalog.data_files("programs/cxr21/lexicon", "*.yaml")
EXEMPLARS = [(f, e) for f in ASKED for e in catalog.lexicon_edits(f) if e.exemplar]
LEXICAL = open_model("lexical")
EMBEDDED = [name for name in registry.names("models") if name not in ("endpoint", "gguf")]


@lru_cache
def seed(finding: str) -> Program:
    """A finding's program before any edit."""
    return catalog.seed_program(finding)


@lru_cache
def lexicon(finding: str) -> catalog.LexiconFile:
    """A finding's own lexicon file."""
    return catalog.read_yaml(LEXICONS[finding], catalog.LexiconFile)


@lru_cache
def full_program(finding: str) -> Program:
    """A finding's seed with every edit of its lexicon."""
    base, edits = seed(finding), catalog.lexicon_edits(finding)
    rules = tuple(e.rule for e in edits if e.rule)
    exemplars = tuple(e.exemplar for e in edits if e.exemplar)
    return base.model_copy(update={"rules": base.rules + rules, "exemplars": base.exemplars + exemplars})


def answers(program: Program, texts: list[str]) -> list[int]:
    """The embedded reader's values for some texts."""
    reports = [Report(report_id=str(i), text=text) for i, text in enumerate(texts)]
    return list(label_reports(program, reports, LEXICAL).column().values())


# Extensions.


@pytest.mark.parametrize("name", registry.names("models"))
def test_a_model_file_opens_a_model_of_the_name_it_is_given(name: str) -> None:
    """`open_model` takes the name first, says in its docstring what it gives, and has no parameter for a key."""
    module = registry.load("models", name)
    parameters = inspect.signature(module.open_model).parameters
    assert next(iter(parameters)) == "name"
    assert inspect.getdoc(module.open_model)
    assert not [p for p in parameters if "key" in p or "token" in p.removeprefix("max_tokens")]


@pytest.mark.parametrize("name", EMBEDDED)
def test_an_embedded_model_answers_directly_and_through_dspy(name: str) -> None:
    """It has its name, settings that can be written down, an answering function and a `dspy.LM`."""
    model = open_model(name)
    assert model.name == name
    assert model.embedded
    assert json.loads(json.dumps(model.settings)) == model.settings
    assert isinstance(model.answer([("system", ""), ("user", "x")]), str)
    assert isinstance(model.make_lm(), dspy.LM)


@pytest.mark.parametrize("name", registry.names("readers"))
def test_a_reader_says_its_suffixes_if_any_and_refuses_a_file_that_is_not_there(name: str, tmp_path: Path) -> None:
    """A fault of the user's is an InputError that names the path, in every format."""
    reader = registry.load("readers", name)
    assert isinstance(reader.SUFFIXES, tuple)
    assert all(re.fullmatch(r"\.[a-z0-9.]+|/", suffix) for suffix in reader.SUFFIXES)
    with pytest.raises(InputError, match=r"nothing\.here"):
        reader.read(tmp_path / "nothing.here")


@pytest.mark.parametrize("name", registry.names("metrics"))
def test_a_metric_scores_counts_of_any_shape(name: str) -> None:
    """A perfect finding scores 1, values lie in -1 to 1 or are undefined, and the shape is that of the counts."""
    metric = registry.load("metrics", name)
    cells = np.random.default_rng(0).integers(0, 9, size=(4, 3, 5))
    scores = np.asarray(metric.compute(Counts(*cells)))
    assert scores.shape == (3, 5)
    defined = scores[~np.isnan(scores)]
    assert defined.size
    assert np.all((defined >= -1) & (defined <= 1))
    assert float(metric.compute(Counts(*np.array([5, 0, 0, 7])))) == pytest.approx(1)
    assert float(metric.compute(Counts(*np.array([0, 3, 4, 0])))) <= 0


@pytest.mark.parametrize("name", registry.names("search"))
def test_an_optimizer_takes_an_objective_and_a_pool(name: str) -> None:
    """All are called alike, so that a recipe may name any of them."""
    parameters = inspect.signature(registry.load("search", name).search).parameters
    assert list(parameters) == ["objective", "pool", "trials", "seed", "storage"]
    assert all(parameters[p].kind is inspect.Parameter.KEYWORD_ONLY for p in ("trials", "seed", "storage"))


@pytest.mark.parametrize("name", registry.names("cli"))
def test_a_command_explains_itself(name: str) -> None:
    """Each file has one `command` whose docstring is its help, and each option has a help text."""
    module = registry.load("cli", name)
    assert inspect.getdoc(module.command)
    annotations = inspect.get_annotations(module.command, eval_str=False)
    silent = [o for o, a in annotations.items() if o != "return" and not _help(a, module)]
    assert silent == []


def _help(annotation: Any, module: ModuleType) -> bool:
    """True where an annotation holds typer's option with a help text, itself or behind its name."""
    held = getattr(module, annotation, None) if isinstance(annotation, str) else annotation
    texts = [getattr(m, "help", None) for m in getattr(held, "__metadata__", ())]
    return any(texts) or "help=" in str(annotation)


# Recipes and cards.


@pytest.mark.parametrize("name", catalog.data_files("optimizers", "*.yaml"))
def test_a_recipe_is_valid_and_names_an_optimizer(name: str) -> None:
    """Its name is its file's, its title says what it does, and its algorithm is registered."""
    recipe = read_recipe(name)
    assert isinstance(recipe, Recipe)
    assert recipe.name == name
    assert recipe.title
    assert recipe.algorithm in registry.names("search")
    assert list(recipe.rungs) == sorted(recipe.rungs)
    assert recipe.rungs[-1] == 1


@pytest.mark.parametrize("name", catalog.data_files("datasets", "*/card.yaml"))
def test_a_card_is_valid_and_names_registered_readers(name: str) -> None:
    """Its name is its folder's, and each reader that it names exists."""
    card, folder = read_card(name)
    assert card.name == name == folder.name
    assert card.licence
    assert card.source
    named = {source.reader for source in card.reports if source.reader}
    assert named <= set(registry.names("readers"))


# Findings.


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_finding_says_what_it_asks_and_who_wrote_it(finding: str) -> None:
    """Id, name, definition, source and authors are there; one that is asked for has criteria and rules."""
    file = catalog.findings()[finding]
    assert file.id == finding
    assert re.fullmatch(r"[a-z][a-z0-9_]*", finding)
    assert all((file.name, file.definition, file.source, file.authors))
    if file.derived is None:
        assert file.present_when
        assert any(rule.means == "states" for rule in file.rules)


def test_no_two_findings_share_a_name() -> None:
    """Ids, names and aliases are unique after folding, so that any of them leads to one finding."""
    files = catalog.findings().values()
    folded = Counter(n for f in files for n in {catalog._folded(x) for x in (f.id, f.name, *f.aliases)})
    assert [n for n, times in folded.items() if times > 1] == []
    assert all(catalog.finding_id(n) == f.id for f in files for n in (f.id, f.name, *f.aliases))


@pytest.mark.parametrize("finding", ASKED)
def test_a_findings_prompt_says_its_rules_and_words_and_is_read_back(finding: str) -> None:
    """The full program goes into its prompt and its rules and answer words come out again."""
    program = full_program(finding)
    message = render_instructions(program)
    by_means = sorted((r.means, r.phrases) for r in program.rules)
    assert sorted((r.means, r.phrases) for r in read_rules(message)) == by_means
    assert read_words(message) == (program.form.present, program.form.absent)
    assert f"Finding: {program.name}" in message.splitlines()
    assert program.form.ask(program.name) in freeze_prompt(program).after


@pytest.mark.parametrize("finding", ASKED)
def test_every_phrase_of_a_finding_compiles_and_is_written_once_in_its_rule(finding: str) -> None:
    """Guideline, overlays and lexicon: each phrase is well-formed, and no rule repeats one."""
    for rule in full_program(finding).rules:
        assert all(compile_phrase(phrase).pattern for phrase in rule.phrases)
        assert [p for p, n in Counter(rule.phrases).items() if n > 1] == []


ROUTINE = (
    "FINDINGS: The cardiomediastinal silhouette is normal in size and contour. The trachea is midline. The lungs are "
    "clear. No focal consolidation, pleural effusion or pneumothorax. The pulmonary vasculature is normal. The osseous "
    "structures are intact.\nIMPRESSION: No acute cardiopulmonary abnormality.",
    "影像所见：胸廓对称，气管居中，纵隔无增宽。双肺纹理清晰，肺野未见异常密度影。心影大小形态正常。双侧膈面光滑，肋膈角锐利。"
    "所见骨质结构完整。\n诊断意见：心肺膈未见明显异常。",
    "",
)


@pytest.mark.parametrize("finding", ASKED)
def test_a_normal_report_has_no_finding(finding: str) -> None:
    """With seed and full lexicon, in both languages, and for an empty text."""
    assert answers(seed(finding), list(ROUTINE)) == [0, 0, 0]
    assert answers(full_program(finding), list(ROUTINE)) == [0, 0, 0]


@pytest.mark.parametrize("finding", ASKED)
def test_a_findings_plain_wordings_state_it_and_their_denials_do_not(finding: str) -> None:
    """Each wording of the seed without signs is present when stated, and absent denied, hedged, or in the history."""
    stated = [p for r in seed(finding).rules if r.means == "states" for p in r.phrases]
    english = [p for p in stated if re.fullmatch(r"[a-z ]+", p)]
    chinese = [p for p in stated if re.fullmatch(r"[\u3400-\u9fff]+", p)]
    for program in (seed(finding), full_program(finding)):
        assert [
            p for p, v in zip(english, answers(program, [f"There is {p}." for p in english]), strict=True) if not v
        ] == []
        assert [
            p for p, v in zip(chinese, answers(program, [f"影像所见：{p}。" for p in chinese]), strict=True) if not v
        ] == []
        for frame in ("There is no {}.", "INDICATION: {}\nFINDINGS: Clear.", "History of {}.", "Possible {}."):
            assert [
                p for p, v in zip(english, answers(program, [frame.format(p) for p in english]), strict=True) if v
            ] == []
        for frame in ("未见{}。", "病史：{}\n影像所见：正常。", "不能除外{}。", "建议复查除外{}。"):
            assert [
                p for p, v in zip(chinese, answers(program, [frame.format(p) for p in chinese]), strict=True) if v
            ] == []
    assert english or chinese


# Lexicons.


@pytest.mark.parametrize("finding", LEXICONS)
def test_a_lexicon_belongs_to_a_finding_and_cites_its_sources(finding: str) -> None:
    """File and finding agree, edit ids are unique, and each rule and exemplar has a concept and a source."""
    file = lexicon(finding)
    assert finding in ASKED
    assert file.finding == finding
    assert file.authors
    assert [i for i, n in Counter(e.id for e in file.edits).items() if n > 1] == []
    assert [e.id for e in file.edits if not e.source or not (e.concept or e.kind == "clarification")] == []


def test_edit_ids_are_unique_over_all_lexicons() -> None:
    """One id is one edit of one owner, whichever findings include it."""
    owners = {e.id: e.id.split(":")[1] for f in ASKED for e in catalog.lexicon_edits(f)}
    assert len(owners) == sum(len(lexicon(f).edits) for f in LEXICONS)
    assert set(owners.values()) == set(LEXICONS)


@pytest.mark.parametrize(("finding", "edit"), EXEMPLARS, ids=[f"{f}-{e.id}" for f, e in EXEMPLARS])
def test_an_exemplar_is_answered_as_it_says(finding: str, edit: Edit) -> None:
    """The reader that holds the whole lexicon answers each exemplar's own passage with the exemplar's answer."""
    assert edit.exemplar
    assert answers(full_program(finding), [edit.exemplar.passage]) == [int(edit.exemplar.answer == "present")]


@pytest.mark.parametrize("finding", LEXICONS)
def test_a_lexicon_shows_both_answers(finding: str) -> None:
    """Positive exemplars and hard negatives, so that a model learns the border."""
    answers = Counter(e.exemplar.answer for e in catalog.lexicon_edits(finding) if e.exemplar)
    assert answers["present"] >= 2
    assert answers["absent"] >= 2


# Languages.


@pytest.mark.parametrize("code", catalog.languages())
def test_a_language_has_headings_cues_and_terms_of_known_findings(code: str) -> None:
    """Its sections are read or unread and not both, every cue compiles, and terms are for findings that exist."""
    language = catalog.languages()[code]
    assert all((language.name, language.source, language.authors))
    read, unread = ({normalize(h).strip() for h in s} for s in (language.sections.read, language.sections.unread))
    assert read
    assert unread
    assert read & unread == set()
    assert set(language.terms) <= set(ASKED)
    cues = language.cues.model_dump()
    assert all(cues[f"{kind}_before"] for kind in ("negation", "hedge", "context"))
    assert all(compile_phrase(phrase).pattern for phrases in cues.values() for phrase in phrases)


@pytest.mark.parametrize("code", catalog.languages())
def test_no_heading_is_unread_in_one_language_and_read_in_another(code: str) -> None:
    """All languages' headings are known at once, so they must agree."""
    unread = {normalize(h).strip() for h in catalog.languages()[code].sections.unread}
    read = {normalize(h).strip() for x in catalog.languages().values() for h in x.sections.read}
    assert unread & read == set()
