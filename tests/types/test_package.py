"""`kinfolk.types` as specs import it."""

from __future__ import annotations

import subprocess
import sys

from support.sharing.manager import SharingManager

from kinfolk.codegen.fingerprint import fingerprint
from kinfolk.spec import read


def test_importing_it_is_light() -> None:
    """A spec does not load what only servers and clients need."""
    program = (
        "import sys, kinfolk.types;"
        "print(*sorted({'msgspec', 'kinfolk.wire', 'kinfolk.proxy', 'asyncio'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""


def test_what_the_tests_share_is_generated_from_its_spec() -> None:
    """If not, run `kinfolk generate support.sharing.spec --stubs tests` in this repository."""
    assert SharingManager._offer.table.fingerprint == fingerprint(read("support.sharing.spec"))
