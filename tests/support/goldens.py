"""The golden specs, and what is generated from them.

`python tests/support/goldens.py`, with the package and `tests` importable, writes them anew.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kinfolk.codegen.files import Change, apply
from kinfolk.codegen.generate import changes
from kinfolk.spec.naming import output_module

__all__ = ["MANAGERS", "SPECS", "TESTS", "golden_changes"]

TESTS = Path(__file__).parents[1]
SPECS = sorted(
    ".".join(path.relative_to(TESTS).with_suffix("").parts)
    for path in (TESTS / "golden").glob("*/*spec.py")
)
READ_ONLY = ["golden.copies.spec"]
MANAGERS = [output_module(spec) for spec in SPECS]


def golden_changes() -> list[Change]:
    """Return the golden files, as they are and as they would be generated."""
    return changes(SPECS, read_only=READ_ONLY)


if __name__ == "__main__":
    os.chdir(TESTS)
    sys.path.insert(0, str(TESTS))
    apply(golden_changes())
