"""The wheel and the sdist: what is in them, and what a user does with them."""

from __future__ import annotations

import email
import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email.message import Message
from pathlib import Path

import attrs
import pytest
from support.programs import Program

import kinfolk

ROOT = Path(__file__).parents[1]
SPEC = """
import attrs

from kinfolk import manager, shared, singleton
from kinfolk.types import Dict, RLock


@shared
@attrs.define
class Counter:
    total: int = 0

    def add(self, by: int = 1) -> int:
        self.total += by
        return self.total


@manager
class App:
    counter = singleton(Counter)
    words = singleton(Dict[str, str])
    lock = singleton(RLock)
"""
CLIENT = """
import kinfolk
from app_manager import AppManager

with AppManager.open({options}) as app:
    with app.lock():
        app.words()["a"] = "b"
    print(kinfolk.__file__, app.counter().add(2), app.words()["a"])
"""


def run(*command: object, cwd: Path, code: int = 0, **env: str) -> str:
    """Run a command to its end, and return all that it says."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


# --- What the tests test


def test_the_tests_run_against_what_is_installed() -> None:
    """Which is the built wheel, or the sources where those are installed in its place."""
    found = importlib.metadata.distribution("kinfolk").read_text("direct_url.json")
    assert found is not None
    editable = json.loads(found).get("dir_info", {}).get("editable", False)
    place = ROOT / "src" if editable else Path(sysconfig.get_path("purelib"))
    assert Path(kinfolk.__file__) == place / "kinfolk" / "__init__.py"
    with Program("-c", "import kinfolk; print(kinfolk.__file__)") as child:
        child.expect(kinfolk.__file__)


# --- What is in the archives


@attrs.frozen
class Built:
    """Both archives; the wheel was built from the sdist."""

    wheel: Path
    sdist: Path

    @property
    def files(self) -> dict[str, bytes]:
        """What the wheel holds."""
        return contents(self.wheel)

    @property
    def metadata(self) -> Message:
        """What PyPI shows."""
        [name] = [name for name in self.files if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(self.files[name])


def contents(wheel: Path) -> dict[str, bytes]:
    """Return what a wheel holds."""
    with zipfile.ZipFile(wheel) as file:
        return {name: file.read(name) for name in file.namelist()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the sdist, and from it the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Built(wheel, sdist)


def test_the_wheel_holds_the_package_and_nothing_else(built: Built) -> None:
    """Every file of the sources, stubs beside the modules included; no tests."""
    sources = (ROOT / "src").rglob("*")
    expected = {
        path.relative_to(ROOT / "src").as_posix(): path.read_bytes()
        for path in sources
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"kinfolk/py.typed", "kinfolk/types/locks_manager.pyi"} <= set(expected)
    found = {name: data for name, data in built.files.items() if ".dist-info/" not in name}
    assert found == expected


def test_the_sdist_makes_the_same_wheel_as_the_repository(built: Built, tmp_path: Path) -> None:
    """To the byte."""
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    [wheel] = tmp_path.glob("*.whl")
    assert contents(wheel) == built.files


def test_the_sdist_holds_the_sources_of_the_package(built: Built) -> None:
    """Without the tests; and what is a link in the repository is a file there."""
    with tarfile.open(built.sdist) as file:
        members = file.getmembers()
    assert all(member.isfile() for member in members)
    names = {member.name.partition("/")[2] for member in members}
    assert len(names) == len(members)
    found = {name for name in names if name.startswith("src/")}
    assert {name.removeprefix("src/") for name in found} == {
        name for name in built.files if ".dist-info/" not in name
    }
    beside = {"CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", "PKG-INFO"}
    assert names - found - beside <= {".gitignore"}  # of which hatchling takes what is left out
    assert names >= beside


def test_pypi_would_take_them(built: Built) -> None:
    """And show the README."""
    said = run(
        *(sys.executable, "-m", "twine", "check", "--strict", built.wheel, built.sdist),
        cwd=built.wheel.parent,
        NO_COLOR="1",
    )
    assert said.count("PASSED") == 2


def test_what_pypi_shows(built: Built) -> None:
    """The licence, the Pythons, what is installed with it, and the README."""
    metadata = built.metadata
    assert metadata["Name"] == "kinfolk"
    assert metadata["Version"] == kinfolk.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata.get_all("Provides-Extra") == ["codegen"]
    needed = metadata.get_all("Requires-Dist") or []
    plain = sorted(need.partition(">")[0] for need in needed if "extra ==" not in need)
    assert plain == ["attrs", "msgspec", "typing-extensions"]
    assert "Typing :: Typed" in (metadata.get_all("Classifier") or [])
    text = metadata.get_payload()
    assert isinstance(text, str)
    assert text.startswith("# Kinfolk\n")


# --- What a user does with them


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a folder with a spec."""
    path = tmp_path / "home"
    path.mkdir()
    (path / "app_spec.py").write_text(SPEC)
    return path


def use(home: Path, package: Path) -> None:
    """Generate, serve and call with the package that lies at a place of `sys.path`."""
    path = str(package)
    command = [sys.executable, "-m", "kinfolk"]
    run(*command, "generate", "app_spec", cwd=home, PYTHONPATH=path)
    run(*command, "check", "app_spec", cwd=home, PYTHONPATH=path)
    file = package / "kinfolk" / "__init__.py"
    with subprocess.Popen(
        [*command, "serve", "app_spec"],
        cwd=home,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline().startswith("serving app_spec:App at ")
            client = CLIENT.format(options="")
            assert run(sys.executable, "-c", client, cwd=home, PYTHONPATH=path) == f"{file} 2 b\n"
            run(*command, "stop", "app_spec", cwd=home, PYTHONPATH=path)
            assert server.wait() == 0
        finally:
            server.kill()
    client = CLIENT.format(options="start=True, idle=0, timeout=60")
    assert run(sys.executable, "-c", client, cwd=home, PYTHONPATH=path) == f"{file} 2 b\n"


def test_a_wheel_on_the_path_works_as_it_is(built: Built, home: Path) -> None:
    """Zipped, also to generate, where the specs of built-in types are read inside of it."""
    use(home, built.wheel)


def test_a_read_only_installation_works(built: Built, home: Path, tmp_path: Path) -> None:
    """Nothing is ever written beside the package."""
    place = tmp_path / "installed"
    with zipfile.ZipFile(built.wheel) as file:
        file.extractall(place)
    paths = [place, *place.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    use(home, place)
    # The modes do not stop root.
    assert {place, *place.rglob("*")} == set(paths)


@pytest.fixture(scope="module")
def runtime(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment of its own, and return its Python."""
    folder = tmp_path_factory.mktemp("runtime")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", built.wheel, cwd=folder)
    return python


def test_an_installation_brings_what_runs_and_no_more(runtime: Path) -> None:
    """Neither a checker nor a parser of command lines."""
    listed = run(runtime, "-m", "pip", "list", "--format=json", cwd=runtime.parent)
    names = {each["name"].lower().replace("_", "-") for each in json.loads(listed)}
    assert names - {"pip", "setuptools"} == {"attrs", "msgspec", "typing-extensions", "kinfolk"}


def test_the_command_says_what_else_to_install(runtime: Path, home: Path) -> None:
    """In one line, whatever was asked for."""
    said = run(runtime.parent / "kinfolk", "generate", "app_spec", cwd=home, code=2)
    assert said.startswith("kinfolk: cyclopts, rich not installed")
    assert said.endswith("pip install 'kinfolk[codegen]'\n")
    assert said.count("\n") == 1


def test_what_was_generated_elsewhere_runs_without_the_rest(runtime: Path, home: Path) -> None:
    """A server too: it is started by its first client."""
    run(sys.executable, "-m", "kinfolk", "generate", "app_spec", cwd=home)
    client = CLIENT.format(options="start=True, idle=0, timeout=60")
    assert run(runtime, "-c", client, cwd=home).endswith("kinfolk/__init__.py 2 b\n")
