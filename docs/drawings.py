"""The drawings of these pages, as SVG that reads on light and on dark paper.

    python docs/drawings.py

Boxes bring their own ground, so that no drawing depends on the page's. A test holds the files to this one.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent / "images"
WIDTH = 760
STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#10243e}.note{font-size:12px;fill:#7a8594}"
    ".a{fill:#dbe9fb;stroke:#4a7ebb}.b{fill:#fdebc8;stroke:#c08a1e}.c{fill:#d9f0dd;stroke:#3f8f55}"
    "path{stroke:#7a8594;fill:none;stroke-width:1.5;marker-end:url(#to)}"
)
HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
    '<style>{style}</style><defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
    'markerHeight="8" orient="auto"><polygon points="0,0 8,4 0,8" fill="#7a8594"/></marker></defs>\n'
)

#: One call: each step, what it does, and whose it is (a: its caller's, b: the key's, c: the wire's).
PATH = (
    ("queue", "a", "its caller waits on a future; cancelled here, nothing was spent"),
    ("turn", "b", "the exclusive right to send on the key, over tasks, threads, processes, hosts"),
    ("governor", "b", "the most urgent call that Kraken's limits let go now"),
    ("nonce", "b", "taken after every wait, below a ceiling that is on the disk"),
    ("record", "b", "an order is in the journal before its bytes leave"),
    ("signer", "c", "the bytes that are signed are the bytes that are sent"),
    ("transport", "c", "one exchange; an error says whether a byte may have left"),
    ("decode", "c", "a result, a refusal, or an answer that leaves the outcome open"),
    ("ledger", "a", "every call ends here, once: result, error, or a look-up of the order"),
)

#: The house: each floor may use those below it.
HOUSE = (
    ("a", ("cli",)),
    ("a", ("gateway", "adapters")),
    ("a", ("sync",)),
    ("a", ("session", "client", "runtime")),
    ("b", ("trading",)),
    ("b", ("calls",)),
    ("b", ("monitoring", "orders")),
    ("c", ("limits", "wire", "nonce_source")),
    ("c", ("stores",)),
    ("c", ("system",)),
    ("c", ("call", "api", "errors", "order_fields")),
)


def box(x: float, y: float, width: float, height: float, kind: str, text: str) -> str:
    """Return a box with a word in it."""
    return (
        f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"/>'
        f'<text x="{x + width / 2:g}" y="{y + height / 2 + 5:g}" text-anchor="middle">{text}</text>\n'
    )


def path_of_a_call() -> str:
    """Return the drawing of one call's way."""
    step = 52
    parts = []
    for number, (word, kind, note) in enumerate(PATH):
        y = 10 + number * step
        parts.append(box(10, y, 130, 32, kind, word))
        parts.append(f'<text class="note" x="156" y="{y + 20}">{note}</text>\n')
        if number:
            parts.append(f'<path d="M75 {y - step + 32} V{y - 2}"/>\n')
    return svg(10 + len(PATH) * step, "The way of one private call, from the queue to its end", parts)


def house() -> str:
    """Return the drawing of the folders, and of which may use which."""
    floor = 44
    parts = []
    for number, (kind, rooms) in enumerate(HOUSE):
        width = (WIDTH - 40 - 10 * (len(rooms) - 1)) / len(rooms)
        for place, room in enumerate(rooms):
            parts.append(box(10 + place * (width + 10), 10 + number * floor, width, 34, kind, room))
    end = 10 + len(HOUSE) * floor - 12
    parts.append(f'<path d="M{WIDTH - 14} 12 V{end}"/>\n')
    return svg(10 + len(HOUSE) * floor, "Imports run one way, from the first floor down to the last", parts)


def svg(height: int, label: str, parts: list[str]) -> str:
    """Return a whole drawing."""
    return HEAD.format(width=WIDTH, height=height, label=label, style=STYLE) + "".join(parts) + "</svg>\n"


DRAWINGS = {"path.svg": path_of_a_call, "house.svg": house}

if __name__ == "__main__":
    for name, draw in DRAWINGS.items():
        (HERE / name).write_text(draw(), encoding="utf-8")
