"""`kinfolk.types` as specs import it."""

from __future__ import annotations

import subprocess
import sys


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
