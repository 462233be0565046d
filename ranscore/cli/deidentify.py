"""Takes out of a table of reports what identifies patients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    reports: Annotated[Path, typer.Argument(help="A table of reports.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write the table: .csv or .jsonl.")],
    key: Annotated[
        Path, typer.Option("--key", help="The key of the marks, in another folder; made where there is none.")
    ],
    review: Annotated[
        Path | None, typer.Option("--review", help="Write every replaced or doubtful place here (CSV; private).")
    ] = None,
    keep: Annotated[list[str] | None, typer.Option("--keep", help="Also keep this column; repeat for several.")] = None,
    keep_doubtful: Annotated[
        bool, typer.Option("--keep-doubtful", help="Leave doubtful places as they are; they are only listed.")
    ] = False,
    presidio: Annotated[
        bool, typer.Option("--presidio", help="List what Microsoft Presidio finds beside the rules (extra deidentify).")
    ] = False,
    reader: Annotated[
        str | None, typer.Option("--reader", help="The table's format, where its name does not tell.")
    ] = None,
) -> None:
    """Take names, dates, numbers and places out of a table of reports; marks stay the same under one key."""
    from ranscore.cli._print import console, table
    from ranscore.deidentification import open_key
    from ranscore.deidentifying import FORMATS, check_places, clean_table, encode_rows, review_rows
    from ranscore.errors import InputError
    from ranscore.freezing import write_whole

    suffix = output.suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{output}: found the suffix {output.suffix!r}, expected one of {', '.join(FORMATS)}.")
    check_places(reports, output, review)
    second = None
    if presidio:
        from ranscore.deidentification._presidio import second_opinion

        second = second_opinion()
    done = clean_table(
        reports, open_key(key, apart_from=output), reader=reader, keep=tuple(keep or ()), keep_doubtful=keep_doubtful,
        second_opinion=second,
    )  # fmt: skip
    write_whole(output, encode_rows(done.columns, done.rows, suffix))
    if review:
        write_whole(review, review_rows(done), private=True)
    out = console()
    out.print(table(("category", "replaced"), [[c, str(n)] for c, n in sorted(done.counts().items())]))
    where = f"listed in {review}" if review else "--review FILE lists them"
    out.print(f"{len(done.rows)} reports; {len(done.doubtful())} doubtful places, {where}")
    if done.left_out:
        out.print(f"left out: the columns {', '.join(done.left_out)} (--keep takes one along)")
