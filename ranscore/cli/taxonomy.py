"""Shows which finding terms reports hold and what the label set makes of them; writes a new finding's file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import AllowRemote, ApiBase, Encoding, Sections, model_of

if TYPE_CHECKING:
    from ranscore.taxonomy import Taxonomy, Term

FORMATS = (".csv", ".json")
UNSTATED = (
    "asserted, stated by no finding", "reports", "of", "asserted", "negated", "hedged", "region", "group",
    "excluded by",
)  # fmt: skip


def command(
    reports: Annotated[
        Path | None, typer.Argument(help="Reports in any format; or name a --dataset.", show_default=False)
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="A dataset's name, or the path of a card.yaml.")
    ] = None,
    sample: Annotated[int, typer.Option("--sample", min=1, help="Reports to draw at random.")] = 3000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sample.")] = 0,
    least: Annotated[int, typer.Option("--least", min=1, help="Patients whose reports a term must stand in.")] = 2,
    model: Annotated[
        str | None, typer.Option("--model", help="A model that names the terms; otherwise they are cut out by rules.")
    ] = None,
    api_base: ApiBase = None,
    allow_remote: AllowRemote = False,
    sections: Sections = "all",
    reader: Annotated[
        str | None, typer.Option("--reader", help="The reports' format, where the suffix does not tell.")
    ] = None,
    encoding: Encoding = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Terms shown a table.")] = 25,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write all terms: .csv or .json; the file of --propose.")
    ] = None,
    name: Annotated[str | None, typer.Option("--propose", help="Write the file of a new finding of this name.")] = None,
    terms: Annotated[
        list[str] | None, typer.Option("--term", help="A wording that states it, a phrase; repeat for several.")
    ] = None,
    authors: Annotated[list[str] | None, typer.Option("--author", help="Who proposes it; repeat for several.")] = None,
) -> None:
    """Extract finding terms from reports, show which of them no finding states, and propose new findings."""
    from ranscore.cli._live import progress_bar
    from ranscore.cli._reports import read_texts
    from ranscore.errors import InputError
    from ranscore.freezing import write_whole
    from ranscore.taxonomy import explore

    source = _one_source(reports, dataset, name, terms)
    if source is None:
        return _propose(name or "", terms or [], authors or [], output)
    if output and output.suffix.lower() not in FORMATS:
        raise InputError(f"{output}: found the suffix {output.suffix!r}, expected one of {', '.join(FORMATS)}.")
    texts = read_texts(source, reader, encoding, sections)
    asked = model_of(model, api_base) if model else None
    with progress_bar() as progress:
        advance = progress(min(sample, len(texts)))
        found = explore(
            texts,
            source=str(dataset or source.name),
            size=sample,
            seed=seed,
            least=least,
            model=asked,
            progress=advance,
        )
    if output:
        content = found.to_csv() if output.suffix.lower() == ".csv" else found.model_dump_json(indent=1) + "\n"
        write_whole(output, content.encode())
    print_taxonomy(found, top)
    return None


def _one_source(reports: Path | None, dataset: str | None, name: str | None, terms: list[str] | None) -> Path | None:
    """The reports to read; None where a finding is to be proposed."""
    from ranscore.errors import InputError

    given = [str(x) for x in (reports, dataset, name and "--propose") if x]
    if len(given) != 1:
        raise InputError(
            f"found {' and '.join(given) or 'nothing to read'}; expected one of: a table of reports, --dataset, "
            "--propose."
        )
    if terms and not name:
        raise InputError("--term: belongs to a new finding; name it with --propose.")
    return None if name else Path(dataset or reports or "")


def _propose(name: str, terms: list[str], authors: list[str], output: Path | None) -> None:
    from ranscore.freezing import write_whole
    from ranscore.taxonomy import propose

    made = propose(name, terms, authors=authors, path=output)
    for remark in made.remarks:
        typer.echo(remark, err=True)
    write_whole(made.path, made.text.encode())
    typer.echo(f"{made.path}: written; complete its definition, then `ranscore optimize --label {made.id}`.")


def print_taxonomy(found: Taxonomy, top: int) -> None:
    """The sample, each finding's share of the mentions, the terms that none states, and the commonest by region."""
    from ranscore.catalog import anatomy
    from ranscore.cli._print import console, table

    out = console()
    for line in _summary(found):
        out.print(line)
    out.print()
    rows = [[f.name, str(f.reports), str(f.asserted), str(f.mentions), ", ".join(f.terms[:5])] for f in found.findings]
    made = table(("finding", "reports", "asserted", "mentions", "commonest terms"), rows)
    made.columns[-1].justify = "left"
    out.print(made)
    out.print()
    shown = found.unmapped()[:top]
    columns = (
        "asserted, stated by no finding",
        "reports",
        "of",
        "asserted",
        "negated",
        "hedged",
        "region",
        "group",
        "excluded by",
    )
    made = table(columns, [_unmapped_row(t) for t in shown])
    for column in made.columns[-3:]:
        column.justify = "left"
    out.print(made)
    out.print()
    for region in anatomy().regions:
        of = [t for t in found.terms if t.region == region.id]
        if of:
            out.print(f"{region.name}: {_grouped(of, top)}")


def _summary(found: Taxonomy) -> list[str]:
    by = f"named by {found.model}" if found.model else "cut out by rules"
    share = "undefined" if found.covered is None else f"{found.covered:.3f}"
    lines = [
        f"{found.source}: {found.sampled} of {found.available} reports, seed {found.seed}; {len(found.terms)} terms "
        f"in at least {found.least} of them, {by}",
        f"asserted mentions {found.asserted}: a finding states {found.stated} ({share}), one only excludes "
        f"{found.look_alike}, none knows {found.asserted - found.stated - found.look_alike}",
        f"{found.rare} asserted mentions in wordings too rare to list; a finding states {found.rare_stated} of them",
    ]
    return [*lines, f"{found.unread} reports were not answered by the model"] if found.unread else lines


def _unmapped_row(term: Term) -> list[str]:
    shares = [f"{share:.2f}" for share in (term.asserted, term.negated, term.hedged)]
    counts = [str(term.unstated_reports), str(term.reports)]
    return [term.term, *counts, *shares, term.region, term.group, ", ".join(list(term.look_alikes)[:3])]


def _grouped(terms: list[Term], top: int) -> str:
    """Groups in the order of their first terms: `effusion (pleural effusion 12), …`."""
    groups: dict[str, list[str]] = {}
    for term in terms[:top]:
        groups.setdefault(term.group, []).append(f"{term.term} {term.reports}")
    return "; ".join(", ".join(members) for members in groups.values())
