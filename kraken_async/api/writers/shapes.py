"""Write ``spot.min.toml``: the description without words, which the wheel carries as ``spot.toml``.

An installed package needs results and rules alone, for ``kraken-async conformance``; the rest of the description is
needed where something is made from it.
"""

from __future__ import annotations

import json
import re
import tomllib
from importlib.resources import files
from typing import Any

from kraken_async.api.description import Description, walk
from kraken_async.api.notation import Named, Type
from kraken_async.api.writers.python import HEAD

_NOTE = re.compile(r"\s+#.*")
#: Values of which others may come: any text fits.
_OPEN = re.compile(r"""(?:"[^"]*" \| )+\.\.\.""")


def shapes_file(known: Description) -> str:
    """Return the text of ``spot.min.toml``."""
    whole = tomllib.loads(files("kraken_async.api").joinpath("spot.toml").read_text(encoding="utf-8"))
    used = _used(known)
    lines = [HEAD, "[types]"]
    lines += [f"{name} = {_text(type_)}" for name, type_ in whole["types"].items() if name in used]
    lines += ["", "[rules]", f"order = {_value(whole['rules']['order'])}"]
    for name, table in whole["endpoints"].items():
        if not table.get("beta"):
            lines += ["", f"[endpoints.{json.dumps(name) if '/' in name else name}]"]
            lines += ["public = true"] if table.get("public") else []
            lines += [f"result = {_text(table['result'])}"]
    return "\n".join(lines) + "\n"


def _used(known: Description) -> set[str]:
    """Return the types that results lead to."""
    found: set[str] = set()
    waiting: list[Type] = [each.result for each in known.endpoints.values() if not each.beta]
    while waiting:
        for each in walk(waiting.pop()):
            if isinstance(each, Named) and each.name not in found:
                found.add(each.name)
                waiting.append(known.types[each.name])
    return found


def _text(type_: str) -> str:
    """Return a type without notes and without the spaces that align it."""
    lines = [re.sub(r":\s+", ": ", _NOTE.sub("", line), count=1) for line in type_.strip().splitlines()]
    lines = [_OPEN.sub("text", line) for line in lines]
    return f"'{lines[0]}'" if len(lines) == 1 else "'''\n" + "\n".join(lines) + "\n'''"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_value(item)}' for name, item in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value)
