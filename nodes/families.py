"""Model families: how one is recognised, and what each wants. Pure data; what the host knows comes in as ``Facts``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, log

from .errors import InputError
from .imaging.windows import Wants

MP = 1_000_000

# Signal to noise of the prefill at the first step, by creativity. One meaning on every family: how much of the prefill
# the sampler can still see. Below .20 streaks of the prefill survive; .068 is the least an EPS model can start from.
PLAIN = ((0.0, 0.20), (0.25, 0.13), (0.5, 0.09), (0.75, 0.04), (1.0, 0.0))
# Models that are told what is missing draw worse the further they start from pure noise.
CONCAT = ((0.0, 0.09), (0.25, 0.08), (0.5, 0.0), (1.0, 0.0))
FILL = ((0.0, 0.02), (0.25, 0.012), (0.5, 0.0), (1.0, 0.0))
PURE_NOISE = ((0.0, 0.0), (1.0, 0.0))
# The second pass over a window that was sampled small: enough for detail, not for other content.
REFINE_SNR = 0.6


@dataclass(frozen=True)
class Facts:
    """What the host says about a model.

    Attributes:
        configs: names of its configuration's classes, the most specific first.
        prediction: what it predicts: EPS, V_PREDICTION, FLOW, FLUX ...
        channels: channels of its latents.
        inputs: channels it takes in, as its configuration counts them.
        concat: what is concatenated: "mask", "masked_image" ...
        patch: latent cells along the side of one token.
        compression: pixels along the side of one latent cell.
        dimensions: of its latents: 2 pictures, 3 video (or pictures as one frame), 1 sound.
    """

    configs: tuple[str, ...]
    prediction: str
    channels: int
    inputs: int
    concat: tuple[str, ...] = ()
    patch: int = 1
    compression: int = 8
    dimensions: int = 2

    @property
    def multiple(self) -> int:
        """Pixels that the sides of a window are multiples of."""
        return self.compression * self.patch

    @property
    def flow(self) -> bool:
        return "FLOW" in self.prediction or self.prediction == "FLUX"


@dataclass(frozen=True)
class Family:
    """What a family wants.

    Attributes:
        name: as reported.
        route: how it learns what is missing. "concat": mask channels (InpaintModelConditioning); "mask": noise mask
            alone; "reference": reference latent beside the noise mask.
        native: area it was trained on, in megapixels.
        least: area below which it draws poorly, in megapixels.
        reach: longest extent of one pass, as a share of the longer side.
        steps, sampler, scheduler: as on the host's KSampler.
        cfg: by creativity, linear between 0, .5 and 1.
        guidance: the same for the distilled guidance; ``None`` where the model has none.
        snr: signal to noise of the prefill at the first step, by creativity.
        instruction: put before the prompt of models that edit.
    """

    name: str
    route: str = "mask"
    native: float = 1.05
    least: float = 0.0
    reach: float = 0.5
    steps: int = 25
    sampler: str = "euler_ancestral"
    scheduler: str = "karras"
    cfg: tuple[float, float, float] = (5.0, 6.0, 7.0)
    guidance: tuple[float, float, float] | None = None
    snr: tuple[tuple[float, float], ...] = field(default=PLAIN)
    instruction: str = ""

    def wants(self, multiple: int, megapixels: float = 0.0) -> Wants:
        """The planner's view.

        Args:
            megapixels: the user's limit (0 = native).
        """
        native = int((megapixels or self.native) * MP)
        return Wants(multiple, native, min(native, int(self.least * MP)), self.reach)


FLOW = {"steps": 20, "sampler": "euler", "scheduler": "simple", "reach": 1.0}
DISTILLED = {**FLOW, "cfg": (1.0, 1.0, 1.0)}
EXTEND = "Extend this picture beyond its borders, keeping everything that is already there exactly as it is. "

SD15 = Family("SD 1.5", native=0.6, least=0.26, cfg=(6.0, 7.0, 8.0))
SD15_INPAINT = Family("SD 1.5 inpaint", "concat", 0.6, 0.26, cfg=(6.0, 7.0, 8.0), snr=CONCAT)
SD2 = Family("SD 2", native=0.6, least=0.26, cfg=(6.0, 7.0, 8.0))
SD2_INPAINT = Family("SD 2 inpaint", "concat", 0.6, 0.26, cfg=(6.0, 7.0, 8.0), snr=CONCAT)
SDXL = Family("SDXL", least=0.6)
SDXL_INPAINT = Family("SDXL inpaint", "concat", least=0.6, snr=CONCAT)
SD3 = Family("SD 3", least=0.26, cfg=(4.0, 4.5, 5.5), **{**FLOW, "scheduler": "sgm_uniform", "steps": 28})
FLUX = Family("Flux", guidance=(3.0, 3.5, 4.0), **DISTILLED)
FLUX_SCHNELL = Family("Flux Schnell", **{**DISTILLED, "steps": 4})
FLUX_FILL = Family("Flux Fill", "concat", 1.5, guidance=(25.0, 30.0, 40.0), snr=FILL, **DISTILLED)
KONTEXT = Family(
    "Flux Kontext", "reference", guidance=(2.0, 2.5, 3.5), snr=PURE_NOISE, instruction=EXTEND, **DISTILLED
)
FLUX2 = Family("Flux.2", "reference", guidance=(3.0, 4.0, 5.0), snr=PURE_NOISE, instruction=EXTEND, **DISTILLED)
QWEN_IMAGE = Family("Qwen-Image", native=1.6, cfg=(2.0, 2.5, 4.0), **FLOW)
QWEN_EDIT = Family(
    "Qwen-Image-Edit", "reference", cfg=(2.0, 2.5, 4.0), snr=PURE_NOISE, instruction=EXTEND, **FLOW
)
Z_IMAGE = Family("Z-Image", **{**DISTILLED, "steps": 9})
LUMINA2 = Family("Lumina 2", cfg=(3.0, 4.0, 5.0), **FLOW)
CHROMA = Family("Chroma", cfg=(3.0, 4.0, 5.0), **FLOW)
HIDREAM = Family("HiDream", cfg=(4.0, 5.0, 6.0), **FLOW)
AURAFLOW = Family("AuraFlow", cfg=(3.0, 3.5, 4.5), **FLOW)
OMNIGEN2 = Family("OmniGen2", "reference", cfg=(4.0, 5.0, 6.0), snr=PURE_NOISE, instruction=EXTEND, **FLOW)
UNKNOWN = Family("unknown", cfg=(5.0, 6.0, 7.0))
UNKNOWN_FLOW = Family("unknown flow model", cfg=(3.0, 4.0, 5.0), **FLOW)
UNKNOWN_INPAINT = Family("unknown inpaint model", "concat", snr=CONCAT)

FAMILIES = (
    SD15, SD15_INPAINT, SD2, SD2_INPAINT, SDXL, SDXL_INPAINT, SD3, FLUX, FLUX_SCHNELL, FLUX_FILL, KONTEXT, FLUX2,
    QWEN_IMAGE, QWEN_EDIT, Z_IMAGE, LUMINA2, CHROMA, HIDREAM, AURAFLOW, OMNIGEN2,
)
BY_NAME = {family.name: family for family in FAMILIES}

# Configuration class -> family, and the family of its inpaint variant. Subclasses in the host inherit the entry.
BY_CONFIG: dict[str, tuple[Family, Family]] = {
    "SD15": (SD15, SD15_INPAINT),
    "SD20": (SD2, SD2_INPAINT),
    "SDXL": (SDXL, SDXL_INPAINT),
    "SD3": (SD3, UNKNOWN_INPAINT),
    "FluxInpaint": (FLUX_FILL, FLUX_FILL),
    "FluxSchnell": (FLUX_SCHNELL, FLUX_FILL),
    "Flux2": (FLUX2, FLUX2),
    "Flux": (FLUX, FLUX_FILL),
    "QwenImage": (QWEN_IMAGE, UNKNOWN_INPAINT),
    "ZImage": (Z_IMAGE, UNKNOWN_INPAINT),
    "Lumina2": (LUMINA2, UNKNOWN_INPAINT),
    "Chroma": (CHROMA, UNKNOWN_INPAINT),
    "HiDream": (HIDREAM, UNKNOWN_INPAINT),
    "AuraFlow": (AURAFLOW, UNKNOWN_INPAINT),
    "Omnigen2": (OMNIGEN2, OMNIGEN2),
}


def recognise(facts: Facts) -> Family:
    """The family of a model; an unknown one for a model that is in no table.

    Raises:
        InputError: the model makes no pictures.
    """
    if facts.dimensions == 1:
        raise InputError(
            f"The model ({facts.configs[0]}) makes sound, not pictures.", "Connect a model that makes pictures."
        )
    # Only Flux counts its inputs in latent channels; others (Qwen-Image) give the channels of a token.
    told = "masked_image" in facts.concat or ("Flux" in facts.configs and facts.inputs > 2 * facts.channels)
    for config in facts.configs:
        if config in BY_CONFIG:
            return BY_CONFIG[config][told]
    if told:
        return UNKNOWN_INPAINT
    return UNKNOWN_FLOW if facts.flow else UNKNOWN


def between(points: tuple[tuple[float, float], ...], creativity: float) -> float:
    """Linear interpolation in ``points`` (creativity, value)."""
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        if creativity <= x1:
            return y0 + (y1 - y0) * (creativity - x0) / (x1 - x0)
    return points[-1][1]


def of_three(values: tuple[float, float, float], creativity: float) -> float:
    """Linear between the values for creativity 0, .5 and 1."""
    low, middle, high = values
    return round(between(((0.0, low), (0.5, middle), (1.0, high)), creativity), 3)


@dataclass(frozen=True)
class Start:
    """Where a schedule starts.

    Attributes:
        denoise: the fraction that makes the host's KSampler start there.
        sigma: noise level of the first step, in the model's own unit.
        snr: signal to noise of the prefill at it.
    """

    denoise: float
    sigma: float
    snr: float


def start(target: float, steps: int, schedule: Callable[[int], list[float]], snr: Callable[[float], float]) -> Start:
    """The start whose signal to noise comes nearest to ``target``.

    The host's KSampler makes a schedule of ``int(steps / denoise)`` steps and keeps the last ``steps``: the start can
    be any of the first sigmas so reached, and ``steps`` steps always remain.

    Args:
        target: signal to noise wanted; 0 = from pure noise.
        schedule: sigmas of a schedule of that many steps, the last being 0.
        snr: signal to noise at a sigma, from the model's own sampling.
    """
    best, error = None, inf
    for total in range(steps, 6 * steps + 1):
        sigmas = schedule(total)
        sigma = sigmas[len(sigmas) - 1 - steps]
        found = snr(sigma)
        away = abs(log(max(found, 1e-3)) - log(max(target, 1e-3)))
        if away < error:
            best = Start(1.0 if total == steps else steps / (total + 0.5), sigma, found)
            error = away
        if found >= target:
            break
    return best
