"""What the laws say of each item of the distributions in `plugins/`: a table of the manual.

    python -m tests.conformance                      # all of them: some minutes
    python -m tests.conformance kldiv-example bures  # some distributions, or some items

It is written to docs/conformance.csv after each item; an item left out keeps its row, and
one that was never checked has no numbers in it. The distributions must be installed.
"""

from __future__ import annotations

import csv
import sys
import time
import warnings

from pathlib import Path

import torch

from kldiv.plugins import KNOWN_DISTRIBUTIONS
from kldiv.testing.items import Item, items_of

TABLE = Path(__file__).parent.parent / "docs" / "conformance.csv"
COUNTS = ("laws", "checks", "passed", "failed", "expected failures", "seconds")
HEAD = ("plugin", "kind", "item", *COUNTS)
Row = dict[str, str]


def main() -> None:
    """Checks what the command line names, prints and writes."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    wanted = set(sys.argv[1:])
    table = {key(row): row for row in recorded()}
    items = [(plugin, item) for plugin in KNOWN_DISTRIBUTIONS for item in items_of(plugin)]
    order = [(plugin, item.kind, item.label) for plugin, item in items]
    for (plugin, item), place in zip(items, order, strict=True):
        if not wanted or wanted & {plugin, item.name}:
            table[place] = named(place) | measured(item)
            print(*table[place].values(), sep="  ", flush=True)
            write([table.get(each, named(each)) for each in order])


def key(row: Row) -> tuple[str, ...]:
    """What a row is about."""
    return row["plugin"], row["kind"], row["item"]


def named(place: tuple[str, ...]) -> Row:
    """A row without numbers: an item that was not checked."""
    return dict.fromkeys(HEAD, "") | dict(zip(HEAD, place, strict=False))


def recorded() -> list[Row]:
    """The rows of the table as it is."""
    if not TABLE.exists():
        return []
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(rows: list[Row]) -> None:
    """Writes the table."""
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEAD, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def measured(item: Item) -> Row:
    """How many laws were checked of an item, and how many of them hold."""
    start = time.process_time()
    report = item.check(laws=None, expected_failures=None, seed=0)
    seconds = time.process_time() - start
    ran = [each for each in report.outcomes if each.checks]
    wrong = [each.law for each in report.outcomes if not each.passed]
    known = [each for each in ran if each.expected and each.passed]
    counts = (
        len(ran),
        report.checks,
        sum(each.passed for each in ran) - len(known),
        f"{len(wrong)} ({', '.join(wrong)})" if wrong else "0",
        "; ".join(f"{each.law}: {each.expected}" for each in known),
        f"{seconds:.0f}",
    )
    return dict(zip(COUNTS, map(str, counts), strict=True))


if __name__ == "__main__":
    main()
