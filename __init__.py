"""Outpaint: extend a picture beyond its borders so that nobody can tell.

ComfyUI imports this file as a custom node; ``pip install`` makes it the package ``outpaint_nodes``.
Importing it needs neither ComfyUI nor torch.
"""

WEB_DIRECTORY = "./js"


async def comfy_entrypoint():
    from .nodes.extension import OutpaintExtension

    return OutpaintExtension()


__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
