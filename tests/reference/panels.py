"""Adaptive Gauss-Legendre integrals, zeros and maxima of functions of one number, in mpmath."""

from __future__ import annotations

import heapq

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from mpmath import mp, mpf

MOST_PANELS = 1500


class NotConverged(ArithmeticError):
    """An integral that did not reach its tolerance."""


class Plan(NamedTuple):
    """How finely to compute: the nodes of a panel, the ratio of neighbouring panels, the goal."""

    nodes: int
    ratio: mpf
    tolerance: mpf


@lru_cache
def rule(count: int, precision: int) -> list[tuple[mpf, mpf]]:
    """The nodes and weights of Gauss and Legendre on [-1, 1]."""
    found = []
    for i in range(1, count + 1):
        x = mp.cos(mp.pi * (i - mpf(1) / 4) / (count + mpf(1) / 2))
        for _ in range(12):
            below, value = mpf(1), x
            for k in range(2, count + 1):
                below, value = value, ((2 * k - 1) * x * value - (k - 1) * below) / k
            slope = count * (x * value - below) / (x**2 - 1)
            x -= value / slope
        found.append((x, 2 / ((1 - x**2) * slope**2)))
    return found


def gauss(function: Callable[[mpf], mpf], low: mpf, high: mpf, count: int) -> mpf:
    """The integral over one panel."""
    middle, half = (low + high) / 2, (high - low) / 2
    nodes = rule(count, mp.prec)
    return half * mp.fsum(weight * function(middle + half * x) for x, weight in nodes)


class Panels:
    """An adaptive integral: panels in a heap, the worst first."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.heap: list[tuple] = []
        self.size = mpf(0)
        self.count = 0

    def add(self, function: Callable, low: mpf, high: mpf, whole: mpf | None = None) -> mpf:
        """Takes a panel in, by its halves; returns its integral."""
        count, middle = self.plan.nodes, (low + high) / 2
        whole = gauss(function, low, high, count) if whole is None else whole
        halves = gauss(function, low, middle, count), gauss(function, middle, high, count)
        value = sum(halves)
        self.count += 1
        item = (-abs(value - whole), self.count, function, low, high, halves)
        heapq.heappush(self.heap, item)
        self.size += abs(value)
        return value

    def refine(self) -> mpf:
        """Splits panels until the integral is within the tolerance."""
        while mp.fsum(-item[0] for item in self.heap) > self.plan.tolerance * self.size:
            if len(self.heap) > MOST_PANELS:
                raise NotConverged(f"{MOST_PANELS} panels")
            for _ in range(1 + len(self.heap) // 16):
                _, _, function, low, high, halves = heapq.heappop(self.heap)
                self.size -= abs(sum(halves))
                middle = (low + high) / 2
                self.add(function, low, middle, halves[0])
                self.add(function, middle, high, halves[1])
        return mp.fsum(sum(item[5]) for item in self.heap)


def fine(cuts: list[mpf], parts: int) -> list[mpf]:
    """Each panel cut into equal parts."""
    grid = [low + (high - low) * i / parts for low, high in pairwise(cuts) for i in range(parts)]
    return [*grid, cuts[-1]]


def bisect(function: Callable[[mpf], mpf], low: mpf, high: mpf) -> mpf:
    """A zero between two points where the signs differ."""
    positive = function(low) > 0
    while high - low > mpf(10) ** (5 - mp.dps) * (1 + abs(low)):
        middle = (low + high) / 2
        if (function(middle) > 0) == positive:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def ridders(function: Callable[[mpf], mpf], low: mpf, high: mpf) -> mpf:
    """A zero of an increasing function to twelve digits, by the method of Ridders (1979)."""
    at_low, at_high = function(low), function(high)
    if not at_low < 0 < at_high:
        raise NotConverged("no zero inside")
    guess = high
    for _ in range(60):
        middle = (low + high) / 2
        at_middle = function(middle)
        before = guess
        guess = middle - (middle - low) * at_middle / mp.sqrt(at_middle**2 - at_low * at_high)
        if abs(guess - before) < mpf(10) ** -12:
            return guess
        points = [(low, at_low), (middle, at_middle), (guess, function(guess)), (high, at_high)]
        low, at_low = max(each for each in points if each[1] <= 0)
        high, at_high = min(each for each in points if each[1] >= 0)
    raise NotConverged("60 steps of Ridders")


def golden(function: Callable[[mpf], mpf], low: mpf, high: mpf) -> mpf:
    """The greatest value between two points around a maximum."""
    share = (mp.sqrt(5) - 1) / 2
    a, b = high - share * (high - low), low + share * (high - low)
    at_a, at_b = function(a), function(b)
    while high - low > mpf(10) ** -(mp.dps // 2) * (1 + abs(low)):
        if at_a > at_b:
            high, b, at_b = b, a, at_a
            a = high - share * (high - low)
            at_a = function(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + share * (high - low)
            at_b = function(b)
    return max(at_a, at_b)
