"""What kldiv says of the pairs of the reference, a batch at a time, beside the truth."""

from __future__ import annotations

import json
import math

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import groupby
from pathlib import Path

import torch

from torch import distributions
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily

import kldiv

from kldiv import NotAvailable

FILE = Path(__file__).with_name("pairs.jsonl")
RUNGS = ("exact", "sum", "quadrature", "monte_carlo")


@dataclass(frozen=True)
class Batch:
    """Pairs of two families under one divergence, which kldiv is asked at once."""

    rows: tuple[dict, ...]

    def __str__(self) -> str:
        first = self.rows[0]
        return f"{first['p']} ‖ {first['q']}, {first['divergence']}, {first['dtype']}"

    @property
    def shape(self) -> tuple[int, ...]:
        """One or two dimensions, by whether the number of pairs is even."""
        count = len(self.rows)
        return (2, count // 2) if count % 2 == 0 else (count,)

    def side(self, name: str) -> Distribution:
        """p or q of all pairs."""
        dtype = getattr(torch, self.rows[0]["dtype"])
        drawn = [row[f"params_{name}"] for row in self.rows]
        stacked = {
            key: torch.tensor([each[key] for each in drawn], dtype=dtype) for key in drawn[0]
        }
        shaped = {
            key: value.reshape(*self.shape, *value.shape[1:]) for key, value in stacked.items()
        }
        return build(self.rows[0][name], shaped)

    def measure(self, estimator: str = "auto") -> list[Measured] | None:
        """What an estimator says of every pair; ``None`` where it does not apply."""
        p, q, divergence = self.side("p"), self.side("q"), self.rows[0]["divergence"]
        try:
            with torch.no_grad():
                found = kldiv.divergence(p, q, divergence, estimator=estimator, seed=0)
        except NotAvailable:
            return None
        values, errors = found.value.flatten().tolist(), found.error.flatten().tolist()
        dimensions = math.prod(p.event_shape)
        rung = (
            f"{found.method}, 2D"
            if (found.method, dimensions) == ("quadrature", 2)
            else found.method
        )
        return [
            Measured(row, rung, value, error, found.evaluations)
            for row, value, error in zip(self.rows, values, errors, strict=True)
        ]


@dataclass(frozen=True)
class Measured:
    """The value of one pair, its stated error, and the truth."""

    row: dict
    rung: str
    value: float
    error: float
    evaluations: int

    @property
    def truth(self) -> float:
        """The truth as a float."""
        return float(self.row["truth"])

    @property
    def finite(self) -> bool:
        """Whether the truth is finite."""
        return math.isfinite(self.truth)

    @property
    def float32(self) -> bool:
        """Whether the parameters, and so the value, are in single precision."""
        return self.row["dtype"] == "float32"

    @cached_property
    def distance(self) -> float:
        """The distance from the truth, by all of its digits; 0 between two infinities."""
        if not (self.finite and math.isfinite(self.value)):
            return 0.0 if self.value == self.truth else math.inf
        return float(abs(Decimal(self.value) - Decimal(self.row["truth"])))

    @property
    def relative(self) -> float:
        """The distance relative to the truth."""
        return self.distance / self.truth if 0 < self.truth < math.inf else self.distance

    @property
    def holds(self) -> bool:
        """Whether the truth is within the error; an infinity must be one."""
        return self.distance <= (self.error if self.finite else 0.0)

    def __str__(self) -> str:
        row = self.row
        params = [", ".join(f"{k}={v}" for k, v in row[f"params_{side}"].items()) for side in "pq"]
        return (
            f"[{row['id']} {row['stratum']} {row['dtype']}] {row['divergence']}: "
            f"{row['p']}({params[0]}) ‖ {row['q']}({params[1]}): {self.rung} gives "
            f"{self.value!r} ± {self.error:.1e}, the truth is {row['truth']}"
        )


def batches() -> Iterator[Batch]:
    """The reference, batch by batch."""
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    rows.sort(key=lambda row: [int(part) for part in row["id"].split(".")])
    for _, group in groupby(rows, key=lambda row: row["id"].split(".")[0]):
        yield Batch(tuple(group))


def build(family: str, parameters: dict[str, torch.Tensor]) -> Distribution:
    """A distribution of torch by the name of its family."""
    if family.startswith("MixtureSameFamily"):
        weights = Categorical(parameters.pop("weights"))
        inner = "MultivariateNormal" if "Multivariate" in family else "Normal"
        return MixtureSameFamily(weights, build(inner, parameters))
    if family.startswith("Independent"):
        return Independent(build(family[len("Independent(") : -1], parameters), 1)
    return getattr(distributions, family)(**parameters)


def listed(cases: Iterable[Measured]) -> str:
    """Cases line by line, for a message."""
    return "".join(f"\n  {case}" for case in cases)
