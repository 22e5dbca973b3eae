"""``io.Schema`` over host versions."""

from __future__ import annotations

import dataclasses

from comfy_api.latest import io

CATEGORY = "image/outpaint"


def schema(**fields) -> io.Schema:
    """An ``io.Schema`` of the fields this host knows.

    One unknown field raises in the constructor, and one node that raises drops the whole pack, so fields that came
    with later hosts (``search_aliases``, ``essentials_category`` ...) are left out on earlier ones.
    """
    known = {field.name for field in dataclasses.fields(io.Schema)}
    return io.Schema(category=CATEGORY, **{name: value for name, value in fields.items() if name in known})


def advanced(inp: io.Input) -> io.Input:
    """Mark an input as advanced (collapsed by default).

    Set after construction because hosts before 0.9.2 have no ``advanced=`` argument; every host passes
    ``extra_dict`` on to the frontend.
    """
    inp.extra_dict = {**(inp.extra_dict or {}), "advanced": True}
    return inp
