"""The oracle: a model of the host's own kind whose denoiser knows the whole picture, behind a lossless VAE.

What it returns is the true continuation, so every error in the finished picture is the product's. Faults of real
decoders (colour, drift, blur) can be switched on in the VAE.
"""

import json
import time

import comfy.conds
import comfy.latent_formats
import comfy.model_base
import comfy.model_management
import comfy.model_patcher
import comfy.ops
import comfy.supported_models_base
import torch
import torch.nn.functional as F

CELL = 8
CPU = torch.device("cpu")


def unshuffled(image, cell=CELL):
    """``[B, H, W, 3]`` 0..1 -> latent ``[B, 3 cell², H / cell, W / cell]`` about -1..1, nothing lost."""
    return F.pixel_unshuffle(image.movedim(-1, 1), cell) * 2 - 1


def shuffled(latent, cell=CELL):
    return F.pixel_shuffle((latent + 1) / 2, cell).movedim(1, -1)


def resized(image, height, width):
    if image.shape[1:3] == (height, width):
        return image
    planes = F.interpolate(image.movedim(-1, 1), (height, width), mode="bicubic", antialias=True)
    return planes.movedim(1, -1)


def crop(truth, rect):
    """A rectangle of the truth; mirrored where it overhangs."""
    x, y, width, height = rect
    rows = torch.arange(y, y + height)
    columns = torch.arange(x, x + width)
    return truth[:, mirrored(rows, truth.shape[1])][:, :, mirrored(columns, truth.shape[2])]


def mirrored(index, size):
    index = index.abs() % (2 * size - 2)
    return torch.minimum(index, 2 * size - 2 - index)


class OracleLatent(comfy.latent_formats.LatentFormat):
    latent_channels = 3 * CELL * CELL
    scale_factor = 1.0


class OracleConfig(comfy.supported_models_base.BASE):
    unet_config = {}
    unet_extra_config = {}
    latent_format = OracleLatent


class Oracle(comfy.model_base.BaseModel):
    """Finds the window it is asked for by the part of the latent it must keep, and returns what is true elsewhere."""

    def __init__(self, kind, truth, windows, seconds):
        settings = {"disable_unet_model_creation": True, "in_channels": OracleLatent.latent_channels}
        super().__init__(OracleConfig(settings), comfy.model_base.ModelType[kind], device=CPU)
        self.diffusion_model = comfy.ops.manual_cast.Linear(1, 1)
        self.diffusion_model.dtype = torch.float32
        self.truth, self.windows, self.seconds = truth, windows, seconds

    def target(self, latent, mask):
        height, width = latent.shape[-2] * CELL, latent.shape[-1] * CELL
        kept = (mask < 0.01).float() if mask is not None else torch.ones_like(latent)
        best, error = latent, float("inf")
        for rect in self.windows:
            for one in self.truth.split(1):
                found = unshuffled(resized(crop(one, rect), height, width))
                away = float(((found - latent[:1]).square() * kept[:1]).mean())
                if away < error:
                    best, error = found, away
        # Where nothing may change a model finds nothing to change, down to the last step: there the host frees all.
        return torch.lerp(best.expand_as(latent), latent, kept)

    def extra_conds(self, **kwargs):
        latent = kwargs["latent_image"]
        return {"target": comfy.conds.CONDRegular(self.target(latent, kwargs.get("denoise_mask")))}

    def apply_model(self, x, t, c_concat=None, c_crossattn=None, control=None, transformer_options=None, **kwargs):
        if self.seconds:
            time.sleep(self.seconds)
        return kwargs["target"].to(x)


class LosslessVAE:
    """Pixels rearranged, nothing lost; with faults of real decoders where asked for."""

    latent_channels = OracleLatent.latent_channels

    def __init__(self, gain=1.0, offset=0.0, field=0.0, blur=0.0, seed=1, seconds=0.0):
        self.gain, self.offset, self.field, self.blur, self.seed = gain, offset, field, blur, seed
        self.seconds = seconds

    def spacial_compression_encode(self):
        return CELL

    spacial_compression_decode = spacial_compression_encode

    def encode(self, pixels):
        return unshuffled(pixels[..., :3])

    def decode(self, samples):
        time.sleep(self.seconds)
        image = shuffled(samples)
        if self.blur:
            radius = int(3 * self.blur) + 1
            x = torch.arange(-radius, radius + 1).float()
            kernel = torch.exp(-(x**2) / (2 * self.blur**2))
            kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
            planes = F.pad(image.movedim(-1, 1), [radius] * 4, mode="replicate")
            planes = F.conv2d(F.conv2d(planes, kernel, groups=3), kernel.transpose(2, 3), groups=3)
            image = planes.movedim(1, -1)
        if self.field:
            coarse = torch.randn((1, 3, 4, 4), generator=torch.Generator().manual_seed(self.seed)) * self.field
            drift = F.interpolate(coarse, image.shape[1:3], mode="bicubic", align_corners=True)
            image = image + drift.movedim(1, -1)
        tint = torch.tensor([1.0, 0.3, -0.8]) * self.offset
        return ((image - 0.5) * self.gain + 0.5 + tint).clamp(0, 1)


class ToyCLIP:
    """Encodes a text as noise that depends on it."""

    def __init__(self, width=768, pooled=768, masked=False):
        self.width, self.pooled, self.masked = width, pooled, masked

    def tokenize(self, text, **kwargs):
        return text

    def encode_from_tokens_scheduled(self, tokens, **kwargs):
        generator = torch.Generator().manual_seed(sum(tokens.encode()) % 65537)
        cond = torch.randn((1, 8, self.width), generator=generator)
        extra = {"attention_mask": torch.ones((1, 8), dtype=torch.long)} if self.masked else {}
        return [[cond, {"pooled_output": torch.randn((1, self.pooled), generator=generator), **extra}]]


class TestOracle:
    """MODEL, CLIP, VAE. ``windows``: JSON list of [x, y, width, height] in the truth's coordinates."""

    @classmethod
    def INPUT_TYPES(cls):
        number = {"default": 0.0, "min": -10.0, "max": 10.0}
        return {
            "required": {
                "truth": ("IMAGE",),
                "windows": ("STRING", {"default": "[]"}),
                "kind": (["EPS", "V_PREDICTION", "FLOW", "FLUX"],),
                "gain": ("FLOAT", {**number, "default": 1.0}),
                "offset": ("FLOAT", number),
                "field": ("FLOAT", number),
                "blur": ("FLOAT", number),
                "seconds": ("FLOAT", number),
                "seed": ("INT", {"default": 1}),
            }
        }

    RETURN_TYPES = ("MODEL", "CLIP", "VAE")
    FUNCTION = "make"
    CATEGORY = "tests"

    def make(self, truth, windows, kind, gain, offset, field, blur, seconds, seed):
        rects = json.loads(windows) or [[0, 0, truth.shape[2], truth.shape[1]]]
        model = Oracle(kind, truth[..., :3], rects, seconds)
        patcher = comfy.model_patcher.ModelPatcher(model, load_device=CPU, offload_device=CPU)
        return patcher, ToyCLIP(), LosslessVAE(gain, offset, field, blur, seed, seconds)


class Exhausted(Oracle):
    """A model that does not fit into memory."""

    def apply_model(self, *args, **kwargs):
        raise comfy.model_management.OOM_EXCEPTION("out of memory, as a device would say")


class TestOutOfMemory:
    INPUT_TYPES = classmethod(lambda cls: {"required": {}})
    RETURN_TYPES = ("MODEL", "CLIP", "VAE")
    FUNCTION = "make"
    CATEGORY = "tests"

    def make(self):
        model = Exhausted("EPS", torch.zeros(1, 64, 64, 3), [[0, 0, 64, 64]], 0)
        return comfy.model_patcher.ModelPatcher(model, load_device=CPU, offload_device=CPU), ToyCLIP(), LosslessVAE()


NODES = {"TestOracle": TestOracle, "TestOutOfMemory": TestOutOfMemory}
