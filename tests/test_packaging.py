"""What a checkout and an installation hold, what the documents name, and what starting a command costs."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ranscore
from ranscore import catalog, registry
from ranscore.phrases import compile_phrase, normalize

ROOT = Path(__file__).parents[1]
PACKAGE = Path(ranscore.__file__).parent
DATA = ("programs", "optimizers", "datasets")
TOP = {"pyproject.toml", "ranscore", *DATA, "mlruns", "tests", "README.md", "LICENSE"}
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((PACKAGE / "guides").glob("*.md"))}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HEAVY = {"dspy", "litellm", "mlflow", "optuna", "pandas", "sklearn"}


def run_and_list_imports(arguments: list[str], folder: Path) -> tuple[str, set[str]]:
    """What `ranscore ARGUMENTS` prints in a fresh process, and all modules it imported; fails unless it exits 0."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\nimported', *sorted(sys.modules)))\n"
        f"sys.argv = ['ranscore', *{arguments!r}]\n"
        "from ranscore.cli import main\n"
        "main()"
    )
    env = os.environ | {"PYTHONPATH": str(PACKAGE.parent), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, encoding="utf-8", timeout=300
    )
    assert done.returncode == 0, done.stderr
    printed, _, modules = done.stdout.rpartition("\nimported ")
    return printed, set(modules.split())


def test_the_top_level_holds_what_the_layout_names_and_nothing_else() -> None:
    """Beside files with a leading dot, the repository's listing is the architecture's."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    top = {path.strip('"').split("/")[0] for path in listed}
    assert {name for name in top if not name.startswith(".")} == TOP


@pytest.mark.parametrize("folder", [*DATA, "mlruns"])
def test_data_folders_hold_no_python(folder: str) -> None:
    """A Python file there would make a package that shadows another distribution's."""
    files = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if path.suffix in {".py", ".pyc", ".pyi"}] == []


def test_every_data_folder_ships_in_the_wheel_where_the_catalog_looks_for_it() -> None:
    """The wheel puts each data folder below `ranscore/_data`, the second place that `data_roots` knows."""
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {folder: f"ranscore/_data/{folder}" for folder in DATA}


def test_the_data_folders_are_found() -> None:
    """All three data folders stand below one root, and each gives what it is for."""
    root = catalog.data_roots()[-1]
    assert all((root / folder).is_dir() for folder in DATA)
    assert len(catalog.findings()) == 21
    assert "exemplar-tpe" in catalog.data_files("optimizers", "*.yaml")
    assert "demo-en" in catalog.data_files("datasets", "*/card.yaml")


def test_the_package_says_that_it_is_typed() -> None:
    """The marker of typed packages ships."""
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_every_module_says_what_it_is_for(path: Path) -> None:
    """Each module has a docstring."""
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("command", registry.names("cli"))
def test_the_readme_names_every_command(command: str) -> None:
    """A command that the README does not name is not public."""
    assert re.search(rf"^\| `ranscore {command}` \| \S", README, re.MULTILINE)


@pytest.mark.parametrize("command", registry.names("cli"))
def test_the_changelog_names_every_command(command: str) -> None:
    """What a user can run is news to the user."""
    assert f"`{command}`" in (ROOT / ".github" / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("guide", GUIDES)
def test_the_readme_links_every_guide(guide: str) -> None:
    """Each guide that `ranscore guide` shows is linked."""
    assert f"[{guide}](ranscore/guides/{guide}.md)" in README


@pytest.mark.parametrize("name", ranscore.__all__)
def test_public_python_names_are_documented(name: str) -> None:
    """What `from ranscore import` offers stands in the README."""
    assert name in README or name == "__version__"


@pytest.mark.parametrize(
    "name",
    [
        *catalog.data_files("datasets", "*/card.yaml"),
        *catalog.data_files("optimizers", "*.yaml"),
        *registry.names("readers"),
        *(name for name in registry.names("models") if name != "endpoint"),
    ],
)
def test_documents_name_every_dataset_recipe_reader_and_model(name: str) -> None:
    """What can be given to --dataset, --recipe, --reader or --model stands in the README or a guide."""
    assert f"`{name}`" in README + "".join(GUIDES.values())


def test_the_documents_link_to_files_that_are_there() -> None:
    """No relative link of the README or the contributing guide is dead."""
    for document in (ROOT / "README.md", ROOT / ".github" / "CONTRIBUTING.md"):
        links = re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
        assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize(("number", "ends"), [(1, "&& ranscore optimize --label Pneumothorax"), (2, "-m pytest")])
def test_the_readme_holds_its_two_commands_in_one_line_each(number: int, ends: str) -> None:
    """`.ci/run` and a newcomer read them there."""
    found = re.findall(rf"<!-- command {number} -->\n```sh\n(.+)\n```\n", README)
    assert len(found) == 1
    assert found[0].endswith(ends)


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_has_a_title_and_is_short(guide: str) -> None:
    """`ranscore guide` lists the first line, and a guide is read in one go."""
    lines = GUIDES[guide].splitlines()
    assert lines[0].startswith("# ")
    assert len(lines) < 120


def phrase_examples() -> list[tuple[str, str, str]]:
    """The rows (phrase, a text that matches, one that does not) of the phrase guide's table of examples."""
    section = GUIDES["phrases"].split("## Examples")[1].split("\n## ")[0]
    return re.findall(r"^\| `(.+?)` \| (.+?) \| (.+?) \|$", section, re.MULTILINE)


def test_the_phrase_guide_has_examples() -> None:
    """The table is read, so that the next test runs on something."""
    assert len(phrase_examples()) >= 8


@pytest.mark.parametrize(("phrase", "matching", "other"), phrase_examples())
def test_the_examples_of_the_phrase_guide_hold(phrase: str, matching: str, other: str) -> None:
    """A phrase of the guide finds the one text and nothing in the other."""
    assert compile_phrase(phrase).find(normalize(matching))
    assert compile_phrase(phrase).find(normalize(other)) == []


@pytest.mark.parametrize("command", ["", *registry.names("cli")])
def test_help_imports_nothing_heavy(command: str, tmp_path: Path) -> None:
    """The help of the program and of each command costs no library that only work needs."""
    printed, modules = run_and_list_imports([*command.split(), "--help"], tmp_path)
    assert "Usage" in printed
    assert modules & HEAVY == set()


def test_scoring_label_tables_imports_no_model_library(tmp_path: Path) -> None:
    """Two tables of labels are scored without dspy, litellm, mlflow and optuna."""
    names = [catalog.finding_name(finding) for finding in catalog.finding_ids()]
    for side, values in (("reference", "10"), ("generated", "11")):
        rows = [f"{i}{f',{value}' * len(names)}" for i, value in zip("ab", values, strict=True)]
        quoted = ",".join(f'"{name}"' for name in names)
        (tmp_path / f"{side}.csv").write_text("\n".join([f"report_id,{quoted}", *rows]), encoding="utf-8")
    tables = ["--reference", "reference.csv", "--generated", "generated.csv"]
    printed, modules = run_and_list_imports(["score", *tables, "--bootstrap", "0", "--json"], tmp_path)
    assert json.loads(printed)["n_reports"] == 2
    assert modules & {"dspy", "litellm", "mlflow", "optuna"} == set()
