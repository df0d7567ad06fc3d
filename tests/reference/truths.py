"""Computes the reference: divergences of random pairs to 20 digits, by mpmath alone.

    python -m pip install mpmath        # gmpy2 beside it makes it faster
    python -m tests.reference.truths

It writes one line of JSON per pair to ``pairs.jsonl``, skips those that are there already, and
takes half an hour in all. Nothing of kldiv, torch, numpy or scipy is used. Every value is
computed twice, with other panels, nodes and digits; a pair whose two values differ by more than
1e-15 of the value is drawn anew. What is infinite is decided by `finiteness`.
"""

from __future__ import annotations

import json
import sys

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from mpmath import mp, mpf

from tests.reference import draws, kinds, vector_draws
from tests.reference.counts import COUNTS
from tests.reference.densities import FAMILIES
from tests.reference.family import INFINITY
from tests.reference.finiteness import ends_of_counts, ends_of_line, is_finite
from tests.reference.formulas import CANCELLING, FORMULAS
from tests.reference.lattice import Lattice
from tests.reference.line import Line
from tests.reference.panels import Plan
from tests.reference.vectors import value_of_vectors

FILE = Path(__file__).with_name("pairs.jsonl")
SEED = 20260
GROUPS, CASES, ATTEMPTS = 140, 7, 12
AGREEMENT = mpf(10) ** -15
LEAST, GREATEST = mpf(10) ** -25, mpf(10) ** 300
PRECISIONS = ((40, 24, 4), (50, 32, 3))  # digits, nodes of a panel, ratio of panels


def main() -> None:
    """Appends what is missing to the file."""
    done = (
        {json.loads(line)["id"] for line in FILE.read_text().splitlines()}
        if FILE.exists()
        else set()
    )
    with FILE.open("a", encoding="utf-8") as file:
        for identity, compute in jobs():
            if identity in done:
                continue
            row = compute()
            if row is None:
                sys.stderr.write(f"{identity}: no value\n")
                continue
            file.write(json.dumps({"id": identity, **row}, ensure_ascii=False) + "\n")
            file.flush()


def jobs() -> Iterator[tuple[str, Callable[[], dict | None]]]:
    """Every pair by its name, and how to compute it."""
    for group in [*kinds.groups(SEED, GROUPS), *vector_draws.groups(SEED)]:
        for number in range(CASES if isinstance(group, kinds.Group) else group.cases):
            identity = f"{group.number}.{number}"
            yield identity, lambda g=group, i=identity: row(g, Random(f"{SEED} {i}"))


def row(group: kinds.Group, rng: Random) -> dict | None:
    """The first pair of a group that has a value, with it."""
    draw = draws.case if isinstance(group, kinds.Group) else vector_draws.case
    for _ in range(ATTEMPTS):
        stratum, p, q = draw(group, rng)
        truth = checked(group, p, q)
        if truth is not None:
            sides = {"p": group.p, "q": group.q, "params_p": p, "params_q": q}
            about = {"divergence": group.divergence, "stratum": stratum, "dtype": group.precision}
            return {**sides, **about, "truth": mp.nstr(truth, 20)}
    return None


def checked(group: kinds.Group, p: dict, q: dict) -> mpf | None:
    """The divergence, ``None`` unless two computations of it agree and float64 can hold it."""
    if p == q:
        return mpf(0)
    try:
        first, second = (compute(group, p, q, *precision) for precision in PRECISIONS)
    except (ArithmeticError, ValueError) as error:
        return refuse(group, p, q, repr(error))
    if first is None or second is None or mp.isinf(first):
        return first
    if abs(first - second) > AGREEMENT * abs(second):
        return refuse(group, p, q, f"{mp.nstr(first, 20)} is not {mp.nstr(second, 20)}")
    return second if second == 0 or LEAST < second < GREATEST else None


def refuse(group: kinds.Group, p: dict, q: dict, reason: str) -> None:
    """Says why a pair is drawn anew."""
    sys.stderr.write(f"{group.number} {group.p} {group.q} {group.divergence} {p} {q}: {reason}\n")


def compute(
    group: kinds.Group, p: dict, q: dict, digits: int, nodes: int, ratio: int
) -> mpf | None:
    """The divergence with a number of digits."""
    mp.dps = digits
    name, order = parsed(group.divergence)
    plan = Plan(nodes, mpf(ratio), mpf(10) ** (-34 if name in CANCELLING else -21))
    of_p, of_q = exactly(p), exactly(q)
    if group.p in FAMILIES:
        p, q = FAMILIES[group.p](*of_p), FAMILIES[group.q](*of_q)
        two, ends = Line(p, q, plan), ends_of_line(p, q)
        if name == "fisher" and not (q.low <= p.low and p.high <= q.high):
            return None
    elif group.p in COUNTS:
        p, q = COUNTS[group.p](*of_p), COUNTS[group.q](*of_q)
        two, ends = Lattice(p, q, plan), ends_of_counts(p, q)
        if name == "fisher":
            return None
    else:
        return value_of_vectors(group.p, of_p, of_q, name, order, plan)
    finite = is_finite(name, order, ends)
    if not finite:
        return None if finite is None else INFINITY
    return FORMULAS[name](two, *(() if order is None else (order,)))


def parsed(divergence: str) -> tuple[str, mpf | None]:
    """The name and the parameter of a divergence."""
    name, _, argument = divergence.partition("(")
    if name == "jensen_shannon" and not argument:
        return name, mpf("0.5")
    return name, mpf(float(argument.rstrip(")").partition("=")[2])) if argument else None


def exactly(drawn: dict) -> list:
    """The parameters as numbers of mpmath, exactly."""

    def of(value: float | list) -> mpf | list:
        return [of(each) for each in value] if isinstance(value, list) else mpf(value)

    return [of(each) for each in drawn.values()]


if __name__ == "__main__":
    main()
