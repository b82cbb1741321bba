"""Sphinx: Markdown pages, and what the docstrings say."""

from importlib.metadata import version as installed_version
from importlib.util import find_spec

project = "kraken_async"
author = "kraken_async contributors"
project_copyright = author
release = version = installed_version("kraken-async")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_preserve_defaults = True
# The docs extra brings none of these. What is described stands on them, so what is absent is stood in for.
autodoc_mock_imports = [name for name in ("ccxt", "prometheus_client", "pytest") if find_spec(name) is None]

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
