"""Kinds of endpoints, as the table of endpoints names them."""

from __future__ import annotations

from typing import Literal

#: How the fields travel.
Body = Literal["form", "json", "query"]
#: How the matching engine charges a call; "": not at all.
Engine = Literal["", "add", "add_batch", "amend", "edit", "cancel", "cancel_batch", "cancel_all"]
#: What a result is; "": neither, or not described.
ResultKind = Literal["object", "list", ""]
