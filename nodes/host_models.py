"""What ComfyUI knows about a loaded model: facts, schedules, samplers. Together with ``host`` the only module that
imports ComfyUI at run time."""

from __future__ import annotations

import torch

from .errors import InputError
from .families import Facts

AUTO = "auto"


def samplers() -> list[str]:
    """Names of the host's samplers."""
    import comfy.samplers

    return list(comfy.samplers.KSampler.SAMPLERS)


def schedulers() -> list[str]:
    """Names of the host's schedulers."""
    import comfy.samplers

    return list(comfy.samplers.KSampler.SCHEDULERS)


def facts(model, vae) -> Facts:
    """What the host says about a MODEL and the VAE that goes with it.

    Raises:
        InputError: the object is no model of the host's, or the two do not belong together.
    """
    base = getattr(model, "model", None)
    config = getattr(base, "model_config", None)
    if config is None or not hasattr(base, "latent_format"):
        raise InputError(
            f"The model input got a {type(model).__name__}, which is not a diffusion model.", "Connect a model loader."
        )
    network = getattr(base, "diffusion_model", None)
    settings = getattr(config, "unet_config", None) or {}
    channels = base.latent_format.latent_channels
    found = getattr(vae, "latent_channels", channels)
    if found != channels:
        raise InputError(
            f"The VAE makes latents of {found} channels, but the model takes {channels}.",
            "Connect the VAE that belongs to the model.",
        )
    return Facts(
        configs=tuple(kind.__name__ for kind in type(config).__mro__ if kind is not object),
        prediction=base.model_type.name,
        channels=channels,
        inputs=int(settings.get("in_channels") or channels),
        concat=tuple(getattr(base, "concat_keys", ())),
        patch=patch(network, settings),
        compression=int(vae.spacial_compression_encode()),
        dimensions=getattr(base.latent_format, "latent_dimensions", 2),
    )


def patch(network, settings: dict) -> int:
    """Latent cells along the side of one token: 1 for a UNet."""
    size = getattr(network, "patch_size", None) or settings.get("patch_size") or 1
    return int(size[-1] if isinstance(size, (tuple, list)) else size)


def schedule(model, sampler: str, scheduler: str, steps: int) -> list[float]:
    """Sigmas of the host's KSampler for a full run of ``steps`` steps, the last being 0."""
    import comfy.samplers

    made = comfy.samplers.KSampler(model, steps, torch.device("cpu"), sampler, scheduler, None, model.model_options)
    return made.sigmas.tolist()


def snr(model, sigma: float) -> float:
    """Signal to noise of a latent of unit variance at ``sigma``, by the model's own sampling object.

    The sampling object is asked to noise a latent of 1 with noise 0, and the reverse: the two factors are what it
    mixes them by, whatever its parametrisation.
    """
    sampling = model.get_model_object("model_sampling")
    at = torch.tensor([sigma], dtype=torch.float32)
    one, zero = torch.ones(1, 1), torch.zeros(1, 1)
    signal = float(sampling.noise_scaling(at, zero.clone(), one.clone()))
    noise = float(sampling.noise_scaling(at, one.clone(), zero.clone()))
    return abs(signal) / abs(noise) if noise else float("inf")


def has_node(name: str) -> bool:
    """Whether the host offers a node of this class."""
    import nodes

    return name in nodes.NODE_CLASS_MAPPINGS


def expands() -> bool:
    """Whether expansion works in this host: started with --cache-none, those before 0.3.67 lose the expanded nodes."""
    from comfy.cli_args import args

    if not getattr(args, "cache_none", False):
        return True
    import comfyui_version

    version = tuple(int(part) for part in comfyui_version.__version__.split(".")[:3])
    return version >= (0, 3, 67)
