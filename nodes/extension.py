from __future__ import annotations

from comfy_api.latest import ComfyExtension

from .batch import OutpaintRebatch, OutpaintUnbatch
from .outpaint_api import OutpaintAPI
from .outpaint_local import OutpaintLocal
from .prepare import OutpaintPrepare
from .stitch import OutpaintStitch
from .to_ratio import OutpaintToRatio

NODES = [
    OutpaintAPI,
    OutpaintLocal,
    OutpaintPrepare,
    OutpaintStitch,
    OutpaintToRatio,
    OutpaintUnbatch,
    OutpaintRebatch,
]


class OutpaintExtension(ComfyExtension):
    async def get_node_list(self):
        return NODES
