"""References: readers' labels or human codes to agreed labels, and the finding that is derived from the others."""

from ranscore.reference.derive import derive_no_finding
from ranscore.reference.mesh import MeshRule, mesh_reference, mesh_rules
from ranscore.reference.raters import (
    Decision,
    LeftOut,
    Reference,
    Settled,
    Ties,
    build_reference,
    lonely_faults,
    rater_faults,
)
from ranscore.reference.versions import ReferenceVersion, correct_version, first_version, parse_version

__all__ = [
    "Decision",
    "LeftOut",
    "MeshRule",
    "Reference",
    "ReferenceVersion",
    "Settled",
    "Ties",
    "build_reference",
    "correct_version",
    "derive_no_finding",
    "first_version",
    "lonely_faults",
    "mesh_reference",
    "mesh_rules",
    "parse_version",
    "rater_faults",
]
