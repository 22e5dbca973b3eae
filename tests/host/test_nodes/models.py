"""Tiny random models of the host's own classes: a few thousand weights, real code paths, meaningless pictures."""

import dataclasses

import comfy.ldm.flux.model
import comfy.model_base
import comfy.model_patcher
import comfy.supported_models as families
import torch
import torch.nn.functional as F

from .oracle import CPU, ToyCLIP

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
UNET = {
    "image_size": 32,
    "out_channels": 4,
    "model_channels": 32,
    "num_res_blocks": [1, 1],
    "channel_mult": [1, 2],
    "transformer_depth": [1, 1],
    "transformer_depth_output": [1, 1, 1, 1],
    "transformer_depth_middle": 1,
    "use_spatial_transformer": True,
    "use_linear_in_transformer": False,
    "adm_in_channels": None,
    "use_temporal_attention": False,
}
FLUX = {
    "image_model": "flux",
    "out_channels": 16,
    "vec_in_dim": 768,
    "context_in_dim": 768,
    "hidden_size": 64,
    "mlp_ratio": 2.0,
    "num_heads": 2,
    "depth": 1,
    "depth_single_blocks": 1,
    "axes_dim": [8, 12, 12],
    "theta": 10000,
    "patch_size": 2,
    "qkv_bias": True,
    "txt_ids_dims": [],
}


class SD15InFlow(families.SD15):
    """A UNet that predicts a flow."""

    sampling_settings = {"shift": 3.0}

    def model_type(self, state_dict, prefix=""):
        return comfy.model_base.ModelType.FLOW


class SD15InV(families.SD15):
    """A UNet that predicts v."""

    def model_type(self, state_dict, prefix=""):
        return comfy.model_base.ModelType.V_PREDICTION


class SD15In16Channels(families.SD15):
    """A UNet on latents of 16 channels."""

    latent_format = families.latent_formats.SD3

    def inpaint_model(self):
        return False


class Unheard(families.supported_models_base.BASE):
    """A configuration no table knows."""

    unet_extra_config = {"num_heads": 8, "num_head_channels": -1}
    latent_format = families.latent_formats.SD3

    def inpaint_model(self):
        return False


# Later hosts ask for more of it.
KNOWN = {field.name for field in dataclasses.fields(comfy.ldm.flux.model.FluxParams)} | {"image_model"}
FLUX = {name: value for name, value in FLUX.items() if name in KNOWN}

FLUX2 = {
    **FLUX,
    "image_model": "flux2",
    "in_channels": 128,
    "out_channels": 128,
    "vec_in_dim": None,
    "mlp_ratio": 3.0,
    "axes_dim": [8, 8, 8, 8],
    "theta": 2000,
    "patch_size": 1,
    "qkv_bias": False,
    "guidance_embed": True,
    "global_modulation": True,
    "mlp_silu_act": True,
    "ops_bias": False,
    "txt_ids_dims": [3],
}
SD3 = {
    "in_channels": 16,
    "out_channels": 16,
    "input_size": None,
    "patch_size": 2,
    "depth": 1,
    "num_patches": 64 * 64,
    "pos_embed_max_size": 64,
    "pos_embed_scaling_factor": None,
    "adm_in_channels": 768,
    "context_embedder_config": {"target": "torch.nn.Linear", "params": {"in_features": 768, "out_features": 64}},
}
QWEN = {
    "image_model": "qwen_image",
    "patch_size": 2,
    "in_channels": 64,
    "out_channels": 16,
    "num_layers": 1,
    "attention_head_dim": 32,
    "num_attention_heads": 2,
    "joint_attention_dim": 768,
    "axes_dims_rope": (8, 12, 12),
}
LUMINA2 = {
    "image_model": "lumina2",
    "patch_size": 2,
    "in_channels": 16,
    "dim": 64,
    "n_layers": 1,
    "n_refiner_layers": 1,
    "n_heads": 2,
    "n_kv_heads": 2,
    "multiple_of": 32,
    "ffn_dim_multiplier": 2.0,
    "qk_norm": True,
    "cap_feat_dim": 768,
    "axes_dims": [8, 12, 12],
    "axes_lens": [300, 512, 512],
}
Z_IMAGE = {
    **LUMINA2,
    "dim": 256,
    "n_heads": 8,
    "n_kv_heads": 8,
    "rope_theta": 256.0,
    "z_image_modulation": True,
    "time_scale": 1000.0,
    "pad_tokens_multiple": 32,
}

# What a test asks for -> configuration class, its settings.
MODELS = {
    "inpaint unet": (families.SD15, {**UNET, "in_channels": 9, "context_dim": 768}),
    "unet": (families.SD15, {**UNET, "in_channels": 4, "context_dim": 768}),
    "v-prediction unet": (SD15InV, {**UNET, "in_channels": 4, "context_dim": 768}),
    "flow unet": (SD15InFlow, {**UNET, "in_channels": 4, "context_dim": 768}),
    "16-channel unet": (SD15In16Channels, {**UNET, "in_channels": 16, "out_channels": 16, "context_dim": 768}),
    "unheard": (Unheard, {**UNET, "in_channels": 16, "out_channels": 16, "context_dim": 768}),
    "flux": (families.Flux, {**FLUX, "in_channels": 16, "guidance_embed": True}),
    "flux fill": (families.FluxInpaint, {**FLUX, "in_channels": 96, "guidance_embed": True}),
    "sd3": (families.SD3, SD3),
    "qwen image": (families.QwenImage, QWEN),
    "lumina2": (families.Lumina2, LUMINA2),
}
# Classes that came with later hosts.
if hasattr(families, "Flux2"):
    MODELS["flux2"] = (families.Flux2, FLUX2)
if hasattr(families, "ZImage"):
    MODELS["z-image"] = (families.ZImage, Z_IMAGE)
# Their networks take the length of the text from its attention mask.
MASKED = (families.Lumina2, getattr(families, "ZImage", None))


def network(config):
    model = config.get_model({}, "", device=CPU)
    torch.manual_seed(0)
    for name, weight in model.diffusion_model.named_parameters():
        with torch.no_grad():
            if weight.ndim == 1:
                weight.fill_(1.0 if name.endswith(("weight", "scale")) else 0.0)
            else:
                weight.copy_(torch.randn(weight.shape) * 0.02)
    for buffer in model.diffusion_model.buffers():
        # Positions of SD 3 come with the checkpoint: until then their memory holds anything.
        if buffer.is_floating_point():
            buffer.copy_(torch.randn(buffer.shape) * 0.02)
    return model.eval()


class AveragingVAE:
    """Colours averaged over cells, spread over ``latent_channels``; decodes to the cells' colours.

    With ``frames`` as the VAEs of video models do it, which make a picture a film of one frame.
    """

    def __init__(self, latent_channels, compression, frames):
        self.latent_channels, self.compression, self.frames = latent_channels, compression, frames

    def spacial_compression_encode(self):
        return self.compression

    spacial_compression_decode = spacial_compression_encode

    def encode(self, pixels):
        cells = F.avg_pool2d(pixels[..., :3].movedim(-1, 1) * 2 - 1, self.compression)
        repeats = -(-self.latent_channels // 3)
        latent = cells.repeat(1, repeats, 1, 1)[:, : self.latent_channels]
        return latent.unsqueeze(2) if self.frames else latent

    def decode(self, samples):
        colours = samples.float()[:, :3] / 2 + 0.5
        if self.frames:
            colours = colours.squeeze(2)
        picture = F.interpolate(colours, scale_factor=self.compression, mode="nearest").clamp(0, 1).movedim(1, -1)
        return picture.unsqueeze(1) if self.frames else picture


class TestTinyModel:
    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "kind": (list(MODELS),),
                "dtype": (list(DTYPES),),
                "compression": ("INT", {"default": 8, "min": 1, "max": 64}),
            }
        }

    RETURN_TYPES = ("MODEL", "CLIP", "VAE")
    FUNCTION = "make"
    CATEGORY = "tests"

    def make(self, kind, dtype, compression):
        make, settings = MODELS[kind]
        config = make(settings)
        weights = DTYPES[dtype]
        config.set_inference_dtype(weights, None if weights == torch.float32 else torch.float32)
        model = network(config)
        patcher = comfy.model_patcher.ModelPatcher(model, load_device=CPU, offload_device=CPU)
        latent = config.latent_format
        vae = AveragingVAE(latent.latent_channels, compression, latent.latent_dimensions == 3)
        return patcher, ToyCLIP(masked=make in MASKED), vae


NODES = {"TestTinyModel": TestTinyModel}
