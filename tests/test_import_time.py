"""What is heavy is imported when it is needed, and not before."""

import ast
import importlib
import subprocess
import sys

from pathlib import Path

import pytest

import kldiv

HEAVY = ("torch", "matplotlib", "scipy.stats", "pluggy", "numpy", "safetensors")


def run(code):
    """Runs code in a fresh process and returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def imported_after(code, *names):
    """Which of the modules are imported after some code has run."""
    return run(
        f"{code}\nimport sys\nfor name in {names}:\n    if name in sys.modules: print(name)"
    )


def test_importing_kldiv_imports_nothing_heavy():
    assert imported_after("import kldiv", *HEAVY) == []


def test_the_registries_are_listed_without_torch():
    code = "import kldiv; list(kldiv.divergences.values()), kldiv.families._repr_html_()"
    assert imported_after(code, "torch", "matplotlib", "scipy.stats") == []


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["plugins"], ["--help"]])
def test_the_command_line_lists_without_torch(command):
    code = (
        "import contextlib, io, kldiv.cli\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    kldiv.cli.main({command}, standalone_mode=False)"
    )
    assert imported_after(code, "torch", "matplotlib", "scipy.stats") == []


def test_a_hundred_plugins_are_found_without_torch_and_not_before_they_are_asked_for(tmp_path):
    for number in range(100):
        name = f"kldiv_fake{number:03}"
        front = (
            "import kldiv\n@kldiv.hookimpl\ndef kldiv_targets():\n    return {{'{0}': '{0}:X'}}"
        )
        files = {f"{name}.py": front.format(name)}
        kldiv.testing.fake_distribution(tmp_path, name.replace("_", "-"), files)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import kldiv\n"
        "assert not [name for name in sys.modules if name.startswith('kldiv_fake')]\n"
        "import kldiv.registries\n"
        "count = len([name for name in kldiv.targets if name.startswith('kldiv_fake')])\n"
        "print(count, 'torch' in sys.modules)"
    )
    assert run(code) == ["100", "False"]


def test_the_names_told_to_a_type_checker_are_those_that_are_imported():
    tree = ast.parse(Path(kldiv.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    told = {alias.name: node.module for node in imports for alias in node.names}
    assert told == kldiv._MODULES
    assert sorted([*told, "__version__"]) == sorted(kldiv.__all__)


@pytest.mark.parametrize("name", kldiv.__all__)
def test_every_public_name_can_be_had(name):
    assert getattr(kldiv, name) is getattr(kldiv, name)
    assert name in dir(kldiv)


def test_the_errors_and_warnings_are_all_public():
    errors = importlib.import_module("kldiv.errors")
    assert set(errors.__all__) <= set(kldiv.__all__)


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'kldiv' has no attribute 'no_such_name'"):
        kldiv.no_such_name  # noqa: B018


def test_a_fit_imports_none_of_what_torch_keeps_for_later():
    later = ("torch._dynamo", "sympy", "scipy", "matplotlib")
    code = "import kldiv; kldiv.fit('mixture', 'normal', direction='reverse')"
    assert imported_after(code, *later) == []


def test_a_fit_imports_no_closed_forms_between_other_types_and_no_other_solver():
    code = "import kldiv; kldiv.fit('mixture', 'normal', direction='reverse')"
    places = "gaussian", "overlaps", "exponential_families", "categories", "moments", "grids"
    others = [f"kldiv.builtin.closed_forms.{place}" for place in places]
    assert imported_after(code, *others, "kldiv.solvers.quasi_newton") == []
