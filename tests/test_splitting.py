"""Development and held-out parts."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ranscore
from ranscore.cohort import Dataset
from ranscore.errors import DigestError, InputError
from ranscore.freezing import DataUsed, FrozenProgram
from ranscore.records import LabelTable, Report
from ranscore.splitting import Split, check_split, development_part, load_split, narrow, split_reports, tuned_on

PACKAGE = Path(ranscore.__file__).parent


def cohort(base: Dataset, labels: list[tuple[int, ...]], groups: list[str] | None = None) -> Dataset:
    """Reports r0, r1 … with these labels of two findings, and patients where they are given."""
    ids = [f"r{i}" for i in range(len(labels))]
    named = groups or [""] * len(ids)
    reports = tuple(Report(report_id=i, text=f"Report {i}.", group=g) for i, g in zip(ids, named, strict=True))
    table = LabelTable(report_ids=tuple(ids), findings=("edema", "fracture"), values=tuple(labels))
    whole = replace(base, reports=reports, reference=table, notes=())
    return narrow(whole, ids)


@pytest.mark.parametrize("seed", range(5))
def test_every_finding_is_shared_out(demo: Dataset, seed: int) -> None:
    """On the demonstration cohort each finding's held-out positives are within two of their share."""
    split = split_reports(demo, 0.3, seed=seed)
    assert len(split.heldout.report_ids) == 90
    for finding in demo.reference.findings:
        total = list(demo.reference.column(finding).values()).count(1)
        held = split.heldout.positives[finding]
        assert split.development.positives[finding] + held == total
        assert abs(held - 0.3 * total) < 2


def test_stratification_beats_a_plain_draw(demo: Dataset) -> None:
    """Over ten seeds the largest deviation from the share is smaller than that of shuffled reports."""

    def worst(held: set[str]) -> float:
        columns = (demo.reference.column(f) for f in demo.reference.findings)
        present = ([i for i, v in column.items() if v == 1] for column in columns)
        return max(abs(sum(i in held for i in ids) / len(ids) - 0.3) for ids in present)

    ids = [r.report_id for r in demo.reports]
    ours = [worst(set(split_reports(demo, 0.3, seed).heldout.report_ids)) for seed in range(10)]
    plain = [worst(set(random.Random(seed).sample(ids, 90))) for seed in range(10)]
    assert max(ours) < min(plain)


@given(
    st.lists(st.tuples(st.sampled_from([1, 0, -1]), st.sampled_from([1, 0])), min_size=4, max_size=40),
    st.integers(0, 1000),
    st.data(),
)
def test_parts_are_whole_disjoint_and_depend_on_content_alone(
    demo: Dataset, labels: list[tuple[int, ...]], seed: int, data: st.DataObject
) -> None:
    """Every report is in one part; neither the order of rows nor a second run changes which."""
    base = cohort(demo, labels)
    split = split_reports(base, 0.4, seed)
    ids = {r.report_id for r in base.reports}
    development, held = set(split.development.report_ids), set(split.heldout.report_ids)
    assert development | held == ids
    assert not development & held
    assert len(held) == pytest.approx(0.4 * len(ids), abs=2.5)
    turned = replace(base, reports=tuple(data.draw(st.permutations(base.reports))))
    assert split_reports(turned, 0.4, seed) == split


def test_another_seed_gives_other_parts(demo: Dataset) -> None:
    """The seed is what makes the choice."""
    assert split_reports(demo, 0.3, 1).heldout.report_ids != split_reports(demo, 0.3, 2).heldout.report_ids


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1), st.integers(0, 1)), min_size=12, max_size=40))
def test_a_patient_is_in_one_part(demo: Dataset, rows: list[tuple[int, int, int]]) -> None:
    """Where the table names patients, nobody has reports in both."""
    rows = [*rows, (7, 1, 0), (8, 0, 1)]
    base = cohort(demo, [row[1:] for row in rows], [f"patient {row[0]}" for row in rows])
    split = split_reports(base, 0.3, 0)
    groups = {r.report_id: r.group for r in base.reports}
    parts = [{groups[i] for i in part.report_ids} for part in (split.development, split.heldout)]
    assert split.by == "patient"
    assert not parts[0] & parts[1]


def test_a_table_that_names_some_patients_is_refused(demo: Dataset) -> None:
    """Nobody can say to whom the other reports belong."""
    base = cohort(demo, [(1, 0)] * 4, ["a", "", "b", "c"])
    with pytest.raises(InputError, match="1 of 4 reports name no patient"):
        split_reports(base)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(demo: Dataset, share: float) -> None:
    """Only a share between nothing and everything makes two parts."""
    with pytest.raises(InputError, match="expected more than 0 and less than 1"):
        split_reports(demo, share)


def test_one_report_cannot_be_split(demo: Dataset) -> None:
    """Both parts need a report."""
    with pytest.raises(InputError, match="one part of the 1 reports is empty"):
        split_reports(cohort(demo, [(1, 0)]))


def test_the_file_reads_back_and_shows_an_edit(demo: Dataset, tmp_path: Path) -> None:
    """Any change of the file is found: a moved report, another seed, a cut."""
    split, path = split_reports(demo), tmp_path / "split.json"
    path.write_bytes(split.encode())
    assert load_split(path) == split
    data = json.loads(path.read_text())
    data["development"]["report_ids"].append(data["heldout"]["report_ids"].pop())
    for text in (json.dumps(data), json.dumps(split.model_dump() | {"seed": 9}), path.read_text()[:-9], ""):
        path.write_text(text)
        with pytest.raises(DigestError, match=r"split\.json: .*; split again"):
            load_split(path)
    path.write_text("{}")
    with pytest.raises(InputError, match="Field required"):
        load_split(path)
    with pytest.raises(InputError, match="expected a file made by `ranscore split`"):
        load_split(tmp_path / "nothing.json")


def test_a_split_belongs_to_its_reports(demo: Dataset, demo_zh: Dataset) -> None:
    """Another cohort, a report more or less, and another text are refused; other labels are not."""
    split = split_reports(demo)
    check_split(split, replace(demo, reference_digest="sha256:other"))
    with pytest.raises(InputError, match="150 reports are new, 300 are gone"):
        check_split(split, demo_zh)
    with pytest.raises(InputError, match="0 reports are new, 1 are gone"):
        check_split(split, narrow(demo, [r.report_id for r in demo.reports][1:]))
    changed = (demo.reports[0].model_copy(update={"text": "Another."}), *demo.reports[1:])
    other = narrow(replace(demo, reports=changed), [r.report_id for r in demo.reports])
    with pytest.raises(InputError, match="some texts differ"):
        check_split(split, other)


def test_the_development_part_is_a_dataset_of_its_own(demo: Dataset) -> None:
    """Reports, labels and notes are those of the part, and its digests are not the whole's."""
    split = split_reports(demo)
    part = development_part(demo, split)
    ids = set(split.development.report_ids)
    assert {r.report_id for r in part.reports} == set(part.reference.report_ids) == ids
    assert {n.report_id for n in part.notes} <= ids
    assert 0 < len(part.notes) < len(demo.notes)
    assert part.digest == split.development.texts_digest != demo.digest
    assert part.reference_digest != demo.reference_digest
    assert narrow(demo, [r.report_id for r in demo.reports]) == demo


def test_equal_texts_in_both_parts_are_counted(demo: Dataset) -> None:
    """Held-out reports that say what a development report says are no independent test."""
    base = cohort(demo, [(1, 0), (0, 0)] * 10)
    same = narrow(
        replace(base, reports=tuple(r.model_copy(update={"text": "Clear lungs."}) for r in base.reports)),
        [r.report_id for r in base.reports],
    )
    assert split_reports(base).same_text == 0
    assert split_reports(same).same_text == len(split_reports(same).heldout.report_ids)


def test_only_two_modules_know_the_held_out_part() -> None:
    """The split's maker and the one door read `split.heldout`; the command that splits prints its size."""
    holders = {p.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("*.py") if ".heldout." in p.read_text("utf-8")}
    holders |= {
        p.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("*.py") if "split.heldout" in p.read_text("utf-8")
    }
    assert holders - {"cli/split.py", "heldout.py", "splitting.py", "cli/evaluate.py"} == set()
    assert isinstance(Split.model_fields["heldout"].annotation, type)


def test_a_program_tuned_on_a_part_sees_no_more_of_the_dataset(demo: Dataset, frozen_seed: FrozenProgram) -> None:
    """Tuned here it is too good, tuned on a part it is shown that part alone, tuned elsewhere it is free."""
    part = development_part(demo, split_reports(demo))

    def tuned(on: Dataset) -> FrozenProgram:
        used = DataUsed(dataset=on.name, reports=len(on.reports), dataset_digest=on.digest, reference_digest="")
        found = frozen_seed.findings | {"edema": frozen_seed.findings["edema"].model_copy(update={"data": used})}
        return frozen_seed.model_copy(update={"findings": found})

    assert [tuned_on(tuned(demo), demo), tuned_on(tuned(part), part), tuned_on(tuned(demo), part)] == [True] * 3
    assert not tuned_on(frozen_seed, demo)
    assert not tuned_on(tuned(replace(part, name="elsewhere")), demo)
    with pytest.raises(InputError, match="tuned on 210 of the 300 reports of demo-en, and the others may be its held"):
        tuned_on(tuned(part), demo)
