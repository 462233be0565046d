"""Programs, lexicons, languages and other data files: found, checked, put together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from ranscore import catalog, sections
from ranscore.errors import InputError, UnknownNameError
from ranscore.models import _reading
from ranscore.records import AnswerForm, Record

OWN: dict[str, Any] = {
    "id": "azygos_lobe",
    "name": "Azygos Lobe",
    "aliases": ["accessory lobe"],
    "definition": "Is there an azygos lobe?",
    "present_when": ["an azygos fissure"],
    "rules": [{"means": "states", "phrases": ["azygos (lobe/fissure)"]}],
}
LEXICON: dict[str, Any] = {
    "finding": "azygos_lobe",
    "edits": [
        {"id": "teardrop", "kind": "synonym_rule", "rule": {"means": "states", "phrases": ["azygos teardrop"]}},
        {
            "id": "example",
            "kind": "exemplar",
            "exemplar": {"passage": "A comma above the right hilum.", "answer": "present"},
        },
        {"id": "only", "kind": "clarification", "absent_when": "the azygos vein alone"},
    ],
}


class Small(Record):
    """A shape of a data file."""

    name: str
    size: int = Field(ge=1)


@pytest.fixture
def fresh() -> Iterator[None]:
    """Nothing read before is remembered, before and after."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    for module in (catalog, _reading, sections):
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


@pytest.fixture
def home(tmp_path: Path, fresh: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's own data that is searched first."""
    monkeypatch.setenv("RANSCORE_HOME", str(tmp_path))
    return tmp_path


def put(home: Path, path: str, content: object) -> Path:
    """Writes a data file below the user's folder."""
    file = home / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True), "utf-8")
    return file


def put_finding(home: Path, **changed: object) -> None:
    """The user's own finding, with some fields changed."""
    put(home, "programs/cxr21/findings/azygos_lobe.yaml", OWN | changed)


# The shipped program set.


def test_the_set_has_21_findings_of_which_20_are_asked() -> None:
    """All are in the set's order, and only No Finding is derived."""
    assert catalog.finding_ids() == catalog.program_set().order
    assert len(catalog.finding_ids()) == 21
    assert set(catalog.finding_ids()) - set(catalog.asked_ids()) == {"no_finding"}


@pytest.mark.parametrize(
    "name", ["pleural_effusion", "Pleural Effusion", "PLEURAL-EFFUSION", " pleural  effusion ", "PleuralEffusion"]
)
def test_a_finding_is_found_by_its_name_however_it_is_written(name: str) -> None:
    """Case, spaces, hyphens and underscores do not matter."""
    assert catalog.finding_id(name) == "pleural_effusion"
    assert catalog.finding_name("pleural_effusion") == "Pleural Effusion"


@pytest.mark.parametrize(("wrong", "right"), [("Pneumotorax", "Pneumothorax"), ("cardiomegali", "Cardiomegaly")])
def test_an_unknown_finding_is_answered_with_the_nearest(wrong: str, right: str) -> None:
    """The error offers the shown name."""
    with pytest.raises(UnknownNameError, match=f"did you mean .*'{right}'"):
        catalog.finding_id(wrong)


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_a_finding_or_an_unknown_name(name: str) -> None:
    """No name that a table may hold ends in another error."""
    try:
        finding = catalog.finding_id(name)
    except UnknownNameError:
        return
    assert catalog.finding_id(catalog.finding_name(finding)) == finding


def test_a_derived_finding_has_no_program() -> None:
    """Asking for it is a user's error that says how it comes about."""
    with pytest.raises(InputError, match="'No Finding' is derived"):
        catalog.seed_program("no_finding")


def test_a_seed_holds_the_guidelines_terms_and_each_languages() -> None:
    """Each rule says which of the two it comes from; exemplars and criteria are the guideline's."""
    seed = catalog.seed_program("pneumothorax")
    own = catalog.findings()["pneumothorax"]
    origins = {rule.provenance.origin for rule in seed.rules if rule.provenance}
    assert origins == {"guideline", "overlay"}
    assert [r.phrases for r in seed.rules][: len(own.rules)] == [r.phrases for r in own.rules]
    assert (seed.name, seed.definition, seed.present_when) == (own.name, own.definition, own.present_when)
    assert seed.form == catalog.program_set().form
    assert not any(rule.provenance is None for rule in seed.rules)


def test_a_seed_takes_another_answer_form() -> None:
    """Question and answer words are data that a caller may change."""
    form = AnswerForm(present="yes", absent="no")
    assert catalog.seed_program("edema", form).form == form
    assert catalog.seed_program("edema", form).rules == catalog.seed_program("edema").rules


def test_a_finding_counts_what_it_includes() -> None:
    """Every wording that states cardiomegaly states an enlarged cardiomediastinum too, and not the other way round."""
    wide, heart = catalog.seed_program("enlarged_cardiomediastinum"), catalog.seed_program("cardiomegaly")
    stated = [{p for r in program.rules if r.means == "states" for p in r.phrases} for program in (wide, heart)]
    assert stated[1] < stated[0]
    edits = {e.id for e in catalog.lexicon_edits("enlarged_cardiomediastinum")}
    assert {e.id for e in catalog.lexicon_edits("cardiomegaly") if e.rule and e.rule.means == "states"} <= edits
    assert not any(e.startswith("expert:enlarged") for e in (x.id for x in catalog.lexicon_edits("cardiomegaly")))


def test_edits_name_their_finding_owner_and_concept() -> None:
    """An edit's id is traceable to the lexicon file and the concept that it stands for."""
    edits = catalog.lexicon_edits("enlarged_cardiomediastinum")
    assert {e.finding for e in edits} == {"enlarged_cardiomediastinum"}
    assert {e.id.split(":")[1] for e in edits} == {"enlarged_cardiomediastinum", "cardiomegaly"}
    assert all(e.provenance.edit_id == e.id and e.provenance.concept and e.provenance.source for e in edits)
    assert {e.kind for e in edits if e.id.split(":")[1] == "cardiomegaly"} == {"synonym_rule"}


# The user's own files.


def test_a_finding_of_ones_own_is_one_more_file(home: Path) -> None:
    """It comes after the set's own, has a program, its lexicon's edits, and is found by its alias."""
    put_finding(home)
    put(home, "programs/cxr21/lexicon/azygos_lobe.yaml", LEXICON)
    assert catalog.finding_ids()[-1] == "azygos_lobe"
    assert len(catalog.finding_ids()) == 22
    assert catalog.finding_id("Accessory lobe") == "azygos_lobe"
    assert [r.phrases for r in catalog.seed_program("azygos_lobe").rules] == [("azygos (lobe/fissure)",)]
    edits = {e.id: e for e in catalog.lexicon_edits("azygos_lobe")}
    assert list(edits) == ["expert:azygos_lobe:teardrop", "expert:azygos_lobe:example", "expert:azygos_lobe:only"]
    assert [e.kind for e in edits.values()] == ["synonym_rule", "exemplar", "clarification"]
    assert catalog.lexicon_edits("pneumothorax")


def test_ones_own_file_hides_the_shipped_one_of_the_same_name(home: Path) -> None:
    """The user's folder is searched first."""
    shipped = catalog.findings()["edema"].model_dump(mode="json", exclude={"derived"})
    _forget()
    put(home, "programs/cxr21/findings/edema.yaml", shipped | {"definition": "My own."})
    assert catalog.seed_program("edema").definition == "My own."
    assert len(catalog.finding_ids()) == 21


def test_without_the_variable_only_the_shipped_folder_is_searched(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's folder is named by RANSCORE_HOME and nothing else; a folder that is not there holds nothing."""
    assert len(catalog.data_roots()) == 1
    monkeypatch.setenv("RANSCORE_HOME", "/nowhere/at/all")
    assert len(catalog.data_roots()) == 2
    assert len(catalog.finding_ids()) == 21


def test_a_language_of_ones_own_is_one_more_file(home: Path) -> None:
    """Its terms stand in every seed, and its cues are read."""
    german = {
        "language": "de",
        "name": "German",
        "source": "Own",
        "sections": {"unread": ["Fragestellung"]},
        "cues": {"negation_before": ["kein"]},
        "terms": {"pleural_effusion": [{"means": "states", "phrases": ["pleuraerguss"]}]},
    }
    put(home, "programs/cxr21/languages/de.yaml", german)
    rules = catalog.seed_program("pleural_effusion").rules
    assert [r.provenance.source for r in rules if r.provenance and "pleuraerguss" in r.phrases] == ["Own"]
    reading = _reading.read("Fragestellung: Pleuraerguss?\n\nKein Pleuraerguss.")
    (match,) = reading.find(("pleuraerguss",))
    assert reading.status(match) == "negation"


@pytest.mark.parametrize(
    ("changed", "faults"),
    [
        ({"id": "azygos"}, ["id is 'azygos'", "expected 'azygos_lobe'"]),
        ({"includes": ["azygos_vein"]}, ["includes ['azygos_vein']"]),
        ({"colour": "red", "definition": None}, ["colour: ", "definition: "]),
        ({"rules": [{"means": "states", "phrases": []}]}, ["rules.0.phrases"]),
        ({"rules": [{"means": "says", "phrases": ["a"]}]}, ["rules.0.means"]),
        ({"rules": [{"means": "states", "phrases": ["a ...", "(b"]}]}, ["phrase 'a ...'", "phrase '(b'"]),
        ({"exemplars": [{"passage": "", "answer": "present"}]}, ["exemplars.0.passage"]),
        ({"exemplars": [{"passage": "x", "answer": "uncertain"}]}, ["exemplars.0.answer"]),
    ],
)
def test_a_broken_finding_file_is_refused_with_all_its_faults(
    home: Path, changed: dict[str, object], faults: list[str]
) -> None:
    """The error names the file and every fault in it."""
    put_finding(home, **changed)
    with pytest.raises(InputError) as raised:
        catalog.findings()
    assert all(fault in str(raised.value) for fault in faults)
    assert all("azygos_lobe.yaml" in line for line in str(raised.value).splitlines())


@pytest.mark.parametrize("taken", ["PTX", "Pneumothorax", "pleural-effusion"])
def test_a_name_that_another_finding_has_is_refused(home: Path, taken: str) -> None:
    """Two findings with one name could not be told apart in a table's header."""
    put_finding(home, aliases=["accessory lobe", taken])
    with pytest.raises(InputError, match=f"{taken}.* belongs to '(pneumothorax|pleural_effusion)'"):
        catalog.finding_id("edema")


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        ({"id": "teardrop", "kind": "clarification", "absent_when": "x"}, "'teardrop'.* more than once"),
        ({"id": "more", "kind": "exemplar"}, "'more' of kind 'exemplar' holds nothing"),
        ({"id": "more", "kind": "clarification"}, "holds nothing, expected present_when or absent_when"),
        (
            {"id": "more", "kind": "clarification", "absent_when": "x", "present_when": "y"},
            "holds present_when and absent",
        ),
        ({"id": "more", "kind": "exemplar", "present_when": "x"}, "holds present_when, expected exemplar"),
        ({"id": "No Good", "kind": "clarification", "present_when": "x"}, r"edits.3.id"),
        ({"id": "more", "kind": "exemplar", "exemplar": {"passage": "", "answer": "absent"}}, r"exemplar.passage"),
        ({"id": "more", "kind": "synonym_rule", "rule": {"means": "states", "phrases": ["(a"]}}, r"phrase '\(a'"),
    ],
)
def test_a_broken_lexicon_file_is_refused(home: Path, edit: dict[str, object], fault: str) -> None:
    """A wrong edit is a user's error that names the file, the edit and what was expected."""
    put_finding(home)
    put(home, "programs/cxr21/lexicon/azygos_lobe.yaml", LEXICON | {"edits": [*LEXICON["edits"], edit]})
    with pytest.raises(InputError, match=f"lexicon/azygos_lobe.yaml: .*{fault}"):
        catalog.lexicon_edits("azygos_lobe")


def test_a_lexicon_under_a_wrong_name_is_refused(home: Path) -> None:
    """The file's name is the finding that its edits are for."""
    put_finding(home)
    put(home, "programs/cxr21/lexicon/azygos_lobe.yaml", LEXICON | {"finding": "edema"})
    with pytest.raises(InputError, match="finding is 'edema', expected 'azygos_lobe'"):
        catalog.lexicon_edits("azygos_lobe")


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"language": "en"}, "language is 'en', expected 'de'"),
        ({"terms": {"oedema": [{"means": "states", "phrases": ["odem"]}]}}, "terms of 'oedema'"),
        ({"terms": {"edema": [{"means": "states", "phrases": ["(odem"]}]}}, "phrase '(odem'"),
        ({"cues": {"negation_before": ["kein ..."]}}, "phrase 'kein ...'"),
        ({"cues": {"negation": ["kein"]}}, "cues.negation"),
    ],
)
def test_a_broken_language_file_is_refused(home: Path, changed: dict[str, object], fault: str) -> None:
    """The error names the file and the fault."""
    put(home, "programs/cxr21/languages/de.yaml", {"language": "de", "name": "German"} | changed)
    with pytest.raises(InputError) as raised:
        catalog.languages()
    assert "de.yaml" in str(raised.value)
    assert fault in str(raised.value)


# Files in general.


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"name: [", "expected a YAML file in UTF-8"),
        (b"name: \xff", "expected a YAML file in UTF-8"),
        (b"", "the file: "),
        (b"- a", "the file: "),
        (b"name: a\nsize: 0\n", "size: "),
        (b"name: a\nsize: 1\n3: x\n", "3: "),
        (b"!!python/object:os.system {}", "expected a YAML file in UTF-8"),
    ],
)
def test_a_file_that_is_not_of_its_shape_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    """The error begins with the path."""
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        catalog.read_yaml(path, Small)
    assert str(raised.value).startswith(f"{path}: ")
    assert fault in str(raised.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A path that cannot be read is a user's error."""
    with pytest.raises(InputError, match="No such file"):
        catalog.read_yaml(tmp_path / "no.yaml", Small)


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    """One line a fault."""
    path = put(tmp_path, "a.yaml", {"size": "many", "colour": "red"})
    with pytest.raises(InputError) as raised:
        catalog.read_yaml(path, Small)
    assert [line.split(": ")[1] for line in str(raised.value).splitlines()] == ["name", "size", "colour"]


def test_a_set_that_is_not_there_says_so() -> None:
    """A missing shared file is a broken installation."""
    with pytest.raises(InputError, match=r"programs/cxr99/program\.yaml is missing"):
        catalog.program_set("cxr99")


def test_a_data_file_is_picked_by_name(home: Path) -> None:
    """Recipes go by their file, cards by their folder; an unknown name is answered with the nearest."""
    own = put(home, "optimizers/mine.yaml", "name: mine\n")
    assert catalog.pick("recipe", "optimizers", "*.yaml", "mine") == own
    assert catalog.pick("dataset", "datasets", "*/card.yaml", "demo-en").parent.name == "demo-en"
    with pytest.raises(UnknownNameError, match="no recipe is called 'mien'; did you mean 'mine'"):
        catalog.pick("recipe", "optimizers", "*.yaml", "mien")


def test_a_mapping_is_a_mapping() -> None:
    """Anything else is refused with its place."""
    assert catalog.as_mapping({"a": 1}, "x.yaml") == {"a": 1}
    with pytest.raises(InputError, match=r"x\.yaml: found list, expected a mapping"):
        catalog.as_mapping([], "x.yaml")


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("emphysema", "emphysema"),
        ("calcification(lung and mediastinal)", "calcification"),
        ("Trachea and bronchus", "trachea_and_bronchus"),
        ("mediastinal other", "mediastinal_other"),
        ("ENLARGED CARDIOMEDIASTINUM", "enlarged_cardiomediastinum"),
        ("No Finding", "no_finding"),
    ],
)
def test_the_names_of_the_papers_release_and_of_chexpert_are_understood(name: str, finding: str) -> None:
    """Whatever their case, the columns of other label files lead to the findings."""
    assert catalog.finding_id(name) == finding


def test_regions_of_the_body_are_read_from_one_file_that_a_user_may_replace(home: Path) -> None:
    """The shipped file's regions have words in both languages; one's own is taken instead, its faults are told."""
    shipped = catalog.anatomy()
    assert {"pleura", "lungs", "bones", "heart"} <= {region.id for region in shipped.regions}
    for region in shipped.regions:
        words = "".join((*region.places, *region.signs))
        assert any(c.isascii() for c in words)
        assert any("\u4e00" <= c <= "\u9fff" for c in words)
    _forget()
    put(home, "programs/cxr21/anatomy.yaml", {"regions": [{"id": "knee", "name": "Knee", "places": ["(knee"]}]})
    with pytest.raises(InputError, match=r"anatomy\.yaml.*a parenthesis is not closed"):
        catalog.anatomy()
    _forget()
    put(home, "programs/cxr21/anatomy.yaml", {"regions": [{"id": "knee", "name": "Knee", "places": ["knee"]}]})
    assert [region.id for region in catalog.anatomy().regions] == ["knee"]
