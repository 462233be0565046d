"""A frozen program says what it is, is refused when anything of it was changed, and holds no secret."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.errors import DigestError, InputError
from ranscore.extraction.module import freeze_prompt
from ranscore.feedback.edits import apply_edits, make_exemplar, make_rule
from ranscore.freezing import (
    FrozenProgram,
    check_prompts,
    freeze,
    freeze_finding,
    freeze_seed,
    load_frozen,
    release_path,
    save_frozen,
    verify,
    write_whole,
)
from ranscore.models import open_model
from ranscore.records import digest_of
from ranscore.search._recipe import read_recipe
from ranscore.search._tracked import Session, gather_programs, optimize_label, score_programs

SECRET = "sk-verysecret-0123456789"
Tamper = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def file(frozen_seed: FrozenProgram, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frozen seed as a file."""
    path = tmp_path_factory.mktemp("frozen") / "program.json"
    save_frozen(frozen_seed.model_copy(update={"scores": {}}), path)
    scores = {"macro_f1": 0.8333333333333334, "cv_macro_f1": 1.0, "small": 1e-07, "missing": None}
    scored = frozen_seed.model_copy(update={"scores": scores})
    save_frozen(scored.model_copy(update={"sha256": scored.content_digest()}), path)
    return path


def changed(path: Path, folder: Path, tamper: Tamper, *, resign: bool = False) -> Path:
    """A copy whose content was changed, with its digest made anew when told to."""
    data = json.loads(path.read_text(encoding="utf-8"))
    tamper(data)
    if resign:
        data["sha256"] = digest_of({k: v for k, v in data.items() if k != "sha256"})
    copy = folder / "changed.json"
    copy.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return copy


def test_a_frozen_program_survives_the_way_through_its_file(file: Path, frozen_seed: FrozenProgram) -> None:
    """What is read back is what was saved, twice saved is byte for byte the same, and a person can read it."""
    loaded = load_frozen(file)
    assert loaded.findings == frozen_seed.findings
    assert loaded.golden == frozen_seed.golden
    again = file.with_name("again.json")
    save_frozen(loaded, again)
    assert again.read_bytes() == file.read_bytes()
    text = file.read_text(encoding="utf-8")
    assert "air in the pleural space of any size" in text
    assert "气胸" in text
    assert loaded.versions.keys() >= {"ranscore", "dspy", "pydantic"}
    assert set(loaded.findings) == set(catalog.asked_ids())


@settings(max_examples=100)
@given(data=st.data())
def test_a_changed_character_anywhere_is_refused(file: Path, data: st.DataObject) -> None:
    """Whichever character that is not white space is replaced by whichever other one, the file is not taken."""
    text = file.read_text(encoding="utf-8")
    numbers = [i for i in range(text.index('"scores"'), text.index('"versions"')) if text[i] in "0123456789.e-"]
    anywhere = st.integers(0, len(text) - 1).filter(lambda i: not text[i].isspace())
    at = data.draw(st.one_of(anywhere, st.sampled_from(numbers)))
    other = data.draw(st.one_of(st.sampled_from("0123456789eE.-\"'xX"), st.characters(codec="utf-8")))
    if other == text[at] or other.isspace():
        other = "a" if text[at] != "a" else "b"
    path = file.with_name("flipped.json")
    path.write_bytes((text[:at] + other + text[at + 1 :]).encode("utf-8"))
    with pytest.raises(InputError) as fault:
        load_frozen(path)
    assert str(fault.value).startswith(str(path))


@given(data=st.data())
@settings(max_examples=40)
def test_a_file_cut_short_is_refused(file: Path, data: st.DataObject) -> None:
    """Cut at any byte, even inside a Chinese character, the file is not taken."""
    content = file.read_bytes().rstrip()
    path = file.with_name("cut.json")
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(DigestError, match=r"cut\.json: .*copy it again or compile again"):
        load_frozen(path)


@pytest.mark.parametrize(
    ("tamper", "text"),
    [
        (lambda d: d["scores"].update(macro_f1=1.0), "edited after it was frozen; compile again"),
        (lambda d: d.update(contains_report_text=not d["contains_report_text"]), "edited after it was frozen"),
        (lambda d: d["findings"].pop("edema"), "edited after it was frozen"),
        (lambda d: d["golden"].pop(), "edited after it was frozen"),
        (lambda d: d.update(sha256=""), "expected one"),
        (lambda d: d.update(extra=1), "extra: Extra inputs are not permitted, found 1"),
        (lambda d: d.pop("model"), "model: Field required"),
        (lambda d: d.update(format="ranscore-frozen-9"), "format: Input should be 'ranscore-frozen-1', found"),
    ],
)
def test_an_edited_file_is_refused_with_what_was_found(file: Path, tmp_path: Path, tamper: Tamper, text: str) -> None:
    """Each sentence begins with the file and says what is wrong and what to do."""
    path = changed(file, tmp_path, tamper)
    with pytest.raises(InputError, match=rf"^{path}: .*{text}"):
        load_frozen(path)


def test_keys_in_another_order_or_twice_are_an_edit(file: Path, tmp_path: Path) -> None:
    """A file that reads the same but was written by another hand is refused too."""
    data = json.loads(file.read_text(encoding="utf-8"))
    path = tmp_path / "sorted.json"
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True), encoding="utf-8")
    with pytest.raises(DigestError, match="edited after it was frozen"):
        load_frozen(path)
    path.write_text(file.read_text(encoding="utf-8").replace("{", '{"format": "x",', 1), encoding="utf-8")
    with pytest.raises(DigestError, match="edited after it was frozen"):
        load_frozen(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [("1.0", "1e0"), ("1e-07", "1E-07"), ("0.8333333333333334", "0.83333333333333337"), ("null", "null "),
     ('"missing"', '"missin\\u0067"')],
)  # fmt: skip
def test_a_number_or_a_name_written_otherwise_is_an_edit(file: Path, tmp_path: Path, old: str, new: str) -> None:
    """What a parser reads as the same value is still another text; only white space between values is free."""
    text = file.read_text(encoding="utf-8")
    begin = text.index('"scores"')
    path = tmp_path / "same.json"
    path.write_text(text[:begin] + text[begin:].replace(old, new, 1), encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == json.loads(text)
    if new.strip() == old:
        assert load_frozen(path) == load_frozen(file)
        return
    with pytest.raises(DigestError, match="not written as `ranscore compile` writes it"):
        load_frozen(path)


def test_other_line_ends_are_no_change(file: Path, tmp_path: Path) -> None:
    """A file that passed through another system's line ends is still the same program."""
    path = tmp_path / "windows.json"
    path.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert load_frozen(path) == load_frozen(file)


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, "No such file or directory; expected a frozen program made by"), (b"", "not readable as JSON"),
     (b"[]", "the file: Input should be a valid dictionary"), (b"\xff\xfe", "not readable as JSON"),
     (b"report_id,report\n", "not readable as JSON")],
)  # fmt: skip
def test_what_is_no_frozen_program_is_refused(tmp_path: Path, content: bytes | None, text: str) -> None:
    """A missing, an empty and another kind of file are each told in one sentence that begins with the path."""
    path = tmp_path / "p.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"^{path}: .*{text}"):
        load_frozen(path)
    with pytest.raises(InputError, match="expected a frozen program"):
        load_frozen(tmp_path)


def test_verify_rebuilds_the_prompts_and_answers_the_golden_cases_again(file: Path) -> None:
    """Three lines say what was checked: the digest, the prompts, and how many answers were given again."""
    frozen = load_frozen(file)
    lines = verify(frozen)
    assert lines == [
        f"digest {frozen.sha256}",
        "20 prompts rebuilt byte for byte",
        f"{20 * len(frozen.golden)} golden answers given again",
    ]
    assert len(frozen.golden) >= 10
    assert {a for g in frozen.golden for a in g.answers.values()} == {"present", "absent"}


def test_a_tampered_golden_answer_is_found_although_the_digest_was_made_anew(file: Path, tmp_path: Path) -> None:
    """Who changes an answer and signs the file again is found out by asking again."""

    def tamper(data: dict[str, Any]) -> None:
        answers = data["golden"][1]["answers"]
        answers["pneumothorax"] = "absent" if answers["pneumothorax"] == "present" else "present"

    frozen = load_frozen(changed(file, tmp_path, tamper, resign=True))
    with pytest.raises(InputError) as fault:
        verify(frozen, where="here")
    assert str(fault.value) == (
        f"here: golden case {frozen.golden[1].id}, pneumothorax: answered 'present', frozen as 'absent'"
    )


@pytest.mark.parametrize(
    "tamper",
    [
        lambda d: d["findings"]["edema"]["program"].update(definition="Anything at all?"),
        lambda d: d["findings"]["edema"]["program"]["form"].update(question="{name}?"),
        lambda d: d["findings"]["edema"].update(prompt_sha256="sha256:0"),
    ],
)
def test_a_program_that_gives_another_prompt_is_found_although_signed_again(
    file: Path, tmp_path: Path, tamper: Tamper
) -> None:
    """Each prompt has a digest of its own, so a program cannot be exchanged below it."""
    frozen = load_frozen(changed(file, tmp_path, tamper, resign=True))
    with pytest.raises(DigestError, match=r"writes another prompt for edema than the one frozen with"):
        verify(frozen)
    with pytest.raises(DigestError):
        check_prompts(frozen)


def test_golden_cases_of_another_model_are_run_only_when_it_is_named(frozen_seed: FrozenProgram) -> None:
    """A program for an endpoint is checked without asking it, unless its model is given."""
    other = frozen_seed.model_copy(update={"model": frozen_seed.model.model_copy(update={"name": "openai/x"})})
    assert verify(other)[-1] == "golden cases not run: name the model (openai/x) with --model to run them"
    assert verify(other, open_model("lexical"))[-1].endswith("golden answers given again")
    silent = open_model("scripted")
    with pytest.raises(InputError, match="answered 'unanswered', frozen as"):
        verify(other, silent)


def test_a_frozen_program_says_when_it_holds_report_text() -> None:
    """Exemplars, rules and texts that came from reports are marked, expert edits are not."""
    seed = catalog.seed_program("pneumothorax")
    expert = apply_edits(seed, catalog.lexicon_edits("pneumothorax"))
    taken = [
        apply_edits(seed, [make_exemplar("pneumothorax", "Deep sulcus.", "present", "note", report_id="r1")]),
        apply_edits(seed, [make_rule("pneumothorax", "states", ["deep"], "mined", report_ids=["r1"])]),
        seed.model_copy(update={"text": "You read reports."}),
    ]
    model = open_model("lexical")
    for program, holds in [(seed, False), (expert, False), *((p, True) for p in taken)]:
        found = {"pneumothorax": freeze_finding(program, source="optimized")}
        assert freeze(found, model, {}, golden=False).contains_report_text is holds


def test_the_programs_stand_in_the_catalogs_order(frozen_seed: FrozenProgram) -> None:
    """However the findings were gathered, they are asked in one order."""
    mixed = frozen_seed.model_copy(update={"findings": dict(reversed(frozen_seed.findings.items()))})
    assert [p.finding for p in mixed.programs()] == list(catalog.asked_ids())


def test_the_seed_needs_no_file() -> None:
    """The unimproved programs are a frozen program too, with prompts that can be checked."""
    frozen = freeze_seed()
    assert frozen.sha256 == frozen.content_digest()
    assert {f.source for f in frozen.findings.values()} == {"seed"}
    assert all(f.prompt_sha256 == freeze_prompt(f.program).digest() for f in frozen.findings.values())
    assert verify(frozen)[-1] == "0 golden answers given again"


@pytest.mark.skipif(not release_path().is_file(), reason="the release program was not made yet")
def test_the_release_program_can_be_verified() -> None:
    """What ships is whole, gives its prompts byte for byte, and its golden answers again."""
    release = load_frozen()
    assert set(release.findings) == set(catalog.asked_ids())
    assert release.model.name == "lexical"
    assert verify(release)[-1].endswith("golden answers given again")


def test_a_threshold_is_part_of_the_file_and_an_empty_one_is_not_written(
    file: Path, frozen_seed: FrozenProgram, tmp_path: Path
) -> None:
    """Files from before thresholds keep their bytes and digests; with one, the digest covers it."""
    assert '"threshold"' not in file.read_text(encoding="utf-8")
    assert '"calibration"' not in file.read_text(encoding="utf-8")
    assert not load_frozen(file).calibrated
    findings = dict(frozen_seed.findings)
    findings["edema"] = findings["edema"].model_copy(update={"threshold": -1.25})
    made = frozen_seed.model_copy(update={"findings": findings})
    assert made.content_digest() != frozen_seed.content_digest()
    made = made.model_copy(update={"sha256": made.content_digest()})
    save_frozen(made, tmp_path / "made.json")
    assert load_frozen(tmp_path / "made.json") == made
    assert made.calibrated
    path = changed(tmp_path / "made.json", tmp_path, lambda d: d["findings"]["edema"].update(threshold=-1.5))
    with pytest.raises(DigestError, match="edited after it was frozen"):
        load_frozen(path)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where writing fails, the old file stays as it was and no part of the new one is left behind."""
    resource = pytest.importorskip("resource")
    path = tmp_path / "program.json"
    write_whole(path, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(InputError, match=rf"^{path}: cannot be written \(File too large\); expected a folder"):
            write_whole(path, b"new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["program.json"]
    write_whole(path, b"new" * 1000)
    assert path.read_bytes() == b"new" * 1000
    assert [p.name for p in tmp_path.iterdir()] == ["program.json"]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path, frozen_seed: FrozenProgram) -> None:
    """A folder in the file's place, or a file in the folder's, is one sentence that begins with the path."""
    (tmp_path / "taken.json").mkdir()
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "taken.json", tmp_path / "file" / "program.json"):
        with pytest.raises(InputError, match=rf"^{path}: cannot be written \("):
            save_frozen(frozen_seed, path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "taken.json"]
    assert list((tmp_path / "taken.json").iterdir()) == []


def test_no_key_is_in_any_artifact(
    small: Dataset, mlruns: Path, tmp_path: Path, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key in the environment, in the address, or in the server's own words is in no run, file or database."""
    for variable in ("OPENAI_API_KEY", "HOSTED_VLLM_API_KEY"):
        monkeypatch.setenv(variable, SECRET)
    texts = [r.text for r in small.reports[:5]]
    endpoint.answer = lambda text: 500 if texts[4] in text else "present" if texts[0] in text else "absent"
    reports = small.reports[:5]
    ids = {r.report_id for r in reports}
    table = small.reference
    rows = [(i, v) for i, v in zip(table.report_ids, table.values, strict=True) if i in ids]
    kept = table.model_copy(update={"report_ids": tuple(i for i, _ in rows), "values": tuple(v for _, v in rows)})
    data = replace(small, reports=reports, reference=kept, digest="sha256:secret")
    model = open_model("openai/gpt-4o-mini", api_base=f"http://{endpoint.address}", retries=0)
    recipe = read_recipe("exemplar-tpe").changed(folds=0, rounds=1, trials=2, most_edits=2)
    session = Session(data, model, recipe, data.notes, mlruns, log_text=True)
    found, _ = optimize_label(session, "pneumothorax")
    assert found.best.score.unanswered == 1
    findings, crossed, _ = gather_programs(session.tracker, data, model)
    model = open_model("openai/gpt-4o-mini", api_base=f"http://reader:{SECRET}@{endpoint.address}")
    frozen = freeze(findings, model, score_programs(data, findings, crossed), golden=False)
    save_frozen(frozen, tmp_path / "program.json")
    assert frozen.model.settings["api_base"] == f"http://{endpoint.address}"
    files = [p for folder in (mlruns, tmp_path) for p in folder.rglob("*") if p.is_file()]
    assert any(p.name == "errors.csv" and b"unanswered" in p.read_bytes() for p in files)
    assert any(p.name == "mlflow.db" for p in files)
    assert [p for p in files if SECRET.encode() in p.read_bytes()] == []
    assert [p for p in files if b"reader:" in p.read_bytes()] == []
    assert SECRET in os.environ["OPENAI_API_KEY"]
