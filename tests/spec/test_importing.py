"""Specs that cannot be imported, with the line of the user's own that is to blame."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from support.reading import Folder

from kinfolk.errors import SpecError
from kinfolk.spec.reader import read


def mistake(module: str) -> str:
    """Read a spec that cannot be imported; return what its author is told."""
    with pytest.raises(SpecError) as caught:
        read(module)
    assert len(caught.value.problems) == 1
    return str(caught.value)


def test_a_module_that_does_not_exist(folder: Folder) -> None:
    """A module that is not there is named, with what to do about it."""
    folder.write("pack.other", "")
    assert mistake("nowhere_spec") == (
        "nowhere_spec.py:1: there is no module 'nowhere_spec'; run this in the folder that holds"
        " 'nowhere_spec', or install it"
    )
    assert mistake("nowhere.spec") == (
        "nowhere/spec.py:1: there is no module 'nowhere.spec', since there is no module 'nowhere';"
        " run this in the folder that holds 'nowhere', or install it"
    )
    assert mistake("pack.spec") == (
        "pack/spec.py:1: there is no module 'pack.spec'; run this in the folder that holds"
        " 'pack', or install it"
    )
    assert mistake("pack/spec.py") == (
        "pack/spec.py:1: 'pack/spec.py' is not the name of a module; write it with dots, as"
        " 'pack.spec'"
    )


def test_an_import_that_fails(folder: Folder) -> None:
    """A module that the spec imports and that is missing is told at the line of the import."""
    folder.write("app_spec", "import sys\nfrom no_such_library import thing\n")
    assert mistake("app_spec") == (
        "app_spec.py:2: `app_spec` does not import: ModuleNotFoundError: No module named"
        " 'no_such_library', at `from no_such_library import thing`"
    )


def test_an_exception_in_a_library(folder: Folder) -> None:
    """Of the lines on the way to an exception, the last one that is the user's own is shown."""
    folder.write("helper", "import json\n\ndef load(text):\n    return json.loads(text)\n")
    folder.write("app_spec", "import helper\n\nVALUE = helper.load('{')\n")
    assert mistake("app_spec") == (
        "helper.py:4: `app_spec` does not import: JSONDecodeError: Expecting property name enclosed"
        " in double quotes: line 1 column 2 (char 1), at `return json.loads(text)`"
    )


def test_a_decorator_of_ours_that_refuses(folder: Folder) -> None:
    """No frame of the library's own is shown."""
    folder.write(
        "app_spec",
        """
        from collections.abc import Iterator
        from kinfolk import shared, stream

        @shared
        class Thing:
            @stream(ahead=0)
            def run(self) -> Iterator[int]: ...
    """,
    )
    assert mistake("app_spec") == (
        "app_spec.py:6: `app_spec` does not import: ValueError: ahead must be at least 1, not 0, at"
        " `@stream(ahead=0)`"
    )


def test_an_attrs_class_that_cannot_be_made(folder: Folder) -> None:
    """An exception that a decorator of a class raises is told at that decorator."""
    folder.write(
        "app_spec",
        """
        import attrs

        @attrs.define
        class Thing:
            a: int = 1
            b: int
    """,
    )
    assert mistake("app_spec").startswith(
        "app_spec.py:3: `app_spec` does not import: ValueError: No mandatory attributes allowed"
        " after an attribute with a default value"
    )


def test_a_syntax_error(folder: Folder) -> None:
    """A syntax error is told where it stands, also in a module that the spec imports."""
    folder.write("pack.broken", "x = 1\ndef f(:\n    pass\n")
    folder.write("app_spec", "import pack.broken\n")
    assert mistake("app_spec") == (
        "pack/broken.py:2: `app_spec` does not import: SyntaxError: invalid syntax, at `def f(:`"
    )


def test_a_spec_that_exits(folder: Folder) -> None:
    """A spec that ends the process is refused like one that raises."""
    folder.write("app_spec", "import sys\nsys.exit('no\\n  thanks')\n")
    assert mistake("app_spec") == (
        "app_spec.py:2: `app_spec` does not import: SystemExit: no thanks, at"
        " `sys.exit('no\\n  thanks')`"
    )


def test_a_spec_that_is_the_program(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spec that runs as `__main__` is refused, since its classes would exist twice."""
    path = folder.write("app_spec", "x = 1\n")
    assert "is the program that runs" in mistake("__main__")
    main = ModuleType("__main__")
    main.__file__ = str(path)
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert mistake("app_spec") == (
        "app_spec.py:1: `app_spec` is the program that runs, so its classes would exist twice;"
        " import the spec from another module, and run that one"
    )


def test_a_spec_that_declares_nothing(folder: Folder) -> None:
    """A module without a shared class or a manager is no spec."""
    folder.write(
        "things", "from kinfolk import shared\n@shared\nclass A:\n    def run(self) -> None: ...\n"
    )
    folder.write("app_spec", "from things import A\n")
    assert mistake("app_spec") == (
        "app_spec.py:1: `app_spec` declares nothing; decorate classes with `@shared`, and the class"
        " that offers them with `@manager`, both from `kinfolk`"
    )


def test_a_generated_module(folder: Folder) -> None:
    """What a spec is generated into is no spec itself."""
    folder.write("app_manager", "# Generated by kinfolk from app_spec. ...\n")
    assert mistake("app_manager") == (
        "app_manager.py:1: `app_manager` is generated; name the spec from which it is"
    )


def test_a_module_without_source(folder: Folder) -> None:
    """A module that is not a Python file cannot be a spec."""
    assert "the source of `math` cannot be read" in mistake("math")


def test_names_for_type_checkers_that_do_not_exist(folder: Folder) -> None:
    """An import under `TYPE_CHECKING` that fails is told once, at the import."""
    folder.write(
        "app_spec",
        """
        from __future__ import annotations
        from typing import TYPE_CHECKING
        from kinfolk import shared

        if TYPE_CHECKING:
            from no_such_library import Page
            class Hidden: ...

        @shared
        class Thing:
            def a(self, x: Page) -> Page: ...
            def b(self) -> list[Page]: ...
            def c(self, x: Hidden) -> None: ...
    """,
    )
    with pytest.raises(SpecError) as caught:
        read("app_spec")
    assert [str(p) for p in caught.value.problems] == [
        (
            "app_spec.py:6: `Page` cannot be imported from `no_such_library` at run time, and is"
            " needed there to check values; import it from a module that has it"
        ),
        (
            "app_spec.py:13: parameter 'x' of `Thing.c`: `Hidden` exists for type checkers only,"
            " and its type is needed at run time to check values; define it outside `if"
            " TYPE_CHECKING`"
        ),
    ]
