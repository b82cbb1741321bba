"""How a call's fields travel, where Kraken's two forms of a request differ.

Rules:

1. A relative price with ``%`` goes in a JSON body. Clients that trade this way send JSON, which is known to work; of a
   form it is not known whether ``%25`` is read.
2. ``validate`` that is false is left out: Kraken documents what true does, and an order must not depend on how false is
   read.
3. A list of objects goes in a JSON body.
4. In a JSON body ``close[price]`` and the like become the mapping that they are short for.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kraken_async.api.endpoints import Endpoint
    from kraken_async.api.kinds import Body

_PRICES: Final = ("price", "price2", "limit_price", "trigger_price", "close[price]", "close[price2]")
_STEP: Final = re.compile(r"\[([^\]]*)\]")


def as_sent(endpoint: Endpoint, params: dict[str, Any], body: Body | None) -> tuple[Endpoint, dict[str, Any]]:
    """Return the endpoint and the fields as they are to be encoded; ``body`` None: whatever fits the fields."""
    lists = _has_lists(params)
    if not (endpoint.engine or body or lists):
        return endpoint, params
    if "validate" in params and str(params["validate"]).lower() == "false":
        params = {name: value for name, value in params.items() if name != "validate"}
    if body is None and endpoint.body == "form" and (lists or _has_percent(params)):
        body = "json"
    if body is not None and body != endpoint.body:
        endpoint = _in_body(endpoint, body)
    if endpoint.body == "json" and any("[" in name for name in params):
        params = nested(params)
    return endpoint, params


def nested(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with ``close[price]`` as a mapping, and ``orders[0][type]`` as a list of mappings.

    Raises ValueError for names that contradict each other.
    """
    root: dict[str, Any] = {}
    for name, value in params.items():
        head, bracket, _ = name.partition("[")
        path = [head, *_STEP.findall(name)] if bracket else [name]
        node = root
        for step in path[:-1]:
            node = node.setdefault(step, {})
            if not isinstance(node, dict):
                msg = f"field {name!r} is given in two ways: give it once"
                raise ValueError(msg)
        if path[-1] in node:
            msg = f"field {name!r} is given twice: give it once"
            raise ValueError(msg)
        node[path[-1]] = dict(value) if isinstance(value, Mapping) else value
    return {name: _listed(value) if f"{name}[" in "".join(params) else value for name, value in root.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(item) for name, item in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


def _has_lists(params: Mapping[str, Any]) -> bool:
    """Return whether a field is a list of objects."""
    for value in params.values():
        if isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value):
            return True
    return False


def _has_percent(params: Mapping[str, Any]) -> bool:
    for name in _PRICES:
        if name in params and type(value := params[name]) is str and "%" in value:
            return True
    close = params.get("close")
    return isinstance(close, Mapping) and _has_percent(close)


@cache
def _in_body(endpoint: Endpoint, body: Body) -> Endpoint:
    return dataclasses.replace(endpoint, body=body)
