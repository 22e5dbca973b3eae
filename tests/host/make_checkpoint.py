"""Writes an SD 1.5 inpaint checkpoint of full size with random weights, from the host's own classes.

    python make_checkpoint.py CHECKOUT FILE.safetensors
"""

import sys

sys.path.insert(0, sys.argv[1])
target = sys.argv[2]
sys.argv = [sys.argv[0], "--cpu"]

import comfy.options  # noqa: E402

comfy.options.enable_args_parsing()

import comfy.ops  # noqa: E402
import comfy.sd1_clip  # noqa: E402
import torch  # noqa: E402
from comfy.ldm.models.autoencoder import AutoencoderKL  # noqa: E402
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

UNET = {
    "image_size": 32, "in_channels": 9, "out_channels": 4, "model_channels": 320, "num_res_blocks": [2, 2, 2, 2],
    "channel_mult": [1, 2, 4, 4], "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0], "transformer_depth_middle": 1,
    "use_spatial_transformer": True, "use_linear_in_transformer": False, "context_dim": 768, "num_heads": 8,
    "num_head_channels": -1, "legacy": False,
}
VAE = {
    "double_z": True, "z_channels": 4, "resolution": 256, "in_channels": 3, "out_ch": 3, "ch": 128,
    "ch_mult": [1, 2, 4, 4], "num_res_blocks": 2, "attn_resolutions": [], "dropout": 0.0,
}


def randomised(module: torch.nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    """Half precision weights: small noise in matrices, one in norms, zero in biases."""
    torch.manual_seed(0)
    weights = {}
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            weights[prefix + name] = torch.arange(tensor.numel()).reshape(tensor.shape)
        elif tensor.ndim > 1:
            weights[prefix + name] = (torch.randn(tensor.shape) * 0.02).half()
        else:
            weights[prefix + name] = torch.full(tensor.shape, float(name.endswith("weight"))).half()
    return weights


plain = comfy.ops.manual_cast
unet = UNetModel(**UNET, dtype=torch.float16, device="cpu", operations=plain)
checkpoint = randomised(unet, "model.diffusion_model.")
clip = comfy.sd1_clip.SDClipModel(device="cpu", dtype=torch.float16)
checkpoint |= randomised(clip.transformer, "cond_stage_model.transformer.")
checkpoint |= randomised(AutoencoderKL(ddconfig=VAE, embed_dim=4), "first_stage_model.")
save_file(checkpoint, target)
print(sum(tensor.numel() for tensor in checkpoint.values()))
