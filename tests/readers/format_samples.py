"""Small files in every format, true to its form, with text written for the tests; and ways to break them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

A, B = "Small left pleural effusion.", "No pneumothorax. The lungs are clear."
OBSERVATIONS = (
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema",
    "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture",
    "Support Devices",
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """One format: the reader's name, its files by relative name, and what must be read of them.

    `texts` are the reports by id (of the generated side where there are two), or `labels` some findings' values by id.
    """

    reader: str
    files: Mapping[str, bytes]
    texts: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    reference: Mapping[str, str] = field(default_factory=dict)
    tree: bool = False

    @property
    def name(self) -> str:
        """The file that is read or broken: the only one, or a tree's first."""
        return next(iter(self.files))

    def write(self, folder: Path) -> Path:
        """The path that a user would give."""
        for name, content in self.files.items():
            path = folder / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder / "data" if self.tree else folder / "data" / self.name


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """A CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows] if columns else rows)
    return text.getvalue().encode("utf-8")


def js(value: object) -> bytes:
    """A JSON file."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8")


def lines(rows: Sequence[object]) -> bytes:
    """A JSONL file."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8")


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet as files

    made = io.BytesIO()
    files.write_table(pa.Table.from_pylist([dict(row) for row in rows]), made)
    return made.getvalue()


def sheet(rows: Sequence[Sequence[object]]) -> bytes:
    """An Excel workbook."""
    from openpyxl import Workbook

    book, made = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(list(row))
    book.save(made)
    return made.getvalue()


def observed(**given: object) -> list[object]:
    """A row of the fourteen observations, blank but for those given."""
    return [given.get(name.replace(" ", "_"), "") for name in OBSERVATIONS]


REPORT = (
    "                                 FINAL REPORT\n EXAMINATION:  CHEST (PA AND LAT)\n \n INDICATION:  Fever.\n \n"
    " FINDINGS: \n \n {}\n \n IMPRESSION: \n \n As above.\n"
)
MIMIC = {
    "files/p10/p10000032/s50414267.txt": REPORT.format(A).encode(),
    "files/p10/p10000032/s53189527.txt": REPORT.format(B).encode(),
    "files/p11/p11000011/s51029426.txt": REPORT.format(A).encode(),
}
MIMIC_TEXTS = {i: REPORT.format(t).strip() for i, t in (("50414267", A), ("53189527", B), ("51029426", A))}
TWO, BOTH = {"1": A, "2": B}, {"1": B, "2": B}
HEADED = {i: f"FINDINGS: {t}" for i, t in TWO.items()}
FAMILY = {"pneumothorax": 0, "pleural_effusion": 1, "cardiomegaly": -1, "enlarged_cardiomediastinum": -1, "edema": 0}
ROW = observed(Pleural_Effusion="1.0", Pneumothorax="0.0", Cardiomegaly="-1.0")
CLEAR = observed(No_Finding="1.0", Pneumothorax="0.0")
REX = {"ImagePath": ["../a.png"], "ImageViewPosition": ["PA"], "PatientID": "P1", "Indication": "Fever."}
XML = (
    '<?xml version="1.0" encoding="utf-8"?>\n<eCitation><uId id="CXR{0}"/><MedlineCitation><Article><Abstract>'
    '<AbstractText Label="FINDINGS">{1}</AbstractText></Abstract></Article></MedlineCitation>'
    "<MeSH><major>normal</major></MeSH></eCitation>\n"
)
PADCHEST = [
    "",
    "ImageID",
    "ImageDir",
    "StudyID",
    "PatientID",
    "Projection",
    "ReportID",
    "Report",
    "MethodLabel",
    "Labels",
]

STUDY = ["subject_id", "study_id", *OBSERVATIONS]
IMAGE = {"bytes": b"\xff", "path": "a"}

SAMPLES = {
    "mimic-txt": Sample("mimic-txt", MIMIC, MIMIC_TEXTS, tree=True),
    "mimic-txt-zip": Sample("mimic-txt", {"mimic-cxr-reports.zip": zipped(MIMIC)}, MIMIC_TEXTS),
    "txt-folder": Sample("txt-folder", {"a/1.txt": A.encode(), "2.txt": B.encode()}, TWO, tree=True),
    "mimic-sectioned": Sample(
        "mimic-sections",
        {"mimic_cxr_sectioned.csv": table(
            ["study", "impression", "findings", "last_paragraph", "comparison"],
            [["s1", "", A, "", "None."], ["s2", "", "", B, ""]],
        )},
        HEADED,
    ),
    "mimic-sections": Sample("mimic-sections", {"mimic_cxr_00.csv": table([], [["s50000001", A], ["s50000002", B]])},
                             {"50000001": A, "50000002": B}),
    "mimic-labels": Sample(
        "mimic-labels",
        {"mimic-cxr-2.0.0-chexpert.csv": table(STUDY, [[10, 5, *ROW], [11, 6, *CLEAR]])},
        labels={"5": FAMILY, "6": {"pleural_effusion": 0, "pneumothorax": 0}},
    ),
    "mimic-labels-gz": Sample(
        "mimic-labels",
        {"mimic-cxr-2.0.0-negbio.csv.gz": gzip.compress(table(STUDY, [[10, 5, *ROW]]))},
        labels={"5": FAMILY},
    ),
    "chexpert-csv": Sample(
        "chexpert-csv",
        {"train.csv": table(
            ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *OBSERVATIONS],
            [[f"CheXpert-v1.0/train/patient00001/study1/view{n}.jpg", "Female", 68, "Frontal", "AP", *ROW]
             for n in (1, 2)],
        )},
        labels={"patient00001/study1": FAMILY},
    ),
    "chexbert-csv": Sample(
        "chexbert-csv", {"labeled_reports.csv": table(["Report Impression", *OBSERVATIONS], [[A, *ROW], [B, *CLEAR]])},
        labels={"1": FAMILY, "2": {"pleural_effusion": 0}},
    ),
    "chexpert-labeler-csv": Sample(
        "chexpert-labeler-csv", {"labeled_reports.csv": table(["Reports", *OBSERVATIONS], [[A, *ROW], [B, *CLEAR]])},
        labels={"1": FAMILY, "2": {"pleural_effusion": 0}},
    ),
    "openi-csv": Sample(
        "csv-table",
        {"reports.csv": table(["uid", "findings", "impression", "mesh"], [[1, A, "", "x"], [2, B, "", "normal"]])},
        HEADED,
    ),
    "openi-xml": Sample(
        "openi-xml", {f"ecgen/{n}.xml": XML.format(n, t).encode() for n, t in TWO.items()}, HEADED, tree=True
    ),
    "padchest-csv": Sample(
        "padchest-csv",
        {"PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv": table(
            PADCHEST,
            [[0, "a.png", 1, "1", "9", "PA", 7, A, "Physician", "['normal']"],
             [1, "b.png", 1, "1", "9", "L", 7, A, "Physician", "['normal']"],
             [2, "c.png", 1, "2", "8", "PA", 8, B, "RNN_model", "['normal']"]],
        )},
        TWO,
    ),
    "chexpert-plus-csv": Sample(
        "chexpert-plus-csv",
        {"df_chexpert_plus_240401.csv": table(
            ["path_to_image", "report", "section_narrative", "section_findings", "section_impression", "split"],
            [["train/patient1/study1/view1_frontal.jpg", "x", "", A, "", "train"],
             ["train/patient1/study1/view2_lateral.jpg", "x", "", A, "", "train"],
             ["valid/patient2/study1/view1_frontal.jpg", "x", B, "", "", "valid"]],
        )},
        {"patient1/study1": HEADED["1"], "patient2/study1": HEADED["2"]},
    ),
    "rexgradient-json": Sample(
        "rexgradient-json",
        {"train_metadata_view_position.json": js(
            {n: {"id": n, **REX, "Findings": t, "Impression": ""} for n, t in TWO.items()}
        )},
        HEADED,
    ),
    "huggingface-folder": Sample(
        "huggingface-folder",
        {f"data/{s}-00000-of-00001.parquet": parquet([{"findings": t, "impression": "", "image": IMAGE}])
         for s, t in (("train", A), ("test", B))} | {"README.md": b"---\n"},
        {"test-1": HEADED["2"], "train-1": HEADED["1"]}, tree=True,
    ),
    "rexrank-json": Sample(
        "rexrank-json",
        {"prediction.json": js(
            {n: {"section_findings": t, "section_impression": "", "image_path": [], "model_prediction": B}
             for n, t in TWO.items()}
        )},
        BOTH, reference=HEADED,
    ),
    "radfact-csv": Sample(
        "radfact-csv", {"examples.csv": table(["example_id", "prediction", "target"], [[1, B, A], [2, B, B]])},
        BOTH, reference=TWO,
    ),
    "radeval-lists": Sample(
        "radeval-lists", {"data.json": js({"references": [A, B], "hypotheses": [B, B]})}, BOTH, reference=TWO
    ),
    "radeval-tok": Sample("radeval-lists", {"hyps.tok": f"{A}\n{B}\n".encode()}, TWO),
    "radeval-jsonl": Sample(
        "jsonl-table", {"data.jsonl": lines([{"ref": A, "hyp": B}, {"ref": B, "hyp": B}])}, BOTH, reference=TWO
    ),
    "r2gen-csv": Sample("r2gen-csv", {"res.csv": table([], [[A], [B]])}, TWO),
    "r2gengpt-json": Sample("r2gengpt-json", {"test_result.json": js({n: [t] for n, t in TWO.items()})}, TWO),
    "rgrg-txt": Sample(
        "rgrg-txt",
        {"reports.txt": "".join(
            f"Image path: /x/{n}.jpg\nGenerated report: {t}\n\n{'=' * 30}\n\n" for n, t in TWO.items()
        ).encode()},
        TWO,
    ),
    "promptmrg-txt": Sample(
        "promptmrg-txt",
        {"generated_sentences.txt": "".join(
            f"Sample {n}:\nGround Truth: {t}\nGenerated: {B}\n\n" for n, t in TWO.items()
        ).encode()},
        BOTH, reference=TWO,
    ),
    "libra-jsonl": Sample(
        "libra-jsonl",
        {"answers.jsonl": lines(
            [{"question_id": n, "prompt": "Describe.", "text": t, "answer_id": "x", "metadata": {}}
             for n, t in TWO.items()]
        )},
        TWO,
    ),
    "xraygpt-json": Sample(
        "xraygpt-json",
        {"filter_cap.json": js({"annotations": [{"image_id": n, "caption": t} for n, t in TWO.items()]})},
        TWO,
    ),
    "json-table": Sample("json-table", {"a.json": js([{"id": n, "report": t} for n, t in TWO.items()])}, TWO),
    "jsonl-table": Sample("jsonl-table", {"a.jsonl": lines([{"id": n, "report": t} for n, t in TWO.items()])}, TWO),
    "csv-table": Sample("csv-table", {"a.csv": table(["id", "report"], list(TWO.items()))}, TWO),
    "xlsx-table": Sample("xlsx-table", {"a.xlsx": sheet([["id", "report"], *TWO.items()])}, TWO),
    "parquet-table": Sample(
        "parquet-table", {"a.parquet": parquet([{"id": n, "report": t} for n, t in TWO.items()])}, TWO
    ),
}  # fmt: skip


def _inject(what: bytes, share: float = 0.5) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * share)] + what + data[int(len(data) * share) :]


KEEP = {
    "with a mark": lambda d: b"\xef\xbb\xbf" + d,
    "windows line ends": lambda d: d.replace(b"\n", b"\r\n"),
}
BREAK: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda d: b"",
    "only a mark": lambda d: b"\xef\xbb\xbf",
    "only blank lines": lambda d: b"\n\r\n\n",
    "cut in half": lambda d: d[: len(d) // 2],
    "cut by three bytes": lambda d: d[:-3],
    "cut after one byte": lambda d: d[:1],
    "utf-16": lambda d: d.decode("utf-8", "replace").encode("utf-16"),
    "utf-16 without a mark": lambda d: d.decode("utf-8", "replace").encode("utf-16-le"),
    "a latin-1 letter": _inject(b" caf\xe9 "),
    "gb18030": _inject("双肺纹理".encode("gb18030"), 0.7),
    "a wrong first byte": lambda d: b"\xff" + d,
    "NUL bytes": _inject(b"\x00\x00", 0.6),
    "mixed line ends": lambda d: d.replace(b"\n", b"\r", 1).replace(b"\n", b"\r\n", 1),
    "old mac line ends": lambda d: d.replace(b"\n", b"\r"),
    "doubled": lambda d: d + d,
    "last part doubled": lambda d: d + d[len(d) // 2 :],
    "an open quote": _inject(b'"', 0.8),
    "a stray comma": _inject(b",", 0.7),
    "missing names": lambda d: d.replace(b"report", b"reprot").replace(b"id", b"di").replace(b"Path", b"Pfad"),
    "a number": lambda d: b"12",
    "a list of numbers": lambda d: b"[1, 2, 3]",
    "a JSON text": lambda d: b'"text"',
    "null": lambda d: b"null",
    "an object of nothing": lambda d: b'{"a": null, "b": {}}',
    "deeply nested": lambda d: b"[" * 100_000,
    "deeply nested objects": lambda d: b'{"a":' * 50_000,
    "half a character": _inject(b"\\ud800", 0.7),
    "a huge field": _inject(b"x" * 300_000, 0.7),
    "a web page": lambda d: b"<!DOCTYPE html><html><body>403 Forbidden</body></html>",
    "noise": lambda d: bytes((i * 7919) % 251 for i in range(4000)),
    "a zip that is none": lambda d: b"PK\x03\x04" + d[4:],
}
NEVER_READ = ("empty", "only a mark", "only blank lines", "noise", "deeply nested", "deeply nested objects")
