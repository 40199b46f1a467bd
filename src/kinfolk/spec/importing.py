"""Importing a spec, and telling its author which of their lines fails if it does."""

from __future__ import annotations

import importlib
import linecache
import sys
import sysconfig
import traceback
from pathlib import Path
from types import ModuleType

from kinfolk.errors import Problem, SpecError
from kinfolk.spec.problems import shown

__all__ = ["import_spec"]

_PACKAGE = Path(__file__).parents[1]
_LIBRARIES = tuple(
    Path(path) for name, path in sysconfig.get_paths().items() if name.endswith(("lib", "stdlib"))
)


def import_spec(name: str) -> ModuleType:
    """Import the module of a spec.

    Raises:
        SpecError: There is no such module, it fails to import, or it is what Python runs.
    """
    if not all(part.isidentifier() for part in name.split(".")):
        raise SpecError([Problem(name, 1, _not_a_name(name))])
    _refuse_main(name, None)
    file = name.replace(".", "/") + ".py"
    try:
        module = importlib.import_module(name)
    except SyntaxError as error:
        raise SpecError([_syntax_problem(name, error)]) from None
    except ModuleNotFoundError as error:
        if error.name is not None and (name + ".").startswith(error.name + "."):
            raise SpecError([Problem(file, 1, _no_module(name, error.name))]) from None
        raise SpecError([_import_problem(name, error)]) from None
    except (Exception, SystemExit) as error:
        raise SpecError([_import_problem(name, error)]) from None
    _refuse_main(name, getattr(module, "__file__", None))
    return module


def _refuse_main(name: str, file: str | None) -> None:
    main = sys.modules.get("__main__")
    running = getattr(getattr(main, "__spec__", None), "name", None)
    same_file = file is not None and getattr(main, "__file__", None) == file
    if name == "__main__" or running == name or same_file:
        text = (
            f"`{name}` is the program that runs, so its classes would exist twice; import the spec"
            " from another module, and run that one"
        )
        raise SpecError([Problem(shown(getattr(main, "__file__", None) or name), 1, text)])


def _not_a_name(name: str) -> str:
    dotted = name.removesuffix(".py").strip("./").replace("/", ".").replace("\\", ".")
    return f"'{name}' is not the name of a module; write it with dots, as '{dotted}'"


def _no_module(name: str, missing: str) -> str:
    what = "" if name == missing else f", since there is no module '{missing}'"
    return (
        f"there is no module '{name}'{what}; run this in the folder that holds"
        f" '{name.partition('.')[0]}', or install it"
    )


def _syntax_problem(name: str, error: SyntaxError) -> Problem:
    text = f"`{name}` does not import: {type(error).__name__}: {error.msg}"
    line = (error.text or "").strip()
    return Problem(shown(error.filename or name), error.lineno or 1, _with_line(text, line))


def _import_problem(name: str, error: BaseException) -> Problem:
    """Point at the last line of the user's own on the way to where an import failed."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_own(frame, name)]
    message = " ".join(str(error).split())
    text = f"`{name}` does not import: {type(error).__name__}" + (f": {message}" if message else "")
    if not own:
        return Problem(name.replace(".", "/") + ".py", 1, text)
    place = own[-1]
    line = linecache.getline(place.filename, place.lineno or 1).strip()
    return Problem(shown(place.filename), place.lineno or 1, _with_line(text, line))


def _with_line(text: str, line: str) -> str:
    return f"{text}, at `{line}`" if line else text


def _is_own(frame: traceback.FrameSummary, name: str) -> bool:
    if frame.filename.startswith("<"):
        return False
    path = Path(frame.filename)
    if path.as_posix().endswith(name.replace(".", "/") + ".py"):
        return True  # also a spec that is installed, or one of ours
    return _PACKAGE not in path.parents and not any(lib in path.parents for lib in _LIBRARIES)
