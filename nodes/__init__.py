"""The list of node classes. The classes are imported on demand: only ComfyUI needs them."""


def __getattr__(name: str):
    if name == "OutpaintExtension":
        from .extension import OutpaintExtension

        return OutpaintExtension
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
