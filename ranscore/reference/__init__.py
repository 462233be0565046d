"""References: readers' labels or human codes to agreed labels, and the finding that is derived from the others."""

from ranscore.reference.derive import derive_no_finding
from ranscore.reference.mesh import MeshRule, mesh_reference, mesh_rules
from ranscore.reference.raters import LeftOut, Reference, build_reference, rater_faults

__all__ = [
    "LeftOut",
    "MeshRule",
    "Reference",
    "build_reference",
    "derive_no_finding",
    "mesh_reference",
    "mesh_rules",
    "rater_faults",
]
