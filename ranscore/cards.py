"""A dataset's description file, `datasets/<name>/card.yaml`, as records."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ranscore.records import Record, Terms


class ReportSource(Record):
    """Where the reports lie: one path or several parts (globs allowed), their format, encoding and column names.

    Without a `reader` the format is told from the path. `expects` is the file or glob that must be there for this
    source to be taken; without it, the paths themselves.
    """

    path: str | None = None
    paths: tuple[str, ...] = ()
    reader: str | None = None
    encoding: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    expects: str | None = None

    @model_validator(mode="after")
    def _path_or_paths(self) -> ReportSource:
        if (self.path is None) == (not self.paths):
            raise ValueError("a source of reports has either path or paths")
        return self

    def parts(self) -> tuple[str, ...]:
        """The paths, one or several."""
        return self.paths if self.path is None else (self.path,)

    def wanted(self) -> str:
        """The files that must be there, in words."""
        return self.expects or " and ".join(self.parts())


class ReferenceSource(Record):
    """Where the reference comes from: readers' tables, a table of labels, or codes in the reports with a mapping.

    It `covers` all reports, or some: then the others are left out, and counted.
    """

    kind: Literal["raters", "labels", "mesh"]
    paths: tuple[str, ...] = ()
    minimum: int | None = None
    mapping: str | None = None
    reader: str | None = None
    encoding: str | None = None
    covers: Literal["all", "some"] = "all"

    @model_validator(mode="after")
    def _fits_kind(self) -> ReferenceSource:
        if self.kind == "mesh" and (self.mapping is None or self.paths):
            raise ValueError("a reference of kind mesh has a mapping and no paths: the codes stand beside the reports")
        if self.kind != "mesh" and (self.mapping is not None or not self.paths):
            raise ValueError(f"a reference of kind {self.kind} has paths and no mapping")
        if self.kind == "labels" and len(self.paths) != 1:
            raise ValueError("a reference of kind labels has exactly one path")
        if self.kind != "raters" and self.minimum is not None:
            raise ValueError("only a reference of kind raters has a minimum of votes")
        return self


class NotesSource(Record):
    """A table of error notes."""

    path: str
    reader: str | None = None


class Card(Record):
    """`datasets/<name>/card.yaml`: what a dataset is, who may use it how, and where its parts lie.

    Paths are relative to the folder that the user brings (`environment`, `--data`), or else to the card's own. Of
    several sources of reports the first that is there is read. `sections` are those that programs read (without it the
    whole text). `remote` says whether its text may leave the machine for a model. A dataset without a reference can be
    labelled and sampled, not scored.
    """

    name: str
    title: str
    language: str = ""
    access: Literal["open", "restricted"]
    remote: Literal["permitted", "refused"]
    licence: str
    citation: str = ""
    source: str
    terms: str = ""  # the sentence that forbids to pass text on, and where it stands
    reports: tuple[ReportSource, ...] = Field(min_length=1)
    sections: str | None = None
    reference: ReferenceSource | None = None
    notes: NotesSource | Literal["inline"] | None = None
    environment: str | None = None

    @field_validator("reports", mode="before")
    @classmethod
    def _one_source_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, dict) else value

    @property
    def reference_kind(self) -> str:
        """Where the reference comes from, or `none`."""
        return self.reference.kind if self.reference else "none"

    def told_terms(self) -> Terms:
        """The terms of its reports."""
        return Terms(source=self.name, access=self.access, remote=self.remote, sentence=" ".join(self.terms.split()))

    def wanted(self) -> str:
        """The files that the user's folder must hold, in words."""
        return " or ".join(source.wanted() for source in self.reports)
