"""Pictures as tensors: geometry, fill, masks, matching, joining. Pure torch: no ComfyUI, no network.

Images are float32 ``[B, H, W, C]`` in 0..1, masks ``[B, H, W]`` with 1 = generated.
"""
