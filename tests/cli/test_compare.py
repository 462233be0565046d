"""`compare`, `models`, and the policies and corrections of `score`, as a person types them."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ranscore.catalog import finding_name
from ranscore.comparing import Comparison
from ranscore.freezing import FrozenProgram, save_frozen
from ranscore.scoring import score_finding
from tests.cli.conftest import call

KEYS = ("OPENAI_API_KEY", "HOSTED_VLLM_API_KEY", "HOSTED_VLLM_API_BASE")


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in this process, without keys in the environment."""
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)

    return lambda *arguments: Result(*call(capsys, monkeypatch, *arguments))


@pytest.fixture(scope="module")
def raters() -> Path:
    """The folder of the six readers' tables."""
    from ranscore.catalog import data_roots

    return data_roots()[-1] / "datasets" / "demo-en" / "raters"


@pytest.fixture(scope="module")
def program(frozen_seed: FrozenProgram, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frozen seed as a file, each finding as if cross-validated with 30 of 33 found and 4 of 260 wrongly."""
    truth, labels = [1] * 33 + [0] * 260, [1] * 30 + [0] * 3 + [1] * 4 + [0] * 256
    findings = {
        f: x.model_copy(update={"cross_validated": score_finding(truth, labels, finding=f, name=finding_name(f))})
        for f, x in frozen_seed.findings.items()
    }
    frozen = frozen_seed.model_copy(update={"findings": findings})
    path = tmp_path_factory.mktemp("program") / "program.json"
    save_frozen(frozen.model_copy(update={"sha256": frozen.content_digest()}), path)
    return path


@pytest.fixture(scope="module")
def tiny_card(small_card: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of six reports."""
    folder = tmp_path_factory.mktemp("tiny")
    for name in ("reports.jsonl", "labels.jsonl"):
        lines = (small_card.parent / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / name).write_text("".join(lines[:6]), encoding="utf-8")
    card = json.loads(small_card.read_text(encoding="utf-8"))
    card = {key: value for key, value in card.items() if key != "notes"}
    (folder / "card.yaml").write_text(json.dumps(card), encoding="utf-8")
    return folder / "card.yaml"


def test_readers_as_systems(run: Run, raters: Path, tmp_path: Path) -> None:
    """Two readers against the third's table under the authors' policy: headline, tests, verdicts, signature, CSV."""
    rows = tmp_path / "rows.csv"
    done = run(
        "compare", raters / "rater_1.csv", raters / "rater_2.csv", "--reference", raters / "rater_3.csv",
        "--policy", "authors", "--bootstrap", 50, "--randomisations", 200, "-o", rows,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "A: rater_1.csv" in done.out
    assert "randomisation p" in done.out
    assert "cannot tell" in done.out
    assert "uncertain:absent|empty:0|no_finding:as-given|unanswered:absent" in done.out
    with rows.open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 22
    assert {row["verdict"] for row in table} <= {"better", "worse", "cannot tell"}


def test_json_is_the_whole_comparison(run: Run, raters: Path) -> None:
    """Every pair with the first; the text reads back as the record."""
    systems = [raters / f"rater_{i}.csv" for i in (1, 2, 3)]
    options = ["--dataset", "demo-en", "--allow-partial", "--bootstrap", 0, "--randomisations", 100, "--json"]
    done = run("compare", *systems, *options)
    assert done.code == 0, done.err
    found = Comparison.model_validate_json(done.out)
    assert [(p.a, p.b) for p in found.pairs] == [("rater_1.csv", "rater_2.csv"), ("rater_1.csv", "rater_3.csv")]
    assert found.signature.endswith("|no_finding:as-given|unanswered:allow-partial|program:none|v0.1")
    assert found.n_reports == 300


def test_readers_doubts_are_no_answers(run: Run, raters: Path) -> None:
    """Without --allow-partial a -1 ends the comparison with exit code 3 and the counts."""
    done = run("compare", raters / "rater_1.csv", raters / "rater_2.csv", "--dataset", "demo-en")
    assert done.code == 3
    assert "rater_1.csv 30" in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rater_1.csv", "rater_2.csv", "--dataset", "demo-zh"], "expected labels of the same reports"),
        (["rater_1.csv", "rater_2.csv"], "expected --reference FILE or --dataset NAME"),
        (["rater_1.csv", "rater_2.csv", "--dataset", "demo-en", "--policy", "autors"], "did you mean 'authors'"),
        (
            ["rater_1.csv", "rater_2.csv", "--dataset", "demo-en", "--policy", "authors", "--empty", "1"],
            "--empty cannot stand beside it",
        ),
        (["rater_1.csv", "rater_2.csv", "--dataset", "demo-en", "--empty", "2"], "policies: empty"),
    ],
)
def test_mistakes_end_with_one_sentence(run: Run, raters: Path, arguments: list[str], message: str) -> None:
    """Exit code 2 and no traceback."""
    files = [str(raters / a) if a.endswith(".csv") else a for a in arguments]
    done = run("compare", *files)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert done.out == ""


def test_a_frozen_program_against_itself_is_never_better(run: Run, program: Path, small_card: Path) -> None:
    """Two times the same labels: differences of 0, p of 1."""
    done = run("compare", program, program, "--dataset", small_card, "--randomisations", 50, "--bootstrap", 20)
    assert done.code == 0, done.err
    assert "difference +0.000 [no width], randomisation p 1.0000: cannot tell" in done.out
    assert "better" not in done.out


def test_comparing_tables_imports_no_model_library(raters: Path, tmp_path: Path) -> None:
    """Tables of labels are compared without dspy, litellm, mlflow and optuna."""
    import os
    import subprocess

    import ranscore

    code = (
        "import sys; from ranscore.cli import main\n"
        f"sys.argv = ['ranscore', 'compare', {str(raters / 'rater_1.csv')!r}, {str(raters / 'rater_2.csv')!r}, "
        f"'--reference', {str(raters / 'rater_3.csv')!r}, '--policy', 'authors', '--bootstrap', '0', '--json']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print({'dspy', 'litellm', 'mlflow', 'optuna'} & set(sys.modules), file=sys.stderr)"
    )
    env = os.environ | {"PYTHONPATH": str(Path(ranscore.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, encoding="utf-8", timeout=300
    )
    assert done.stderr.strip().splitlines()[-1] == "set()"
    assert json.loads(done.stdout)["n_reports"] == 300


def test_models_lists_the_presets(run: Run) -> None:
    """The paper's names, routes, and what each needs."""
    done = run("models", "--list")
    assert done.code == 0
    for text in ("qwen3-14b", "hosted_vllm/Qwen/Qwen3-14B", "dashscope/qwen-plus", "DEEPSEEK_API_KEY"):
        assert text in done.out


def test_models_prints_accuracy_for_every_finding_and_model(run: Run, program: Path, small_card: Path) -> None:
    """k of n with its exact interval, macro-F1, and what stayed unanswered."""
    done = run("models", "--program", program, "--model", "lexical", "--dataset", small_card, "--bootstrap", 0)
    assert done.code == 0, done.err
    assert "Pneumothorax" in done.out
    assert "/60 " in done.out
    assert "unanswered" in done.out


def test_models_with_an_endpoint_that_gives_no_readable_answer_ends_with_3(
    run: Run, program: Path, tiny_card: Path, endpoint: object
) -> None:
    """The table is printed, with the unanswered cells; the command says so and ends non-zero."""
    endpoint.answer = lambda text: "maybe"  # type: ignore[attr-defined]
    address = f"http://{endpoint.address}"  # type: ignore[attr-defined]
    options = ["--dataset", tiny_card, "--bootstrap", 0, "--api-base", f"hosted_vllm/m={address}"]
    done = run("models", "--program", program, "--model", "lexical", "--model", "hosted_vllm/m", *options)
    assert done.code == 3
    assert "(6 unanswered)" in done.out
    assert "hosted_vllm/m 120" in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "gpt-4o-min"], "did you mean 'gpt-4o-mini'"),
        (["--model", "qwen3-14b"], "no address is given"),
        (["--model", "gpt-4o-mini"], "OPENAI_API_KEY is not set"),
        (["--model", "lexical", "--api-base", "http://127.0.0.1:9/v1"], "no model runs on a server of your own"),
        (["--model", "lexical", "--api-base", "qwen=http://127.0.0.1:9/v1"], "no --model is called 'qwen'"),
        ([], "at least one model"),
    ],
)
def test_models_refuses_what_it_cannot_ask(run: Run, program: Path, options: list[str], message: str) -> None:
    """Exit code 2, before anything is labelled."""
    done = run("models", "--program", program, *options)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""


def test_score_under_the_authors_policy(run: Run, raters: Path) -> None:
    """Blank and -1 count as absent, and the signature says so."""
    tables = ["--reference", raters / "rater_1.csv", "--generated", raters / "rater_2.csv"]
    done = run("score", *tables, "--policy", "authors", "--bootstrap", 0)
    assert done.code == 0, done.err
    assert "uncertain:absent|empty:0|no_finding:as-given|unanswered:absent" in done.out
    assert run("score", *tables, "--bootstrap", 0).code == 2


def reports(path: Path, *texts: str) -> Path:
    """A table of reports."""
    rows = [json.dumps({"report_id": f"r{i}", "report": text}) for i, text in enumerate(texts)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_score_with_a_correction(run: Run, program: Path, tmp_path: Path) -> None:
    """The score, then the plausible range, every finding's prevalence, and what it assumes; the same as JSON."""
    texts = ["Small left pneumothorax.", "The lungs are clear.", "Right pleural effusion."]
    ours = reports(tmp_path / "reference.jsonl", *texts)
    theirs = reports(tmp_path / "generated.jsonl", texts[0], texts[2], texts[2])
    options = ["--reference", ours, "--generated", theirs, "--corrected-by", program, "--bootstrap", 0]
    done = run("score", *options)
    assert done.code == 0, done.err
    assert "Ran Score plausibly" in done.out
    assert "30/33" in done.out
    assert "independently on the two reports" in " ".join(done.out.split())
    both = json.loads(run("score", *options, "--json").out)
    assert both["correction"]["sides"] == "both"
    low, high = both["correction"]["ran_score_range"]
    assert low <= high
    assert both["score"]["signature"].startswith("ranscore|findings:21|")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--policy", "authors"], "--no-finding derived"),
        (["--corrected-sides", "reference"], "expected 'both' or 'generated'"),
        (["--program", "seed"], "another program than --program"),
    ],
)
def test_a_correction_that_would_mislead_is_refused(
    run: Run, program: Path, frozen_seed: FrozenProgram, raters: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    """No Finding as given, an unknown side, and errors of another program."""
    seed = tmp_path / "seed.json"
    save_frozen(frozen_seed, seed)
    tables = ["--reference", raters / "rater_1.csv", "--generated", raters / "rater_1.csv"]
    given = [str(seed) if o == "seed" else o for o in options]
    done = run("score", *tables, "--corrected-by", program, "--bootstrap", 0, *given)
    assert done.code == 2
    assert message in done.err


def test_a_program_without_known_errors_cannot_correct(
    run: Run, frozen_seed: FrozenProgram, raters: Path, tmp_path: Path
) -> None:
    """It was never cross-validated."""
    seed = tmp_path / "seed.json"
    save_frozen(frozen_seed, seed)
    tables = ["--reference", raters / "rater_1.csv", "--generated", raters / "rater_2.csv"]
    done = run("score", *tables, "--corrected-by", seed)
    assert done.code == 2
    assert "no cross-validated score" in done.err
