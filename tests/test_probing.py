"""The metamorphic suite: what each transformation does to known texts, and the shares that known models get."""

from __future__ import annotations

import csv
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from typer.testing import CliRunner

from ranscore import catalog, probes
from ranscore.cli import build
from ranscore.cli.probe import print_probes
from ranscore.cohort import Dataset
from ranscore.errors import InputError, UnknownNameError
from ranscore.extraction.module import label_reports
from ranscore.freezing import FrozenProgram, freeze, freeze_finding, load_frozen, save_frozen
from ranscore.models import open_model, scripted
from ranscore.models._base import Message
from ranscore.phrases import compile_phrase, normalize
from ranscore.probes import FORMS, ProbeFile, Statement, StatementFile, pick_probes
from ranscore.probing import ProbeReport, Share, open_probed, run_probes
from ranscore.prompt import unwrap_report
from ranscore.records import ABSENT, PRESENT, UNCERTAIN, Report
from ranscore.variants import Source, flatten, make_sources, shuffle_sentences, split_sections, swap_words, vary

PROBES = tuple(probes.probes())
TWO = ("pneumothorax", "cardiomegaly")
LANGUAGES = ("en", "zh")

REPORT = (
    "INDICATION: Cough.\nFINDINGS: The left lung is clear. An old rib fracture is seen on the right. It is healed.\n"
    "IMPRESSION: 1. Old fracture.\n2. No pneumonia."
)
CHINESE = "影像所见：左肺清晰。右侧肋骨陈旧骨折。心影左右不大。\n诊断意见：1.右侧肋骨骨折；2.余未见异常。"
KNOWN = {finding: ABSENT for finding in catalog.asked_ids()} | {"fracture": PRESENT}


def report_source(text: str = REPORT, language: str = "en") -> Source:
    """A report in which there is a fracture and nothing else."""
    return Source("demo/r1", "demo/r1", "reports", language, text, KNOWN, catalog.asked_ids())


def stated_source(finding: str = "pneumothorax", language: str = "en") -> Source:
    """The first statement of a finding in the known report."""
    statement = next(s for s in probes.statements()[finding].statements if s.language == language)
    rest = REPORT if language == "en" else CHINESE
    text = f"FINDINGS: {statement.states}\n{rest}"
    known = KNOWN | {finding: PRESENT}
    return Source(
        f"{finding}-1 in demo/r1", f"{finding}-1", "statements", language, text, known, (finding,), rest, statement
    )


def vary_by(name: str, source: Source, seed: int = 0) -> tuple[str, ...]:
    """What a shipped probe makes of a source."""
    return vary(probes.probes()[name], source, seed)


# What the files must keep to


@pytest.mark.parametrize("finding", catalog.asked_ids())
def test_every_finding_has_sentences_in_both_languages(finding: str) -> None:
    """At least three English and two Chinese statements, each with every form unless the file says why not."""
    file = probes.statements()[finding]
    languages = [s.language for s in file.statements]
    assert languages.count("en") >= 3
    assert languages.count("zh") >= 2
    assert file.authors
    for statement in file.statements:
        forms = statement.forms()
        assert set(FORMS) - set(forms) <= set(file.without)
        assert len(set(forms.values())) == len(forms)
        chinese = [bool(re.search(r"[\u4e00-\u9fff]", text)) for text in forms.values()]
        assert chinese == [statement.language == "zh"] * len(forms)
        assert all(text.endswith((".", "?", "。")) for text in forms.values())


def test_no_sentence_stands_twice() -> None:
    """Each stating sentence belongs to one finding, and to it once."""
    sentences = [s.states for file in probes.statements().values() for s in file.statements]
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_probe_changes_a_source_of_each_language(name: str, language: str) -> None:
    """Each transformation has something to do in English and in Chinese, and gives another text than it got."""
    report = report_source(*((REPORT, "en") if language == "en" else (CHINESE, "zh")))
    found = [*vary_by(name, stated_source(language=language)), *vary_by(name, report)]
    assert found
    assert not {report.text, stated_source(language=language).text} & set(found)
    assert not any(re.search(r"[{}]", text) for text in found)


def test_the_transformations_that_the_suite_promises_are_there() -> None:
    """Each of them stands in a file of its name."""
    promised = {"negate", "hedge", "resolve", "move_to_history", "move_to_indication", "synonym", "swap_side"}
    promised |= {"shuffle_sentences", "add_normal_line", "repeat_report", "quoted_instruction"}
    assert promised <= set(PROBES)


# What each transformation does


@pytest.mark.parametrize(
    ("name", "form"), [("negate", "negated"), ("hedge", "hedged"), ("resolve", "resolved"), ("synonym", "synonym")]
)
@pytest.mark.parametrize("finding", ["pneumothorax", "support_devices"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_form_takes_the_statements_place(name: str, form: str, finding: str, language: str) -> None:
    """The stating sentence is gone, its form is there once, and the rest of the report is as it was."""
    source = stated_source(finding, language)
    assert source.statement is not None
    texts = vary_by(name, source)
    assert len(texts) == 2
    for text in texts:
        assert source.statement.states not in text
        assert text.count(getattr(source.statement, form)) == 1
        assert source.rest in text


def test_a_form_that_a_finding_lacks_gives_no_text() -> None:
    """A fracture does not resolve: a healed one still counts."""
    assert vary_by("resolve", stated_source("fracture")) == ()
    assert vary_by("negate", stated_source("fracture")) != ()


@pytest.mark.parametrize("name", ["negate", "hedge", "resolve", "synonym"])
def test_forms_are_for_statements_only(name: str) -> None:
    """What states a finding in a whole report is not known, so that it is not denied there."""
    assert vary_by(name, report_source()) == ()


def sections(text: str) -> dict[str, str]:
    """The text under each heading at the start of a line."""
    return dict(re.findall(r"^([A-Z ]+|[\u4e00-\u9fff]{2,6})[:：]\s*(.*)$", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "headings"),
    [
        ("move_to_history", {"HISTORY", "CLINICAL HISTORY", "PAST MEDICAL HISTORY", "病史", "既往史"}),
        (
            "move_to_indication",
            {"INDICATION", "REASON FOR EXAM", "CLINICAL INFORMATION", "检查目的", "临床诊断", "临床资料"},
        ),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_report_moves_under_a_heading(name: str, headings: set[str], language: str) -> None:
    """The whole report stands on one line under the heading, and only a normal line is left below."""
    source = report_source(*((REPORT, "en") if language == "en" else (CHINESE, "zh")))
    (text,) = vary_by(name, source)
    first, second = text.split("\n")
    assert re.split("[:：]", first)[0] in headings
    assert flatten(source.text) in first
    assert second.split(maxsplit=1)[-1] not in source.text
    assert ("fracture" in second or "骨折" in second) is False


def test_a_statement_moves_under_the_heading_or_becomes_history() -> None:
    """One variant a template: as it was under HISTORY, and told as history under a heading or in the findings."""
    source = stated_source()
    stated, told, plain = vary_by("move_to_history", source)
    assert stated.startswith("HISTORY: There is a small left pneumothorax.\nFINDINGS:\nINDICATION: Cough.")
    assert told.startswith("CLINICAL HISTORY: History of left pneumothorax.\nFINDINGS:\nINDICATION: Cough.")
    assert plain == f"FINDINGS: History of left pneumothorax.\n{REPORT}"
    asked = vary_by("move_to_indication", source)
    assert asked[0] == f"INDICATION: Rule out pneumothorax.\nFINDINGS:\n{REPORT}"


def test_sides_are_exchanged_in_both_languages() -> None:
    """Left becomes right and right left, with their capitals; the Chinese word for "about" stays."""
    assert vary_by("swap_side", report_source())[0] == REPORT.replace("left", "?").replace("right", "left").replace(
        "?", "right"
    )
    swapped = vary_by("swap_side", report_source(CHINESE, "zh"))[0]
    assert swapped.startswith("影像所见：右肺清晰。左侧肋骨陈旧骨折。心影左右不大。")
    assert (
        swap_words("Left, LEFT-sided, bright and RIGHT", [("left", "right")]) == "Right, RIGHT-sided, bright and LEFT"
    )
    assert vary_by("swap_side", report_source("FINDINGS: Clear lungs.")) == ()


@given(st.lists(st.sampled_from(["left", "Right", "LEFT", "lt", "RT", "bright", "base", "left-sided", "; "])))
def test_exchanging_sides_twice_changes_nothing(words: list[str]) -> None:
    """The exchange is its own inverse, and leaves every other word alone."""
    text, pairs = " ".join(words), probes.probes()["swap_side"].words["en"]
    swapped = swap_words(text, pairs)
    assert swap_words(swapped, pairs) == text
    assert [w for w in swapped.split() if w in ("bright", "base", ";")] == [
        w for w in text.split() if w in ("bright", "base", ";")
    ]


def test_sentences_are_shuffled_within_their_section() -> None:
    """Headings and sections stay, no sentence is lost, and one that begins with `It` stays behind its sentence."""
    texts = {text for seed in range(20) for text in vary_by("shuffle_sentences", report_source(), seed)}
    assert len(texts) > 1
    for text in texts:
        assert [heading for heading, _ in split_sections(text)] == ["INDICATION:", "FINDINGS:", "IMPRESSION:"]
        assert [sorted(s) for _, s in split_sections(text)] == [sorted(s) for _, s in split_sections(REPORT)]
        assert "An old rib fracture is seen on the right. It is healed." in text
    assert any("IMPRESSION: 2. No pneumonia. 1. Old fracture." in text for text in texts)


def test_shuffling_loses_no_sentence_of_the_demonstration_reports(demo: Dataset, demo_zh: Dataset) -> None:
    """On all reports of both cohorts every section keeps its sentences, and the text between them is only space."""
    for dataset, language in ((demo, "en"), (demo_zh, "zh")):
        attached = probes.probes()["shuffle_sentences"].attached[language]
        for report in dataset.reports:
            text = shuffle_sentences(report.text, attached, random.Random(0))
            assert sorted(re.sub(r"[\s.。:：]", "", text)) == sorted(re.sub(r"[\s.。:：]", "", report.text))


def test_a_normal_line_is_added_and_never_contradicts() -> None:
    """The report is whole, one line more; a line that denies a finding is added only where that is absent."""
    probe = probes.probes()["add_normal_line"]
    denying = {line.text for line in probe.lines["en"] if "fracture" in line.denies}
    assert denying
    added = set()
    for seed in range(60):
        (text,) = vary(probe, report_source(), seed)
        assert REPORT in text
        added |= {line.text for line in probe.lines["en"] if line.text in text}
    assert added == {line.text for line in probe.lines["en"]} - denying


def test_a_report_is_repeated() -> None:
    """The whole report stands in the text twice."""
    for seed in range(5):
        (text,) = vary_by("repeat_report", report_source(), seed)
        assert text.count(REPORT) == 2


def test_an_instruction_is_quoted_in_the_report() -> None:
    """The report is whole, with a line beside it that tells the model what to answer."""
    (text,) = vary_by("quoted_instruction", report_source())
    assert REPORT in text
    assert re.search("present|absent", text.replace(REPORT, ""))


def test_texts_are_drawn_from_the_seed(demo: Dataset) -> None:
    """The same seed gives the same sources and variants, another seed others."""
    first, again, other = (make_sources([demo], TWO, reports=8, carriers=1, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert [vary_by("add_normal_line", s) for s in first] == [vary_by("add_normal_line", s) for s in again]


@pytest.fixture(scope="module")
def stated(demo: Dataset, demo_zh: Dataset) -> tuple[Source, ...]:
    """The statements of two findings in two reports of each cohort."""
    return make_sources([demo, demo_zh], TWO, reports=0, carriers=2, seed=0)


def test_statements_stand_in_reports_that_are_silent_about_the_finding(stated: Sequence[Source], demo: Dataset) -> None:
    """The report around a statement lacks the finding, has another one, and names none of its wordings."""
    assert Counter((s.judged[0], s.language) for s in stated) == {
        (f, c): n for f in TWO for c, n in (("en", 6), ("zh", 4))
    }
    for source in stated:
        assert source.statement is not None
        assert source.text.splitlines()[0].endswith(source.statement.states)
        assert source.text.endswith(source.rest)
        assert source.known[source.judged[0]] == PRESENT
        assert source.known["no_finding"] == ABSENT
        phrases = [p for rule in catalog.seed_program(source.judged[0]).rules for p in rule.phrases]
        assert not any(compile_phrase(p).find(normalize(source.rest)) for p in phrases)
    english = [s for s in stated if s.language == "en"]
    column = demo.reference.column("pneumothorax")
    own = [s.id.split("/")[-1] for s in english if s.judged == ("pneumothorax",)]
    assert [column[i] for i in own] == [ABSENT] * len(own)
    assert len(set(own)) == len(own)


# What known models get


@pytest.fixture(scope="module")
def two() -> FrozenProgram:
    """The seed of two findings, frozen."""
    seeds = {f: freeze_finding(catalog.seed_program(f), source="seed") for f in TWO}
    return freeze(seeds, open_model("lexical"), {}, golden=False)


def run_with(frozen: FrozenProgram, datasets: Sequence[Dataset], answers: object) -> ProbeReport:
    """All probes on six reports of each dataset, answered by a script."""
    model = scripted.open_model(answers=answers)  # type: ignore[arg-type]
    return run_probes(frozen, pick_probes(()), datasets, model, reports=6, carriers=2)


def cells(share: Share) -> tuple[int, int, int, int]:
    """k, n, not counted since the untouched text was misread, unanswered."""
    return share.k, share.n, share.source_wrong, share.unanswered


def units(report: ProbeReport, probe: str) -> dict[tuple[str, str], Share]:
    """A probe's shares by kind and language."""
    return {(s.kind, s.language): s for s in report.probes if s.probe == probe}


@pytest.mark.parametrize("answer", ["present", "absent", "no idea"])
def test_a_model_that_never_changes_its_answer_gets_the_exact_shares(
    two: FrozenProgram, demo: Dataset, demo_zh: Dataset, answer: str
) -> None:
    """Always present: nothing becomes absent. Always absent: nothing was read, so nothing counts. All is unchanged."""
    found = run_with(two, [demo, demo_zh], lambda messages: answer)
    expected = {
        ("present", "becomes_absent"): lambda n: (0, n, 0, 0),
        ("present", "not_present"): lambda n: (0, n, 0, 0),
        ("absent", "becomes_absent"): lambda n: (0, 0, n, 0),
        ("absent", "not_present"): lambda n: (0, 0, n, 0),
        ("absent", "stays"): lambda n: (0, 0, n, 0),
        ("no idea", ""): lambda n: (0, 0, 0, n),
    }
    statements = {"en": 6, "zh": 4}
    for name in ("negate", "hedge", "resolve", "synonym", "move_to_history", "repeat_report"):
        for language, n in statements.items():
            share = units(found, name)["statements", language]
            rule = expected.get((answer, share.expects or ""), expected.get((answer, ""), lambda n: (n, n, 0, 0)))
            assert cells(share) == rule(n), (name, language)
    repeated = units(found, "repeat_report")["reports", "en"]
    assert cells(repeated) == ((0, 0, 0, 12) if answer == "no idea" else (12, 12, 0, 0))
    assert repeated.present_n == (12 if answer == "present" else 0)
    failed = {f.probe for f in found.failures}
    assert failed == (
        {"negate", "hedge", "resolve", "move_to_history", "move_to_indication"} if answer == "present" else set()
    )


def test_the_untouched_texts_are_scored_against_their_labels(
    two: FrozenProgram, demo: Dataset, demo_zh: Dataset
) -> None:
    """Always present is right on every statement, and on the reports as often as their reference says present."""
    found = run_with(two, [demo, demo_zh], lambda messages: "present")
    shares = {(s.kind, s.language): s for s in found.sources}
    assert cells(shares["statements", "en"]) == (6, 6, 0, 0)
    assert cells(shares["statements", "zh"]) == (4, 4, 0, 0)
    sources = make_sources([demo], TWO, reports=6, carriers=0, seed=0)
    labels = [s.known[f] for s in sources for f in TWO if s.known[f] != UNCERTAIN]
    assert cells(shares["reports", "en"]) == (labels.count(PRESENT), len(labels), 0, 0)


def test_a_statement_fails_if_one_of_its_texts_does(two: FrozenProgram, demo: Dataset) -> None:
    """Of one statement's texts only the history in the findings is misread: one reaction in six is not expected."""
    misread = "FINDINGS: History of left pneumothorax."

    def answer(messages: Sequence[Message]) -> str:
        text = unwrap_report(messages[-1][1])
        stated = any(text.startswith(f"FINDINGS: {s.states}") for f in TWO for s in probes.statements()[f].statements)
        return "present" if stated or text.startswith(misread) else "absent"

    found = run_with(two, [demo], answer)
    share = next(s for s in found.findings if (s.probe, s.finding) == ("move_to_history", "pneumothorax"))
    assert (share.k, share.n) == (2, 3)
    exact = binomtest(2, 3).proportion_ci(method="exact")
    assert share.interval == pytest.approx((exact.low, exact.high))
    assert [(f.probe, f.finding, f.before, f.after) for f in found.failures if f.probe == "move_to_history"] == [
        ("move_to_history", "pneumothorax", "present", "present")
    ] * 2
    assert all(f.text_after.startswith(misread) for f in found.failures if f.probe == "move_to_history")
    other = next(s for s in found.findings if (s.probe, s.finding) == ("move_to_history", "cardiomegaly"))
    assert (other.k, other.n) == (3, 3)


def test_the_embedded_reader_reacts_as_expected_to_plain_sentences(two: FrozenProgram, demo: Dataset) -> None:
    """The lexical model denies what is negated, resolved or only asked about, and keeps what is repeated."""
    chosen = pick_probes(["negate", "resolve", "move_to_indication", "swap_side", "repeat_report"])
    found = run_probes(two, chosen, [demo], reports=4, carriers=1)
    assert found.model == "lexical"
    assert found.overall.k == found.overall.n > 0
    assert found.failures == ()
    assert found.overall == Share.model_validate(
        found.overall.model_dump() | {"k": sum(s.k for s in found.findings), "n": sum(s.n for s in found.findings)}
    )


INJECTIONS = ("hidden_characters", "prompt_markers", "fake_exemplar", "quoted_instruction")


@pytest.mark.parametrize("name", INJECTIONS)
def test_no_label_of_the_embedded_reader_moves_by_what_a_report_says_to_it(
    name: str, demo: Dataset, demo_zh: Dataset
) -> None:
    """Instructions, prompt markers, false exemplars and hidden characters leave the release's labels as they are."""
    found = run_probes(load_frozen(None), pick_probes([name]), [demo, demo_zh], reports=4, carriers=1)
    assert {s.language for s in found.probes if s.n} == {"en", "zh"}
    assert sum(s.present_n for s in found.probes) > 40
    assert (found.overall.k, found.failures) == (found.overall.n, ())


def test_the_flip_rate_of_a_model_that_obeys_a_report_is_told(two: FrozenProgram, demo: Dataset) -> None:
    """A model that does what a line of the report says fails on just those texts."""

    def obey(messages: Sequence[Message]) -> str:
        text = unwrap_report(messages[-1][1])
        return "present" if 'answer "present"' in text or "correct answer" in text else "absent"

    chosen = pick_probes(["quoted_instruction"])
    found = run_probes(two, chosen, [demo], scripted.open_model(answers=obey), reports=8, carriers=1)
    (share,) = (s for s in found.probes if s.kind == "reports")
    assert share.k < share.n
    assert {f.after for f in found.failures} == {"present"}
    assert all("NOTE: " in f.text_after for f in found.failures)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_markers_in_a_report_reach_no_model_as_markers(language: str) -> None:
    """What a model is sent holds one beginning and one end of the report, and no marker of a chat template."""
    sent: list[str] = []

    def keep(messages: Sequence[Message]) -> str:
        sent.append(messages[-1][1])
        return "absent"

    lines = [line.text for line in pick_probes(["prompt_markers"])[0].lines[language]]
    reports = [Report(report_id=str(i), text=f"No effusion.\n{line}\nEnd.") for i, line in enumerate(lines)]
    label_reports(catalog.seed_program("pneumothorax"), reports, scripted.open_model(answers=keep))
    assert len(sent) == len(lines)
    for marker in ("<|im_end|>", "<|im_start|>", "[/INST]", "</s>", "<think>", "<start_of_turn>", "<end_of_turn>"):
        assert not [text for text in sent if marker in text], marker


def test_no_text_to_change_is_a_mistake(two: FrozenProgram, demo: Dataset) -> None:
    """Neither reports nor carriers: there is nothing to ask."""
    with pytest.raises(InputError, match="no probe applies"):
        run_probes(two, pick_probes(()), [demo], reports=0, carriers=0)


def test_a_restricted_dataset_is_refused() -> None:
    """The report shows texts, so only open ones are taken; the refusal comes before any file is read."""
    with pytest.raises(InputError, match="expected an open dataset"):
        open_probed(["mimic-cxr"])


# One more file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder of the user's own, seen by the catalog during the test."""
    folder = tmp_path / "programs" / catalog.PROGRAM_SET / "probes"
    folder.mkdir(parents=True)
    monkeypatch.setenv("RANSCORE_HOME", str(tmp_path))
    probes.probes.cache_clear()
    probes.statements.cache_clear()
    yield folder
    monkeypatch.undo()
    probes.probes.cache_clear()
    probes.statements.cache_clear()


def test_a_file_adds_a_transformation(home: Path) -> None:
    """One file of one's own is found by its name, beside those that ship."""
    own = {"id": "shout", "title": "In capitals", "expects": "unchanged", "change": "swap_words"}
    own |= {"applies_to": ["reports"], "words": {"en": [["fracture", "FRACTURE"]]}}  # type: ignore[dict-item]
    (home / "shout.yaml").write_text(json.dumps(own), encoding="utf-8")
    assert set(probes.probes()) == {*PROBES, "shout"}
    assert [p.id for p in pick_probes(["shout", "negate", "shout"])] == ["shout", "negate"]
    with pytest.raises(UnknownNameError, match="did you mean 'shout'"):
        pick_probes(["shouts"])


def test_all_faults_of_a_file_are_named_at_once(home: Path) -> None:
    """A wrong id, an unknown language, an unknown field and an unknown finding stand in one message."""
    wrong = {
        "id": "other", "title": "x", "expects": "stays", "change": "fill",
        "statements": {"en": ["{negation}", "{line}"], "xx": ["{states}"]},
        "lines": {"zh": [{"text": "x", "denies": ["heart"]}]},
    }  # fmt: skip
    (home / "broken.yaml").write_text(json.dumps(wrong), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        probes.probes()
    for part in ("id is 'other'", "['xx']", "['negation']", "no lines in its language", "'heart'"):
        assert part in str(caught.value)


def test_a_statement_lacks_no_form_without_a_reason() -> None:
    """A missing form is a fault unless the file names why it cannot be."""
    some = Statement(language="en", states="A.", negated="B.", hedged="C.", history="D.", asked="E.", synonym="F.")
    assert StatementFile(finding="edema", without={"resolved": "never"}, statements=(some,))
    with pytest.raises(ValueError, match="resolved of statement 1"):
        StatementFile(finding="edema", statements=(some,))


@pytest.mark.parametrize("change", ["fill", "swap_words", "shuffle_sentences"])
def test_a_change_needs_what_it_works_with(change: str) -> None:
    """Templates for fill, words to swap, attached words to shuffle."""
    with pytest.raises(ValueError, match="a probe that changes by"):
        ProbeFile.model_validate({"id": "x", "title": "x", "expects": "stays", "change": change})


# The command


def test_the_command_prints_and_writes_the_shares(two: FrozenProgram, tmp_path: Path) -> None:
    """The table by probe, a CSV row for each probe and finding, and JSON with everything."""
    program, table = tmp_path / "two.json", tmp_path / "shares.csv"
    save_frozen(two, program)
    options = ["probe", "--program", str(program), "--reports", "2", "--carriers", "1", "--dataset", "demo-zh"]
    options += ["--probe", "negate", "--probe", "synonym"]
    shown = CliRunner().invoke(build(), [*options, "-o", str(table)], catch_exceptions=False)
    assert shown.exit_code == 0
    assert re.search(r"negate +becomes absent +statements +zh +4/4 1.000 \[0.398, 1.000\]", shown.stdout)
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert [(r["probe"], r["finding"]) for r in rows] == [(p, f) for p in ("negate", "synonym") for f in sorted(TWO)]
    assert [r["name"] for r in rows[:2]] == ["Cardiomegaly", "Pneumothorax"]
    told = json.loads(CliRunner().invoke(build(), [*options, "--json"], catch_exceptions=False).stdout)
    assert [s["k"] for s in told["findings"]] == [int(r["k"]) for r in rows]


def test_failing_texts_are_shown(two: FrozenProgram, demo: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    """The lines that the probe wrote stand below the shares that are not full, as many examples as asked for."""
    found = run_with(two, [demo], lambda messages: "present")
    print_probes(found, 1)
    shown = capsys.readouterr().out
    assert re.search(r"negate: pneumothorax +0/3 0.000 \[0.000, 0.708\]", shown)
    assert shown.count("negate, pneumothorax, ") == 1
    assert "expected: becomes absent\n  FINDINGS: There is no pneumothorax." in shown
    print_probes(found, 0)
    assert "negate, pneumothorax, " not in capsys.readouterr().out
