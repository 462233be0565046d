"""The tables of a report that no figure is drawn from: cohort, summary, agreement, precision and recall, tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ranscore.agreement import Figure
from ranscore.describing import shares_of, spread_of
from ranscore.figures import Comparison, Evidence, Origin, Side, System
from ranscore.figures._evidence import f1_of
from ranscore.figures._series import each_system
from ranscore.figures._tables import Cell, Table, change, decimals, estimate, number, p_value, share, whole, words
from ranscore.metrics._intervals import clopper_pearson
from ranscore.scoring import FindingScore, Interval

MACRO = "Mean of F1"


def cohort_table(evidence: Evidence) -> Table:
    """Who and what the reports are."""
    cohort = evidence.cohort
    cells = [sum(getattr(s, part) for s in cohort.support) for part in ("present", "absent", "uncertain")]
    rows = [
        ("Reports", str(cohort.reports)),
        ("Patients", "not known" if cohort.patients is None else str(cohort.patients)),
        ("Age, years", spread_of(cohort.ages, f"known for {len(cohort.ages or ())}")),
        ("Sex", shares_of(cohort.sexes, cohort.reports)),
        (f"Length, {cohort.length_unit}", spread_of(cohort.lengths)),
        ("Language", cohort.language or "not known"),
        ("Reference", _reference(evidence)),
        ("Findings in the reference", str(len(cohort.support))),
        ("Cells present / absent", f"{cells[0]} / {cells[1]}"),
        ("Cells uncertain, left out", f"{cells[2]} of {sum(cells)} ({100 * cells[2] / max(1, sum(cells)):.2f} %)"),
    ]
    return Table(
        "cohort", "Cohort", ("Characteristic", "Value"), tuple((words(name), words(value)) for name, value in rows),
        ("A cell is one finding in one report.",),
    )  # fmt: skip


def _reference(evidence: Evidence) -> str:
    kind = {
        "labels": "a table of agreed labels",
        "mesh": "derived from the codes that human indexers gave",
    }.get(evidence.cohort.reference_kind)
    if kind or not evidence.agreement:
        return kind or "a majority of readers"
    readers = len(evidence.agreement.raters)
    least = evidence.minimum_votes or readers // 2 + 1
    return f"a majority of {readers} readers, at least {least} alike; other cells are uncertain"


def frequency_table(evidence: Evidence) -> Table:
    """How often each finding is present, the most frequent first."""
    rows = []
    for s in sorted(evidence.cohort.support, key=lambda s: -s.present):
        known = s.present + s.absent
        interval = clopper_pearson(s.present, known) if known else None
        rows.append((words(s.name), share(s.present, known, interval), whole(s.uncertain)))
    columns = ("Finding", "Present of certain [exact 95 %]", "Uncertain, left out")
    return Table("frequency", "Findings in the reference, the most frequent first", columns, tuple(rows))


def agreement_table(evidence: Evidence) -> Table | None:
    """How far the readers agree on each finding; None where no reader is known."""
    report = evidence.agreement
    if report is None:
        return None
    rows: list[tuple[Cell, ...]] = []
    for found in report.agreement:
        n = words("") if found.n is None else whole(found.n)
        figures = (found.raw, found.mean_kappa, found.fleiss, found.alpha)
        rows.append((words(found.name), n, *map(_figure, figures)))
    columns = ("Finding", "Cells", "Raw agreement", "Mean pairwise kappa", "Fleiss' kappa", "Krippendorff's alpha")
    uncertain = "a category of its own" if report.uncertain == "category" else "left out"
    note = f"Bootstrap of the reports, {report.resamples} resamples; an uncertain answer of a reader is {uncertain}."
    caption = f"Agreement of {len(report.raters)} readers, 95 % interval"
    return Table("agreement", caption, columns, tuple(rows), (note,))


def _figure(found: Figure) -> Cell:
    return estimate(found.value, found.interval)


def summary_table(evidence: Evidence) -> Table:
    """One row a side of each system: the mean of F1 with its interval, and what stands beside it."""
    rows = [_summary(evidence, system, side) for system in evidence.systems for side in system.sides]
    columns = (
        "Labels", "Figure", "Value [95 %]", "Findings with a positive", "Accuracy at least 0.95",
        "Its interval above 0.95", "Mean kappa", "Coverage",
    )  # fmt: skip
    notes = [
        "Mean kappa over the findings where it is defined. Coverage: answered of asked cells.",
        "A finding without a positive on either side counts 0 in the mean of F1, as in the paper.",
    ]
    return Table("summary", "Summary over the findings", columns, tuple(rows), tuple(notes))


def _summary(evidence: Evidence, system: System, side: Side) -> tuple[Cell, ...]:
    name, value, interval = headline(system, side)
    enough = sum(s.accuracy is not None and s.accuracy >= 0.95 for s in side.scores)
    surely = sum(s.accuracy_interval is not None and s.accuracy_interval[0] > 0.95 for s in side.scores)
    kappas = [s.kappa for s in side.scores if s.kappa is not None]
    n = len(side.scores)
    answered, asked = sum(s.n for s in side.scores), sum(s.n + s.unanswered for s in side.scores)
    coverage = side.ran_score.coverage if side.ran_score else answered / asked if asked else None
    return (
        words(evidence.label(system, side)), words(name), estimate(value, interval),
        _of(sum(s.positives > 0 for s in side.scores), n), _of(enough, n), _of(surely, n),
        number(sum(kappas) / len(kappas) if kappas else None),
        Cell("undefined" if coverage is None else f"{100 * int(1e4 * coverage) / 1e4:.2f} %", {"": coverage}),
    )  # fmt: skip


def _of(count: int, n: int) -> Cell:
    return Cell(f"{count} of {n}", {"": count, " of": n})


def headline(system: System, side: Side) -> tuple[str, float | None, Interval | None]:
    """What the mean of a side's F1 is called, the mean, and its interval where one was made."""
    if side.ran_score:
        return "Ran Score", side.ran_score.ran_score, side.ran_score.ran_score_interval
    for comparison in system.comparisons:
        found = comparison.macro_f1
        if side is comparison.before:
            return comparison.headline, found.a, found.a_interval
        if side is comparison.after:
            return comparison.headline, found.b, found.b_interval
    values = [s.f1 or 0.0 for s in side.scores]
    return f"{MACRO} over {len(values)} findings", sum(values) / len(values) if values else None, None


def figures_tables(evidence: Evidence) -> Iterator[Table]:
    """Precision, recall, F1 and kappa of each finding, by system, from the side to rely on."""
    for name, title, system in each_system(evidence, "figures", "Precision, recall, F1 and kappa"):
        side = system.main
        rows = tuple(_figures_row(score) for score in side.scores)
        columns = ("Finding", "Positives", "Precision [exact]", "Recall [exact]", "F1 [bootstrap]", "Kappa [bootstrap]")
        notes = (
            f"Bootstrap of the reports, {evidence.resamples} resamples, seed {evidence.seed}. \u201cno width\u201d: no "
            "resample can differ, since no error was seen; that is no certainty: read the exact intervals.",
        )
        yield Table(name, f"{title} ({side.title.lower()}), 95 % intervals", columns, rows, notes)


def _figures_row(s: FindingScore) -> tuple[Cell, ...]:
    f1 = f1_of(s)
    return (
        words(s.name), whole(s.positives), _proportion(s.tp, s.tp + s.fp), _proportion(s.tp, s.tp + s.fn),
        estimate(f1, s.f1_interval if f1 is not None else None), estimate(s.kappa, s.kappa_interval),
    )  # fmt: skip


def _proportion(k: int, n: int) -> Cell:
    return share(k, n, clopper_pearson(k, n) if n else None)


def tests_tables(evidence: Evidence) -> Iterator[Table]:
    """Each comparison with the seed: discordant reports, exact McNemar, Holm, verdict."""
    for name, _, system in each_system(evidence, "tests", ""):
        for comparison in system.comparisons:
            kind = comparison.after.kind
            alone = len(evidence.systems) == 1
            of = "" if alone else f"{system.name}: "
            caption = f"{of}Seed against {comparison.after.title.lower()}: exact McNemar on accuracy"
            yield _tests(f"{name}-{kind}", caption, comparison)


def _tests(name: str, caption: str, comparison: Comparison) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for c in comparison.changes:
        found = c.estimates["accuracy"]
        needed = Cell(f">{c.n}", {"": None}) if c.needed is None else whole(c.needed)
        rows.append((
            words(c.name), whole(c.n), whole(c.right_before), whole(c.right_after), whole(c.only_before),
            whole(c.only_after), change(found.difference, found.interval), p_value(c.p), p_value(c.p_adjusted),
            words(c.verdict), needed,
        ))  # fmt: skip
    columns = (
        "Finding", "Scored", "Seed right", "After right", "Only seed right", "Only after right", "Difference [95 %]",
        "p", "p, Holm", "Verdict", "Discordant needed",
    )  # fmt: skip
    total = comparison.macro_f1
    notes = (
        f"{comparison.headline}: {decimals(total.a)} and {decimals(total.b)}, difference "
        f"{change(total.difference, total.interval).text}; paired randomisation p {p_value(comparison.p).text}: "
        f"{comparison.verdict}.",
        "Holm adjusts over the findings of this table. \u201ccannot tell\u201d does not mean equal. Discordant needed: "
        "how many reports right on one side only, split as those found, would give p < 0.05 for this finding alone.",
    )
    return Table(name, caption, columns, tuple(rows), notes)


def origin_tables(evidence: Evidence) -> Iterator[Table]:
    """Where each finding's program comes from, by system."""
    for name, title, system in each_system(evidence, "origins", "Programs"):
        if not system.origins:
            continue
        columns = ("Finding", "Run", "Started (UTC)", "Recipe", "Stopped because", "Program", "Prompt")
        rows = tuple(tuple(map(words, _origin(origin))) for origin in system.origins)
        yield Table(name, f"{title}: runs and digests (SHA-256, first twelve digits)", columns, rows)


def _origin(o: Origin) -> tuple[str, ...]:
    return (o.name, o.run_id, o.started, o.recipe, o.stopped, short(o.program_digest), short(o.prompt_digest))


def short(digest: str) -> str:
    """The first digits of a digest."""
    return digest.removeprefix("sha256:")[:12]


def digest_table(rows: Iterable[tuple[str, str]]) -> Table:
    """Digests in full."""
    return Table("digests", "Digests", ("What", "SHA-256"), tuple((words(a), words(b)) for a, b in rows))


def version_table(rows: Iterable[tuple[str, str]]) -> Table:
    """Versions of libraries."""
    return Table("versions", "Versions", ("Library", "Version"), tuple((words(a), words(b)) for a, b in rows))
