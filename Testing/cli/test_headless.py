"""headless.py with a real Python, a real environment and a real pip; only the product behind it is a tiny one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

TINY_COMMAND = """
import json, sys
try:
    import tiny
    version = tiny.VERSION
except ImportError:
    version = None
print(json.dumps({"arguments": sys.argv[1:], "tiny": version, "python": sys.executable}))
sys.exit(3 if "three" in sys.argv else 0)
"""


def write_wheel(folder: Path, name: str, version: str) -> None:
    """A wheel with one module in it, as PEP 427 wants it."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(path, text)


class Product:
    """A copy of headless.py beside a tiny product whose only dependency is a wheel in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = folder / "wheels"
        self.environment = folder / ".venv"
        self.stamp = self.environment / "kidneytumorseg-ready.json"
        command = folder / "KidneyTumorSeg" / "KidneyTumorSegLib" / "cli"
        command.mkdir(parents=True)
        self.wheels.mkdir()
        shutil.copy(REPOSITORY / "headless.py", folder)
        (command.parent / "__init__.py").write_text('__version__ = "9.8.7"\n', encoding="utf-8")
        (command / "__init__.py").touch()
        (command / "__main__.py").write_text(TINY_COMMAND, encoding="utf-8")
        (folder / "constraints.txt").write_text("tiny==1.0\n", encoding="utf-8")
        self.require("tiny")
        for version in ("1.0", "2.0"):
            write_wheel(self.wheels, "tiny", version)

    def require(self, requirement: str) -> None:
        (self.folder / "pyproject.toml").write_text(
            f'[project]\ndependencies = ["{requirement}"]\n[project.optional-dependencies]\ntrain = []\ntest = []\n',
            encoding="utf-8",
        )

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        hidden = {"KIDNEYTUMORSEG_VENV", "PYTHONPATH"}
        base = {name: value for name, value in os.environ.items() if name not in hidden}
        return subprocess.Popen(
            [sys.executable, "headless.py", *arguments],
            cwd=self.folder,
            env={**base, "KIDNEYTUMORSEG_WHEELS": str(self.wheels), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=600)
        return process.returncode, out, err


@pytest.fixture
def product(tmp_path: Path) -> Product:
    # A space and a letter beyond ASCII: such is the name of many a user's folder.
    folder = tmp_path / "Ärztin neu"
    folder.mkdir()
    return Product(folder)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """A product whose environment is made: shared by the tests that leave it as it is."""
    product = Product(tmp_path_factory.mktemp("product"))
    code, _, err = product.run("demo")
    assert code == 0, err
    return product


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"], []])
def test_help_and_version_are_told_before_anything_is_installed(product: Product, arguments: list[str]) -> None:
    code, out, _ = product.run(*arguments)
    assert code == 0
    assert "KidneyTumorSeg 9.8.7" in out
    assert "segment" in out
    assert "not a medical device" in out
    assert not product.environment.exists()


def test_an_unknown_command_is_refused_before_anything_is_installed(product: Product) -> None:
    code, out, err = product.run("segmnet", "ct.nii.gz")
    assert (code, out) == (2, "")
    assert "There is no command 'segmnet'. Commands: demo, segment," in err
    assert not product.environment.exists()


def test_an_old_python_is_told_what_to_do(product: Product) -> None:
    pretend = (
        "import sys, runpy; sys.version_info = (3, 10, 2, 'final', 0); "
        "runpy.run_path('headless.py', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", pretend], cwd=product.folder, capture_output=True, text=True)
    assert done.returncode == 4
    assert "KidneyTumorSeg needs Python 3.11 or newer; this is Python 3.10" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_first_use_installs_and_runs_and_the_next_one_only_runs(product: Product) -> None:
    code, out, err = product.run("demo", "-o", "out put")
    assert code == 0, err
    answer = json.loads(out)
    assert answer["arguments"] == ["demo", "-o", "out put"]
    assert answer["tiny"] == "1.0", "the constraint was not heard"
    assert Path(answer["python"]).is_relative_to(product.environment)
    assert "First use: making an environment" in err
    assert "1.5 GB" in err
    assert "Ready after" in err

    code, out, err = product.run("segment", "ct")
    assert (code, err) == (0, "")
    assert json.loads(out)["arguments"] == ["segment", "ct"]


def test_the_exit_code_of_the_command_comes_through(installed: Product) -> None:
    code, _, err = installed.run("segment", "three")
    assert (code, err) == (3, "")


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell what a child process has worked")
def test_a_ready_start_costs_less_than_three_tenths_of_a_second(installed: Product) -> None:
    # The work itself, not the time on the clock: other programs may be running.
    before = os.times()
    for _ in range(5):
        assert installed.run("demo")[0] == 0
    after = os.times()
    worked = after.children_user + after.children_system - before.children_user - before.children_system
    assert worked / 5 < 0.3


def test_files_of_the_current_folder_and_pythonpath_do_not_get_in_the_way(installed: Product, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')", encoding="utf-8")
    process = subprocess.run(
        [sys.executable, str(installed.folder / "headless.py"), "demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    code, _, err = installed.run("demo", PYTHONPATH="")
    assert code == 0, err


def test_changed_requirements_are_installed_at_the_next_start(product: Product) -> None:
    assert product.run("demo")[0] == 0
    (product.folder / "constraints.txt").write_text("tiny==2.0\n", encoding="utf-8")
    code, out, err = product.run("demo")
    assert code == 0, err
    assert json.loads(out)["tiny"] == "2.0"
    assert "up to date" in err


def test_a_package_that_cannot_be_had_is_one_sentence_and_the_log(product: Product) -> None:
    product.require("no-such-package-anywhere")
    code, out, err = product.run("demo")
    assert (code, out) == (4, "")
    assert "The packages could not be installed: No matching distribution found for no-such-package-anywhere" in err
    assert "KIDNEYTUMORSEG_WHEELS" in err
    assert "Traceback" not in err
    log = product.folder / ".venv.log"
    assert str(log) in err
    assert "no-such-package-anywhere" in log.read_text(encoding="utf-8")
    assert not product.stamp.exists()

    product.require("tiny")
    code, out, err = product.run("demo")
    assert code == 0, err
    assert "not finished last time" in err


def test_an_environment_that_was_whole_outlives_a_failed_update(product: Product) -> None:
    assert product.run("demo")[0] == 0
    product.require("no-such-package-anywhere")
    assert product.run("demo")[0] == 4
    product.require("tiny")
    code, out, err = product.run("demo")
    assert (code, err) == (0, "")
    assert json.loads(out)["tiny"] == "1.0"


def test_a_wheels_folder_that_is_not_there_is_named(product: Product) -> None:
    code, _, err = product.run("demo", KIDNEYTUMORSEG_WHEELS="/no/such/folder")
    assert code == 4
    assert "KIDNEYTUMORSEG_WHEELS names the folder /no/such/folder, which does not exist." in err


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a console, which a test does not have")
def test_an_installation_that_was_interrupted_is_made_anew(product: Product) -> None:
    process = product.start("demo")
    assert process.stderr is not None
    while "First use" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Cancelled." in err
    assert "Traceback" not in err
    assert not product.stamp.exists()

    code, out, err = product.run("demo")
    assert code == 0, err
    assert "not finished last time" in err
    assert json.loads(out)["tiny"] == "1.0"


def test_an_environment_of_someone_else_is_left_alone(product: Product) -> None:
    product.environment.mkdir()
    precious = product.environment / "pyvenv.cfg"
    precious.write_text("mine", encoding="utf-8")
    code, _, err = product.run("demo")
    assert code == 4
    assert "was not made by headless.py, so it is left alone" in err
    assert precious.read_text(encoding="utf-8") == "mine"


def test_a_stamp_that_was_cut_off_counts_as_none(product: Product) -> None:
    assert product.run("demo")[0] == 0
    product.stamp.write_text('{"key": "ab', encoding="utf-8")
    code, _, err = product.run("demo")
    assert code == 0, err
    assert "making it anew" in err


def test_of_two_starts_at_once_one_installs_and_both_run(product: Product) -> None:
    both = [product.start("demo"), product.start("doctor")]
    answers = [process.communicate(timeout=600) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert sum("First use" in err for _, err in answers) == 1
    assert sum("Another start is installing" in err for _, err in answers) == 1


def test_the_environment_can_be_elsewhere(product: Product, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    code, out, err = product.run("demo", KIDNEYTUMORSEG_VENV=str(elsewhere))
    assert code == 0, err
    assert Path(json.loads(out)["python"]).is_relative_to(elsewhere)
    assert not product.environment.exists()


def test_test_packages_come_only_with_the_command_test(product: Product) -> None:
    assert product.run("demo")[0] == 0
    assert json.loads(product.stamp.read_text(encoding="utf-8"))["extras"] == []
    assert product.run("test")[0] == 0
    assert json.loads(product.stamp.read_text(encoding="utf-8"))["extras"] == ["test", "train"]
    code, _, err = product.run("demo")
    assert (code, err) == (0, ""), "the extras must stay"
