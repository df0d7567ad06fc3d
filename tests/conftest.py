"""What tests share: one thread, so that they can run side by side, and sites of one page."""

import pytest
import torch

torch.set_num_threads(1)

pytest_plugins = ["kldiv.testing.fixtures"]

CONF = """
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "kldiv.sphinxext"]
mathjax_path = "mathjax.js"
"""


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Builds a page with Sphinx, and returns it with the warnings."""
    from sphinx.testing.util import SphinxTestApp  # most tests do without Sphinx

    monkeypatch.setenv("MPLBACKEND", "agg")

    def built(page, conf=""):
        (tmp_path / "conf.py").write_text(CONF + conf)
        (tmp_path / "index.rst").write_text(f"Page\n====\n\n{page}\n", encoding="utf-8")
        app = SphinxTestApp("html", srcdir=tmp_path, freshenv=True)
        try:
            app.build()
            return (app.outdir / "index.html").read_text(encoding="utf-8"), app.warning.getvalue()
        finally:
            app.cleanup()

    return built
