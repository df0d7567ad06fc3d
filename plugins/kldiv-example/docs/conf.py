"""A site of its own: ``sphinx-build docs docs/_build`` executes the gallery and builds it."""

import os

from importlib import metadata

os.environ["MPLBACKEND"] = "agg"  # before anything imports matplotlib

project = "kldiv-example"
release = metadata.version(project)
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "kldiv.sphinxext",
]
exclude_patterns = ["_build"]
kldiv_hosts = [project]  # this gallery must not fail
kldiv_offline = False  # formulas are drawn by a script from another host
sphinx_gallery_conf = {
    "examples_dirs": ["../kldiv_example/gallery"],
    "gallery_dirs": ["gallery"],
    "reset_modules": ("matplotlib", "kldiv.sphinxext.gallery.reset"),
    "image_scrapers": ("kldiv.sphinxext.gallery.scrape",),
    "write_computation_times": False,
}
