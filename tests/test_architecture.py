"""The layers go one way, and every module keeps the habits of the house."""

import ast
import graphlib
import importlib
import inspect

from pathlib import Path

import pytest

import kldiv

ROOT = Path(kldiv.__file__).parent

LAYERS = (
    ("errors", "importing"),
    ("isolation", "specs"),
    ("blocks", "compiling", "hookspecs", "lazy", "numerics", "rulebook", "tables"),
    ("estimate",),
    ("definitions", "entry", "plugin"),
    ("registry",),
    ("adapters", "closed_form", "plugins"),
    ("registries",),
    ("estimators",),
    ("pictures", "resolving", "solvers"),
    ("certificate", "diagnosis", "evaluating", "saving", "summaries", "verdicts"),
    ("results",),
    ("fitting", "loading"),
    ("testing",),
    ("scaffold",),
    ("cli", "sphinxext"),
)
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
FOR_OUTSIDERS = {
    "blocks",
    "closed_form",
    "compiling",
    "definitions",
    "errors",
    "estimate",
    "hookspecs",
    "lazy",
    "numerics",
}


def name_of(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def part_of(module):
    """Which part of the library a module belongs to: its name below ``kldiv``."""
    return ([*module.split("."), ""])[1]


def only_for_types(tree):
    """The nodes under ``if TYPE_CHECKING``, which no program runs."""
    return {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }


def imports_of(tree, *, run_only=True):
    """The imports of modules of kldiv, each with its node; names of modules stand for modules."""
    skipped = only_for_types(tree) if run_only else set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in inner]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "kldiv":
                yield node, name


def public(module):
    """The public functions and classes that a module defines itself."""
    loaded = importlib.import_module(module)
    for name in getattr(loaded, "__all__", ()):
        item = getattr(loaded, name)
        if callable(item) and getattr(item, "__module__", None) == module:
            yield name, item


def importable(module):
    return not module.startswith("kldiv.sphinxext")


WITHOUT_SPHINX = [module for module in MODULES if importable(module)]


def test_every_part_of_the_library_has_its_layer():
    parts = {part_of(module) for module in MODULES} - {""}
    assert parts == {*LEVEL, "builtin"}


@pytest.mark.parametrize("module", [name for name in MODULES if part_of(name) in LEVEL])
def test_a_module_imports_only_from_layers_below_and_from_its_own_part(module):
    own = part_of(module)
    for node, imported in imports_of(TREES[module]):
        other = part_of(imported)
        below = other == "" or other == own or LEVEL.get(other, len(LAYERS)) < LEVEL[own]
        assert below, f"{module}, line {node.lineno}: {imported} is not below {own}"


@pytest.mark.parametrize("module", [name for name in MODULES if part_of(name) == "builtin"])
def test_the_built_in_plugin_uses_only_what_outsiders_may(module):
    for node, imported in imports_of(TREES[module]):
        allowed = part_of(imported) in FOR_OUTSIDERS | {"builtin"} or imported == "kldiv"
        assert allowed, f"{module}, line {node.lineno}: {imported} is not for plugins"


def test_no_modules_import_one_another_in_a_circle():
    graph = {
        module: {name for _, name in imports_of(tree) if name not in (module, "kldiv")}
        for module, tree in TREES.items()
    }
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert order.index("kldiv.errors") < order.index("kldiv.fitting")


@pytest.mark.parametrize("module", MODULES)
def test_nothing_of_kldiv_is_imported_inside_a_function(module):
    for function in ast.walk(TREES[module]):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inside = [f"line {node.lineno}: {name}" for node, name in imports_of(function)]
            assert not inside, f"{module}: {inside}"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_states_its_concept_and_its_public_names(module):
    tree = TREES[module]
    assert ast.get_docstring(tree), f"{module} has no docstring"
    defines = [node for node in tree.body if not isinstance(node, ast.Expr)]
    names = [
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    ]
    assert "__all__" in names or not defines, f"{module} has no __all__"


@pytest.mark.parametrize("module", WITHOUT_SPHINX)
def test_public_names_exist_and_are_in_order(module):
    loaded = importlib.import_module(module)
    names = list(getattr(loaded, "__all__", ()))
    assert all(hasattr(loaded, name) for name in names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("module", WITHOUT_SPHINX)
def test_every_public_thing_has_a_docstring(module):
    for name, item in public(module):
        assert inspect.getdoc(item), f"{module}.{name}"
        if inspect.isclass(item):
            bare = [
                method
                for method, value in vars(item).items()
                if not method.startswith("_")
                and (inspect.isfunction(value) or isinstance(value, property))
                and not inspect.getdoc(value)
            ]
            assert not bare, f"{module}.{name}: {bare}"


@pytest.mark.parametrize("module", WITHOUT_SPHINX)
def test_every_public_function_is_annotated(module):
    for name, item in public(module):
        if inspect.isfunction(item):
            parameters = inspect.signature(item).parameters.values()
            assert all(each.annotation is not each.empty for each in parameters), name
            assert inspect.signature(item).return_annotation is not inspect.Signature.empty, name


@pytest.mark.parametrize(
    "package", [name for name in WITHOUT_SPHINX if MODULES[name].stem == "__init__"]
)
def test_no_name_that_a_package_offers_is_the_name_of_one_of_its_modules(package):
    modules = {name for name in MODULES if name.startswith(f"{package}.")}
    loaded = importlib.import_module(package)
    both = [name for name in getattr(loaded, "__all__", ()) if f"{package}.{name}" in modules]
    assert not both, f"{package} would have two things of one name: {both}"


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_functions_are_small(module):
    assert len(MODULES[module].read_text().splitlines()) <= 300
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.FunctionDef):
            text = ast.get_docstring(node, clean=False) or ""
            lines = node.end_lineno - node.lineno + 1 - (text.count("\n") + 1 if text else 0)
            assert lines <= 45, f"{module}.{node.name} has {lines} lines"


@pytest.mark.parametrize("module", MODULES)
def test_no_assertion_stands_outside_of_tests(module):
    assert not [node.lineno for node in ast.walk(TREES[module]) if isinstance(node, ast.Assert)]


def test_the_public_names_are_exactly_those_of_the_manual():
    assert list(kldiv.__all__) == sorted(kldiv.__all__)
    assert set(kldiv.__all__) <= set(dir(kldiv))
    for name in kldiv.__all__:
        assert getattr(kldiv, name) is not None
    with pytest.raises(AttributeError, match="module 'kldiv' has no attribute 'nothing'"):
        kldiv.nothing  # noqa: B018 (the access is the test)
