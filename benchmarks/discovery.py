"""What a hundred installed plugins cost: at import, at the first question, and in `kldiv list`.

Each number is that of fresh processes. Beside it stands pytest, which starts with as many plugins
of its own, as light as ours, and collects an empty folder. The plugins are fake distributions,
installed in a folder in milliseconds; what else is installed stays visible to both. With a
hundred of them the first question is to take less than 100 ms, and `kldiv list` less than 300.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.timing import in_turns, seconds
from kldiv.testing import fake_distribution

__all__ = ["main"]

MANY = 100
NO_TESTS = 5  # what pytest ends with where it collects none
FRONT = """
import kldiv

@kldiv.hookimpl
def kldiv_divergences():
    return {{"mine_{number}": kldiv.Lazy("{name}.inner:Mine", summary="The divergence {number}.")}}
"""
FOR_PYTEST = """
import pytest

@pytest.fixture
def fixture_{number}():
    return {number}
"""
SETTINGS = {
    "PYTHONDONTWRITEBYTECODE": "",  # what pip installs is compiled
    "PYTHONWARNINGS": "ignore",
}
IN_PROCESS = """
import sys
from time import perf_counter as now
began = now()
import kldiv
imported = now()
import kldiv.registries
ready = now()
len(kldiv.divergences)
print(imported - began, now() - ready, "torch" in sys.modules)
"""


def install(site: Path, count: int) -> None:
    """Installs plugins of kldiv, each of which brings one of pytest too."""
    site.mkdir()
    for number in range(count):
        name = f"kldiv_fake{number:03}"
        files = {
            f"{name}.py": FRONT.format(number=number, name=name),
            f"pytest_{name}.py": FOR_PYTEST.format(number=number),
            f"{name}-1.0.dist-info/entry_points.txt": (
                f"[kldiv]\n{name} = {name}\n\n[pytest11]\n{name} = pytest_{name}\n"
            ),
        }
        fake_distribution(site, name.replace("_", "-"), files)


def run(site: Path, *arguments: str) -> str:
    """Runs Python in a process that sees the plugins; returns what it prints."""
    path = os.pathsep.join([str(site), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **SETTINGS, "PYTHONPATH": path},
        cwd=site.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, NO_TESTS):
        raise RuntimeError(done.stderr)
    return done.stdout


def in_process(site: Path, turns: int = 9) -> dict[str, float]:
    """The best of the seconds at import and at the first question, and whether torch came in."""
    found = [run(site, "-c", IN_PROCESS).split() for _ in range(turns)]
    return {
        "import kldiv": min(float(each[0]) for each in found),
        "first question": min(float(each[1]) for each in found),
        "torch": float(any(each[2] == "True" for each in found)),
    }


def main() -> dict[str, dict[str, float]]:
    """Prints the table and returns its numbers."""
    results: dict[str, dict[str, float]] = {}
    titles = ("import kldiv", "first question", "kldiv list", "bare Python", "pytest")
    print(f"{'plugins':>8}" + "".join(f"{title:>16}" for title in titles) + "  ms")
    with tempfile.TemporaryDirectory() as folder:
        for count in (0, MANY):
            site = Path(folder) / f"site{count}"
            install(site, count)
            empty = site / "empty"
            empty.mkdir()
            found = in_process(site)
            listing = ("-c", "from kldiv.cli import main; main()", "list")
            collecting = ("-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider")
            both = in_turns(
                partial(run, site, *listing), partial(run, site, *collecting, str(empty)), turns=7
            )
            found |= {"kldiv list": both.ours, "pytest": both.theirs, "ratio": median(both.ratios)}
            found["bare Python"] = seconds(partial(run, site, "-c", "pass"), 5)
            results[f"{count} plugins"] = found
            print(f"{count:8}" + "".join(f"{1e3 * found[title]:16.1f}" for title in titles))
    none, many = results.values()
    ours, theirs = (1e3 * (many[name] - none[name]) for name in ("first question", "pytest"))
    print(f"{MANY} plugins cost {ours:.0f} ms in process, and pytest {theirs:.0f} ms")
    print(f"pytest takes {many['ratio']:.1f} times as long to start as `kldiv list` to answer")
    print(f"torch was {'' if many['torch'] else 'not '}imported")
    return results


if __name__ == "__main__":
    main()
