"""Fixtures of pytest for authors of plugins; ``pytest_plugins = ["kldiv.testing.fixtures"]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kldiv.registries import refresh
from kldiv.testing.installing import fake_distribution, installed_in, without_plugins

__all__ = ["install_fake", "only_built_in"]


@pytest.fixture
def only_built_in() -> Iterator[None]:
    """The registries hold the built-in plugin alone; what is installed is not even looked for."""
    with without_plugins():
        yield


@pytest.fixture
def install_fake(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """A function that installs a fake distribution for the length of the test.

    It takes what `kldiv.testing.fake_distribution` takes after the folder.
    """
    site = tmp_path / "site"

    def install(*arguments: object, **options: object) -> None:
        fake_distribution(site, *arguments, **options)  # type: ignore[arg-type]
        refresh()

    with installed_in(site):
        yield install
