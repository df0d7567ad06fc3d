"""The sessions of kldiv's development; `nox -l` lists them.

All but the benchmarks, which need their peers, share one environment, .nox/kldiv-<version of
Python>, so that torch is installed once. It is made by virtualenv from constraints.txt, and
brought up to date when a requirement has changed.
"""

import functools
import hashlib
import os
import shutil
import sys

from collections.abc import Callable
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"  # nox itself would make one environment per session
nox.options.sessions = ["lint", "types", "tests"]

ROOT = Path(__file__).parent
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
SITE = Path("docs", "_build", "html")
PROGRAMS = ("discovery", "front_door", "quadrature", "two_samples", "unseen")
PEERS = ("torch", "jax")
GROUPS = ("lint", "types", "tests", "docs", "build")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style: ruff, its formatter and the commit hooks; `-- --fix` repairs."""
    python = prepare(session)
    python("-m", "ruff", "check", *session.posargs)
    python("-m", "ruff", "format", *([] if "--fix" in session.posargs else ["--check"]))
    if Path(".git").exists():
        python("-m", "pre_commit", "run", "--all-files", env={"SKIP": "ruff-check,ruff-format"})


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    prepare(session)("-m", "mypy", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; `-- -m slow` the long ones, `-- -m browser` those that open the site."""
    python = prepare(session)
    python("-m", "pytest", *session.posargs)


@nox.session
def plugins(session: nox.Session) -> None:
    """Run each plugin's own tests."""
    python = prepare(session)
    for plugin in PLUGINS:
        with session.chdir(plugin):
            python("-m", "pytest", *session.posargs, env={"KLDIV_PLUGINS_STRICT": "1"})


@nox.session
def gallery(session: nox.Session) -> None:
    """Run the gallery's scripts as plain Python; `-- coin` those with "coin" in their name."""
    python = prepare(session)
    scripts = [
        *ROOT.glob("gallery/*/plot_*.py"),
        *ROOT.glob("plugins/*/kldiv_*/gallery/plot_*.py"),
    ]
    for script in sorted(scripts):
        if all(word in script.name for word in session.posargs):
            python(str(script.relative_to(ROOT)), env={"MPLBACKEND": "agg"})


@nox.session
def docs(session: nox.Session) -> None:
    """Execute the gallery, build the site, warnings being errors, and say where to open it."""
    python = prepare(session)
    strict = ("--nitpicky", "--fail-on-warning", "--keep-going", *session.posargs)
    python("-m", "sphinx", *strict, "-d", "docs/_build/doctrees", "docs", str(SITE))
    page = SITE / "index.html"
    session.log(f"The site is built. Open {page} in a browser: {(ROOT / page).as_uri()}")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure beside the peers; `-- G5` one goal, `-- front_door` one of the other programs."""
    python = prepare(session, "bench", ("bench", "build"))
    programs = [word for word in session.posargs if word in PROGRAMS]
    for program in programs or ([] if session.posargs else PROGRAMS):
        python("-m", f"benchmarks.{program}")
    rest = [word for word in session.posargs if word not in PROGRAMS]
    if rest or not session.posargs:
        peers = [word for side in PEERS for word in (f"--{side}", peer(session, side))]
        python("-m", "benchmarks", *peers, *rest)


@nox.session
def build(session: nox.Session) -> None:
    """Build sdist and wheel, and use the wheel without the sources."""
    python = prepare(session)
    shutil.rmtree("dist", ignore_errors=True)
    python("-m", "build", "--no-isolation", "--outdir", "dist")
    alone = ROOT / ".nox" / "wheel"
    shutil.rmtree(alone, ignore_errors=True)
    (wheel,) = Path("dist").glob("*.whl")
    python("-m", "pip", "install", "--quiet", "--no-deps", "--target", str(alone), str(wheel))
    with session.chdir(alone):
        command = "from kldiv.cli import main; main()"
        python("-c", command, "list", env={"PYTHONPATH": str(alone)})


@nox.session
def wheels(session: nox.Session) -> None:
    """Hold each plugin to the laws, and run its tests, where there are only wheels.

    `-- kldiv-flows` takes that one. Each gets an environment of its own, about 1 GB, which is
    removed afterwards.
    """
    python = prepare(session)
    folder = ROOT / ".nox" / "wheels"
    shutil.rmtree(folder, ignore_errors=True)
    for project in (ROOT, *PLUGINS):
        options = ("--no-isolation", "--wheel", "--outdir", str(folder / "dist"))
        python("-m", "build", *options, str(project))
    for plugin in PLUGINS:
        if not session.posargs or plugin.name in session.posargs:
            with_wheels_only(session, plugin, folder)


def with_wheels_only(session: nox.Session, plugin: Path, folder: Path) -> None:
    """Checks a plugin and runs its tests from an empty folder of a new environment."""
    environment, empty = folder / plugin.name, folder / f"{plugin.name}-tests"
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    run = functools.partial(session.run, str(programs / "python"), external=True)
    session.run(sys.executable, "-m", "virtualenv", "--quiet", str(environment))
    names = ("kldiv", plugin.name.replace("-", "_"))
    built = [str(next(folder.glob(f"dist/{name}-[0-9]*.whl"))) for name in names]
    pinned = ("--constraint", str(ROOT / "constraints.txt"))
    run("-m", "pip", "install", "--quiet", *pinned, *built, "pytest")
    shutil.copytree(plugin / "tests", empty)
    with session.chdir(empty):
        run("-c", "from kldiv.cli import main; main()", "check", plugin.name)
        run("-m", "pytest", "-m", "not slow", "-p", "no:cacheprovider")
    shutil.rmtree(environment)


def prepare(
    session: nox.Session, name: str = "kldiv", groups: tuple[str, ...] = GROUPS
) -> Callable[..., object]:
    """Makes an environment, or updates it, and returns what runs its Python.

    The stamp is written last: an installation that was interrupted leaves none, and is begun
    afresh.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 (nox may run under an older Python)
        session.error("kldiv needs Python 3.11 or newer: install nox with that")
    environment = ROOT / ".nox" / f"{name}-{VERSION}"
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    stamp = environment / "installed"
    wanted = requirements()
    python = functools.partial(session.run, str(programs / "python"), external=True)
    session.env["OMP_NUM_THREADS"] = "1"  # the work is small, and threads of a busy machine stall
    session.env["PATH"] = os.pathsep.join([str(programs), os.environ["PATH"]])
    if stamp.exists() and stamp.read_text() == wanted:
        return python

    session.log(f"Installing what constraints.txt names in {environment}: some minutes, 1 GB.")
    anew = [] if stamp.exists() else ["--clear"]
    stamp.unlink(missing_ok=True)
    session.run_install(sys.executable, "-m", "virtualenv", "--quiet", *anew, str(environment))
    packages = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), *groups)
    pip = ("-m", "pip", "install", "--quiet", "--constraint", "constraints.txt")
    install = functools.partial(session.run_install, *python.args, *pip, external=True)
    install(*packages)
    editable = [word for folder in (ROOT, *PLUGINS) for word in ("--editable", str(folder))]
    install("--no-build-isolation", *editable)  # so that the build backend is pinned too
    stamp.write_text(wanted)
    return python


def peer(session: nox.Session, side: str) -> str:
    """Makes the environment of some peers, or updates it, and returns its Python."""
    environment = ROOT / ".nox" / f"bench-{side}-{VERSION}"
    python = str(environment / ("Scripts" if os.name == "nt" else "bin") / "python")
    pinned, stamp = Path("benchmarks", "peers", f"{side}.txt"), environment / "installed"
    wanted = pinned.read_text(encoding="utf-8")
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        session.log(f"Installing what {pinned} names in {environment}: some minutes.")
        make = ("virtualenv", "--quiet", "--clear", str(environment))
        session.run_install(sys.executable, "-m", *make)
        pip = ("pip", "install", "--quiet", "--requirement", str(pinned))
        session.run_install(python, "-m", *pip, external=True)
        stamp.write_text(wanted, encoding="utf-8")
    return python


def requirements() -> str:
    """A fingerprint of all that decides what is installed."""
    files = [ROOT / "constraints.txt", *(path / "pyproject.toml" for path in (ROOT, *PLUGINS))]
    text = "".join(f"{path}\n{path.read_text(encoding='utf-8')}" for path in files)
    return hashlib.sha256(text.encode()).hexdigest()
