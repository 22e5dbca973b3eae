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
}


def network(config):
    model = config.get_model({}, "", device=CPU)
    torch.manual_seed(0)
    for name, weight in model.diffusion_model.named_parameters():
        with torch.no_grad():
            if weight.ndim == 1:
                weight.fill_(1.0 if name.endswith(("weight", "scale")) else 0.0)
            else:
                weight.copy_(torch.randn(weight.shape) * 0.02)
    return model.eval()


class AveragingVAE:
    """Colours averaged over cells, spread over ``latent_channels``; decodes to the cells' colours."""

    def __init__(self, latent_channels, compression):
        self.latent_channels, self.compression = latent_channels, compression

    def spacial_compression_encode(self):
        return self.compression

    spacial_compression_decode = spacial_compression_encode

    def encode(self, pixels):
        cells = F.avg_pool2d(pixels[..., :3].movedim(-1, 1) * 2 - 1, self.compression)
        repeats = -(-self.latent_channels // 3)
        return cells.repeat(1, repeats, 1, 1)[:, : self.latent_channels]

    def decode(self, samples):
        colours = samples.float()[:, :3] / 2 + 0.5
        return F.interpolate(colours, scale_factor=self.compression, mode="nearest").clamp(0, 1).movedim(1, -1)


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
        return patcher, ToyCLIP(), AveragingVAE(config.latent_format.latent_channels, compression)


NODES = {"TestTinyModel": TestTinyModel}
