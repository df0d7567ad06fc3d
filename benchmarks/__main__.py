"""Runs the comparisons and writes their results.

    python -m benchmarks --torch PYTHON --jax PYTHON [--rounds 3] [--budget 8] [G5 G6 ...]

PYTHON is the interpreter of an environment with ``peers/torch.txt`` or ``peers/jax.txt``. A goal
whose peers are absent is measured without them. Goals that are not named keep their results.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile

from collections.abc import Mapping, Sequence

from benchmarks.comparison import Goal, Record, Round
from benchmarks.table import ROOT, write_table
from benchmarks.worker import goal_named, names

__all__ = ["main"]

RESULTS = ROOT / "benchmarks" / "results.json"
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


def main(arguments: Sequence[str]) -> None:
    """Measures the goals that are named, all where none is."""
    options = _options(arguments)
    pythons = {"kldiv": sys.executable, "torch": options.torch, "jax": options.jax}
    pythons = {side: path for side, path in pythons.items() if path}
    results = _read()
    for name in options.goals or names():
        goal = goal_named(name)
        print(f"\n{goal.name}  {goal.title}", flush=True)
        rounds = [_round(goal, pythons, options) for _ in range(options.rounds)]
        results["goals"][name] = _summary(goal, rounds)
        _show(results["goals"][name])
        _write(results, options.note)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("goals", nargs="*", help="numbers of goals, such as G5")
    parser.add_argument("--torch", help="the interpreter of the torch peers")
    parser.add_argument("--jax", help="the interpreter of the JAX peers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=8.0, help="seconds of a peer's setting")
    parser.add_argument("--longest", type=float, default=900.0, help="seconds of a side")
    parser.add_argument("--note", default="", help="what is to be known of the machine")
    options = parser.parse_args(arguments)
    unknown = set(options.goals) - set(names())
    if unknown:
        parser.error(f"no such goals: {sorted(unknown)}; there are {', '.join(names())}")
    return options


def _round(goal: Goal, pythons: Mapping[str, str], options: argparse.Namespace) -> Round:
    records: list[Record] = []
    for side in goal.sides:
        if side in pythons:
            records += _measured(goal.name, side, pythons[side], options)
    return Round(records)


def _measured(name: str, side: str, python: str, options: argparse.Namespace) -> list[Record]:
    command = [python, "-W", "ignore", "-m", "benchmarks.worker", name, side, str(options.budget)]
    longest = options.longest
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as failed:
        try:
            done = subprocess.run(
                command, env=environment, stdout=said, stderr=failed, cwd=ROOT, timeout=longest
            )
            wrong = f"failed ({done.returncode})" if done.returncode else ""
        except subprocess.TimeoutExpired:
            wrong = f"was stopped after {longest:g} s"
        lines, errors = (file.seek(0) or file.read() for file in (said, failed))
    if wrong:
        print(f"{name} {wrong} on the side of {side}\n{errors[-2000:]}", file=sys.stderr)
    return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]


def _summary(goal: Goal, rounds: Sequence[Round]) -> Record:
    claims = [claim.summary(rounds) for claim in goal.claims]
    missed = any(claim["reached"] is not True for claim in claims)
    return {
        "title": goal.title,
        "claims": claims,
        "reason": goal.shortfall if missed else "",
        "rounds": [found.records for found in rounds],
    }


def _show(summary: Record) -> None:
    for claim in summary["claims"]:  # type: ignore[attr-defined]
        cells = [claim[name] for name in ("min", "median", "max")]
        shown = " ".join("         -" if cell is None else f"{cell:10.4g}" for cell in cells)
        mark = {True: "reached", False: "missed", None: "no number"}[claim["reached"]]
        efforts = " against ".join(claim[side] for side in ("kldiv", "peer") if claim.get(side))
        print(f"  {claim['claim']:60} {claim['wanted']:>10} {shown}  {mark:9}  {efforts}")
    if summary["reason"]:
        print(f"  missed because {summary['reason']}", flush=True)


def _read() -> dict[str, dict[str, Record]]:
    if not RESULTS.exists():
        return {"goals": {}}
    found: dict[str, dict[str, Record]] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def _write(results: dict[str, dict[str, Record]], note: str) -> None:
    results["run"] = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
        "python": platform.python_version(),
        "note": note,
    }
    results["goals"] = {
        name: results["goals"][name] for name in names() if name in results["goals"]
    }
    RESULTS.write_text(_json(results), encoding="utf-8")
    write_table(results)


def _json(results: Mapping[str, object]) -> str:
    return json.dumps(results, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
