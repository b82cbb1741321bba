"""Sphinx: Markdown pages, and what the docstrings say."""

from importlib.metadata import version as installed_version

project = "kraken_async"
author = "kraken_async contributors"
project_copyright = author
release = version = installed_version("kraken-async")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "furo"
html_title = f"{project} {release}"
