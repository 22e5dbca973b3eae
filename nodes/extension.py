from __future__ import annotations

import logging
from pathlib import Path

from comfy_api.latest import ComfyExtension

from . import host
from .outpaint_api import OutpaintAPI
from .outpaint_local import OutpaintLocal
from .parts import OutpaintJoin, OutpaintRebatch, OutpaintUnbatch, OutpaintWindow
from .prepare import OutpaintPrepare
from .stitch import OutpaintStitch
from .to_ratio import OutpaintToRatio

NODES = [
    OutpaintAPI,
    OutpaintLocal,
    OutpaintPrepare,
    OutpaintStitch,
    OutpaintToRatio,
    OutpaintWindow,
    OutpaintJoin,
    OutpaintUnbatch,
    OutpaintRebatch,
]


class OutpaintExtension(ComfyExtension):
    async def get_node_list(self):
        warn_of_another_copy()
        return NODES


def warn_of_another_copy() -> None:
    """Two copies load without an error, and the user wonders which one runs, and why the handles misbehave."""
    other = host.other_copy("OutpaintLocal")
    if other:
        own = Path(__file__).absolute().parents[1].name
        logging.warning(
            "Outpaint is installed twice in custom_nodes: as %r and as %r. Remove one of them and restart; until then "
            "the nodes of %r are used.", other, own, own
        )
