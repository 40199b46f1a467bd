"""`kinfolk.types` as specs import it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.programs import Program
from support.sharing.manager import SharingManager

from kinfolk import types
from kinfolk.codegen.fingerprint import fingerprint
from kinfolk.spec.reader import read


def test_importing_it_is_light() -> None:
    """A spec does not load what only servers and clients need, such as `SyncManager`."""
    names = sorted({*types.__all__} - {"Manager", "SyncManager"})
    program = (
        f"import sys; from kinfolk.types import {', '.join(names)};"
        "print(*sorted({'msgspec', 'kinfolk.wire', 'kinfolk.proxy', 'asyncio'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""


def test_clients_import_no_spec() -> None:
    """A generated module that mentions a lock leaves the declarations of all types alone."""
    program = (
        "import sys, kinfolk.types.locks_manager;"
        "print(*(name for name in sys.modules if name.endswith('_spec')))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""


@pytest.mark.parametrize("module", ["kinfolk.types.locks_manager", "support.sharing.manager"])
def test_importing_what_was_generated_is_light(module: str) -> None:
    """It loads nothing of what only servers need, or whoever connects, by either serializer."""
    heavy = {f"kinfolk.{name}" for name in ("client", "engines", "host", "pickles", "server")}
    program = f"import sys, {module}; print(*sorted({heavy} & set(sys.modules)))"
    with Program("-c", program) as found:
        assert found.rest() == [""]


def test_every_type_is_there_by_its_name() -> None:
    """Though each is imported when it is first asked for."""
    assert {name: getattr(types, name).__name__ for name in types.__all__} == {
        name: name for name in types.__all__
    }
    assert set(types.__all__) <= set(dir(types))
    with pytest.raises(AttributeError, match=r"'kinfolk.types' has no attribute 'Nope'"):
        _ = types.Nope  # type: ignore[attr-defined]


def test_what_the_tests_share_is_generated_from_its_spec() -> None:
    """If not, run `kinfolk generate support.sharing.spec --stubs tests` in this repository."""
    assert SharingManager._offer.table.fingerprint == fingerprint(read("support.sharing.spec"))
