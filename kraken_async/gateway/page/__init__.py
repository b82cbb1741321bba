"""The page: three files, as they lie here. Read once, when first asked for."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

_FILES: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


@cache
def asset(path: str) -> tuple[bytes, str] | None:
    """Return a file of the page and its content type; None for any other path."""
    if path not in _FILES:
        return None
    name, content_type = _FILES[path]
    return files(__name__).joinpath(name).read_bytes(), content_type
