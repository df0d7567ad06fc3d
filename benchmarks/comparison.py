"""What a comparison is: sides that measure, and claims on what they measured.

Each side runs in a process of its own, since it has an environment of its own, and yields
:class:`Record` after record. All sides run once in every round, one after the other, so that
whatever slows the machine slows all; a claim is a number made of the records of one round, and
its smallest, median and largest value over the rounds are reported.
"""

from __future__ import annotations

import math
import statistics
import time

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = [
    "SHORT",
    "Claim",
    "Goal",
    "Record",
    "Round",
    "Side",
    "called",
    "median_seconds",
    "no_more",
    "ratio",
    "until",
]

SHORT = 0.1
"""The seconds that short calls take together at least."""
_COUNTED = "_evaluations"  # ends the name of a number of evaluations, beside one of seconds

Record = dict[str, object]
"""``case``, ``method``, ``seconds``, ``evaluations`` and whatever else was measured."""

Methods = str | tuple[str, ...]
"""What the names of methods begin with: of one, or of several of which the best counts."""

Side = Callable[[float], Iterator[Record]]
"""Measures; its argument is how many seconds one setting of a peer may take."""


@dataclass(frozen=True)
class Round:
    """The records of all sides of one round."""

    records: Sequence[Record]

    def of(self, case: str, method: Methods) -> list[Record]:
        """Those of one case by methods whose name begins so, or in one of these ways."""
        return [
            record
            for record in self.records
            if record["case"] == case and str(record["method"]).startswith(method)
        ]

    def best(self, case: str, method: Methods, key: str = "seconds") -> float | None:
        """The smallest number of this name among the settings of a method, if one has it."""
        found = self.setting(case, method, key)
        return None if found is None else float(found[key])  # type: ignore[arg-type]

    def own(self, case: str, key: str) -> float | None:
        """That of kldiv; infinite where it was measured and does not get there."""
        found = self.best(case, "kldiv", key)
        return math.inf if found is None and self.of(case, "kldiv") else found

    def until_stopped(self, case: str, method: Methods, key: str) -> str:
        """The name of a number, or where no setting of a peer has it of that when it stopped."""
        if self.best(case, method, key) is not None:
            return key
        return f"stopped{_COUNTED}" if key.endswith(_COUNTED) else "stopped"

    def effort(self, case: str, method: Methods, key: str) -> str:
        """What the best setting of a peer took, until it was stopped if none arrived."""
        used = self.until_stopped(case, method, key)
        return _effort(self.setting(case, method, used), used.removesuffix(_COUNTED))

    def setting(self, case: str, method: Methods, key: str = "seconds") -> Record | None:
        """The record that has this number."""
        found = [record for record in self.of(case, method) if record.get(key) is not None]
        return min(found, key=lambda record: float(record[key]), default=None)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Claim:
    """A number that a goal asks for.

    Arguments:
        text: What it says.
        wanted: The number that is asked for.
        of: The number of one round, ``None`` where a side is absent, infinite where kldiv does
            not get there.
        at_least: Whether it must not be below the number that is asked for, else not above.
        prototype: What the prototype reached, in words.
        efforts: The seconds and evaluations behind it, of kldiv and of the peer.
    """

    text: str
    wanted: float
    of: Callable[[Round], float | None]
    at_least: bool = True
    prototype: str = ""
    efforts: Callable[[Round], Record] = lambda _: {}

    def summary(self, rounds: Sequence[Round]) -> Record:
        """The smallest, the median and the largest value, and whether the median is enough."""
        found = [(self.of(each), each) for each in rounds]
        values = [value for value, _ in found if value is not None]
        row: Record = {
            "claim": self.text,
            "wanted": f"{'≥' if self.at_least else '≤'} {self.wanted:g}",
            "prototype": self.prototype,
        }
        if not values:
            return row | {"min": None, "median": None, "max": None, "reached": None}
        middle = statistics.median(values)
        reached = middle >= self.wanted if self.at_least else middle <= self.wanted
        nearest = min(
            (pair for pair in found if pair[0] is not None),
            key=lambda pair: pair[0] != middle and abs(pair[0] - middle),  # type: ignore[operator]
        )[1]
        return row | {
            **self.efforts(nearest),
            "min": _finite(min(values)),
            "median": _finite(middle),
            "max": _finite(max(values)),
            "reached": reached,
        }


@dataclass(frozen=True)
class Goal:
    """A goal of PERFORMANCE: what is compared and what is claimed.

    Arguments:
        name: Its number, such as ``"G5"``.
        title: What is compared, in a sentence.
        sides: What measures, by environment: ``"kldiv"``, ``"torch"``, ``"jax"``.
        claims: What is asked for.
        shortfall: Why a claim is missed, where one is.
    """

    name: str
    title: str
    sides: Mapping[str, Side]
    claims: Sequence[Claim]
    shortfall: str = field(default="")


def ratio(
    case: str,
    peer: Methods,
    wanted: float,
    *,
    key: str = "seconds",
    own: str = "seconds",
    text: str = "",
    prototype: str = "",
) -> Claim:
    """How many times as much as kldiv a peer takes, of its best setting.

    A peer that never arrives is taken for one that does so when it was stopped: the ratio is a
    lower bound then. Where kldiv does not arrive it is 0.
    """

    def of(found: Round) -> float | None:
        ours = found.own(case, own)
        theirs = found.best(case, peer, found.until_stopped(case, peer, key))
        return None if ours is None or theirs is None else theirs / ours

    def efforts(found: Round) -> Record:
        return {"kldiv": _own_effort(found, case, own), "peer": found.effort(case, peer, key)}

    title = text or f"{case}: {peer}, {key} / kldiv"
    return Claim(title, wanted, of, prototype=prototype, efforts=efforts)


def until(case: str, peer: str, wanted: float, *, key: str = "stay", prototype: str = "") -> Claim:
    """The same of the time until each is there: the steps alone, of kldiv as of the peer.

    Arguments:
        case: The case.
        peer: The name that those of the peer begin with.
        wanted: The ratio that is asked for.
        key: ``"first"``, until they first are within the tolerance, or ``"stay"``, for good.
        prototype: What the prototype reached, in words.
    """
    return ratio(case, peer, wanted, key=key, own=key, prototype=prototype)


def no_more(case: str, key: str, wanted: float, *, text: str = "", prototype: str = "") -> Claim:
    """A number of kldiv's own that must not be above another."""
    return Claim(
        text or f"{case}: {key} of kldiv",
        wanted,
        lambda found: found.own(case, key),
        at_least=False,
        prototype=prototype,
        efforts=lambda found: {"kldiv": _own_effort(found, case, key)},
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _effort(record: Record | None, key: str) -> str:
    """Seconds, and evaluations beside them."""
    if record is None or record.get(key) is None:
        return ""
    count = record.get(f"{key}_evaluations", record.get("evaluations"))
    evaluations = f", {float(count):.3g} ev." if count else ""  # type: ignore[arg-type]
    arrived = ", not there" if key == "stopped" else ""
    return f"{float(record[key]):.3g} s{evaluations}{arrived}"  # type: ignore[arg-type]


def _own_effort(found: Round, case: str, key: str) -> str:
    """That of the whole call of kldiv, and before it that of the steps that lead there."""
    record = found.setting(case, "kldiv", key) or found.setting(case, "kldiv")
    whole = _effort(record, "seconds")
    if record is None or "stay" not in record:
        return whole
    there = _effort(record, key if key in ("first", "stay") else "stay")
    return f"{there or 'never there'}; whole call {whole}"


def called(function: Callable[[], object]) -> tuple[float, object]:
    """The seconds that one call takes, and what it returns."""
    began = time.perf_counter()
    found = function()
    return time.perf_counter() - began, found


def median_seconds(function: Callable[[], object], calls: int = 7, warm: int = 1) -> float:
    """The median of the seconds of some calls, many if they are short, after others to warm up."""
    for _ in range(warm):
        function()
    seconds = [called(function)[0] for _ in range(calls)]
    while sum(seconds) < SHORT:
        seconds.append(called(function)[0])
    return statistics.median(seconds)
