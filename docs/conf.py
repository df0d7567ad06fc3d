"""The site: pages by hand are few; the gallery is executed and the rest read from the library.

It is built without the internet and read without it: see kldiv.sphinxext.offline.
"""

import os

from pathlib import Path

os.environ["MPLBACKEND"] = "agg"  # before anything imports matplotlib

import kldiv

from kldiv.sphinxext.gallery import merge
from kldiv.sphinxext.references import local_inventories

HERE = Path(__file__).parent
BUILT = HERE / "_build"

project = "kldiv"
author = "the kldiv developers"
copyright = f"2026, {author}"
release = version = kldiv.__version__
language = "en"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "kldiv.sphinxext",
]
exclude_patterns = ["_build", "inventories"]
templates_path = ["_templates"]

# The distributions whose gallery scripts must not fail; others' may.
kldiv_hosts = ["kldiv", *(path.name for path in HERE.parent.glob("plugins/*"))]

kldiv_pages = True  # for each item of the catalogue

# --- Names and types -------------------------------------------------------------------------
default_role = "py:obj"  # so `name` links where it can
nitpick_ignore_regex = [
    ("py:obj", ".*"),  # and is plain code where it cannot
    ("py:.*", r"kldiv[a-z_]*\.[a-z_]+\..*"),  # what is not public has no page
    # nor have other projects' names, except for those in inventories/
    # (in pictures they are imported for type checkers only, and so are bare)
    ("py:class", "AbstractContextManager|ArrayLike|NDArray|Figure|FuncAnimation"),
    ("py:class", "Axes|AxesImage|Distribution|QuadContourSet"),
    ("py:.*", r"(collections|matplotlib|numpy|scipy|torch|typing|enum|abc|np|plt)\b.*"),
]
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_type_aliases = {  # imported for type checkers only
    "Figure": "matplotlib.figure.Figure",
    "FuncAnimation": "matplotlib.animation.FuncAnimation",
}
autodoc_default_options = {"members": True}
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
intersphinx_mapping = local_inventories(HERE / "inventories", BUILT / "inventories")

# --- The gallery -----------------------------------------------------------------------------
merge(HERE.parent / "gallery", BUILT / "gallery", HERE / "gallery", hosts=kldiv_hosts)
sphinx_gallery_conf = {
    "examples_dirs": ["_build/gallery"],
    "gallery_dirs": ["gallery"],
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": ("matplotlib", "kldiv.sphinxext.gallery.reset"),
    "capture_repr": ("_repr_html_", "__repr__"),
    "ignore_repr_types": r"matplotlib\..*",
    "image_scrapers": ("kldiv.sphinxext.gallery.scrape",),
    "image_srcset": ["2x"],
    "doc_module": ("kldiv",),
    "backreferences_dir": "gallery/backreferences",
    "recommender": {"enable": True, "n_examples": 3},
    "junit": "../gallery.xml",
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,  # its page loads scripts from other hosts
    "download_all_examples": False,
}

# --- Looks -----------------------------------------------------------------------------------
html_theme = "furo"
html_title = "kldiv"
html_static_path = ["_static"]
html_css_files = ["kldiv.css"]
html_favicon = "_static/favicon.svg"
html_copy_source = False
html_show_search_summary = False  # a page in a folder may not fetch the others
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#005f94", "color-brand-content": "#005f94"},
    "dark_css_variables": {"color-brand-primary": "#56b4e9", "color-brand-content": "#56b4e9"},
}
mathjax_path = "vendor/mathjax/tex-svg.js"  # 3.2.2, complete in one file
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
