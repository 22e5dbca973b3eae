"""The expansion of Outpaint (Local): which of the host's nodes run, in which order, with which arguments.

Every tensor and model reaches a sub-node as a link and every id is fixed, so a pass whose arguments stay the same
stays cached. Expanded nodes get no defaults from the host: every argument is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from . import families, host_models
from .errors import InputError
from .families import Facts, Family, Start
from .imaging.canvas import Extents, Size
from .imaging.picture import around, batched, cut, holes, transparent_border
from .imaging.prepare import seed_of
from .imaging.windows import LEAST_SCALE, Plan, Wants, Window, plan, refined, within

# With detail restored afterwards, the first pass may be this small.
LEAST_SCALE_REFINED = 0.25
# A fill without a model looks at this much of the picture at once.
FILL = Wants(multiple=1, native=16_000_000, reach=float("inf"), aspect=float("inf"))
DEFAULT_OVERLAP = 32
OVERLAP_SHARE = 0.04

Link = list
End = tuple[Link, Link]  # canvas and decoded picture of the last window of a chain


@dataclass(frozen=True)
class Sampling:
    """How every window is sampled: resolved from the family, creativity and what the user set."""

    family: Family
    facts: Facts
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    guidance: float | None
    start: Start
    detail: Start

    def text(self) -> str:
        parts = [f"{self.steps} steps", f"{self.sampler}/{self.scheduler}", f"cfg {self.cfg:g}"]
        if self.guidance is not None:
            parts.append(f"guidance {self.guidance:g}")
        parts.append(f"starts at sigma {self.start.sigma:.3g} (signal to noise of the prefill {self.start.snr:.2g})")
        return ", ".join(parts)


@dataclass(frozen=True)
class Job:
    """One run of Outpaint (Local), planned.

    Attributes:
        inside: windows over what a mask marks in the picture; the others see what these gave.
        several: more than one picture, as a batch or as a list.
        border: transparent edges of the picture that are cut off and generated anew.
        overlap: pixels of the original that the sampler may repaint.
        sampling: ``None`` without a model.
    """

    plan: Plan
    inside: tuple[Window, ...]
    wants: Wants
    several: bool
    border: Extents
    overlap: int
    sampling: Sampling | None
    values: dict[str, Any]

    @classmethod
    def of(cls, pictures: list[Tensor], masks: list[Tensor], values: dict[str, Any]) -> Job:
        """Plan a run.

        Args:
            pictures: each ``[B, H, W, C]``; all of one size.
            masks: what is to be generated anew within them, each ``[B, H, W]``; may be none.
            values: the node's other inputs; ``None`` or absent where nothing is connected.

        Raises:
            InputError: pictures of different sizes, no extent, or masks and inputs that are missing or do not fit.
        """
        shapes = sorted({(p.shape[2], p.shape[1], p.shape[3]) for p in pictures})
        if len(shapes) > 1:
            sizes = ", ".join(f"{w}×{h} with {c} channels" for w, h, c in shapes)
            raise InputError(
                f"The list holds pictures of different shapes: {sizes}.",
                "Extend each size in a run of its own, or scale them to one size first.",
            )
        size = Size(*shapes[0][:2])
        count = sum(len(picture) for picture in pictures)
        marked = holes(together(masks), count, size)
        border = transparent_border(pictures) if values["transparent_is_new"] else Extents()
        size = Size(size.width - border.left - border.right, size.height - border.up - border.down)
        sides = ("left", "right", "up", "down")
        extents = Extents(*(values[side] + getattr(border, side) for side in sides)).require_any()
        sampling = None if values.get("model") is None else resolved(values)
        restores = values["refine"] or values.get("upscale_model") is not None
        if sampling is None:
            wants, least = FILL, LEAST_SCALE
        else:
            wants = sampling.family.wants(sampling.facts.multiple, values["megapixels"])
            least = LEAST_SCALE_REFINED if restores else LEAST_SCALE
        overlap = values["overlap"]
        if overlap < 0:
            overlap = min(DEFAULT_OVERLAP, round(OVERLAP_SHARE * min(size.width, size.height)))
        inside: tuple[Window, ...] = ()
        if marked is not None and bool(cut(marked, border).any()):
            inside = within(around(cut(marked, border).any(0)), size, wants)
        made = plan(size, extents, wants, least)
        return cls(made, inside, wants, count > 1, border, overlap, sampling, values)

    def windows(self, chain: tuple[Window, ...]) -> list[Window]:
        """A chain with the second passes that restore detail."""
        found = []
        for window in chain:
            found.append(window)
            if self.sampling and self.values["refine"] and window.scale < LEAST_SCALE:
                found += refined(window, self.wants)
        return found

    def report(self) -> str:
        """What is going to be done, for the top of the report."""
        size = self.plan.canvas.size
        if self.sampling is None:
            return f"canvas: {size}\nmodel: none, filled from the picture's own content"
        windows = [w for chain in (self.inside, *self.plan.sides, *self.plan.across) for w in self.windows(chain)]
        sampled = sum(window.size.area for window in windows)
        family = self.sampling.family.name
        if self.sampling.family in (families.UNKNOWN, families.UNKNOWN_FLOW, families.UNKNOWN_INPAINT):
            family += f" ({self.sampling.facts.configs[0]}): sampled by the plain route"
        share = sampled / self.plan.canvas.new_area
        return "\n".join([
            f"canvas: {size}",
            f"model: {family}",
            f"sampling: {self.sampling.text()}",
            f"windows: {', '.join(f'{w.name} {w.rect.size} at {w.size}' for w in windows)}",
            f"cost: {sampled / 1e6:.2f} megapixels sampled, {share:.2f} per new megapixel",
        ])

    def expand(self, graph, links: dict[str, Any]) -> tuple[Link, Link, Link]:
        """Add the nodes to ``graph`` (a GraphBuilder).

        Args:
            links: the node's own inputs as they stand in the prompt.

        Returns:
            The links of image, mask and report.
        """
        build = Builder(self, graph, links)
        start = [build.chain(list(self.inside), [])] if self.inside else []
        ends = [build.chain(self.windows(chain), start) for chain in self.plan.sides] or start
        ends = [build.chain(self.windows(chain), ends) for chain in self.plan.across] or ends
        stitched = build.stitch(ends)
        if self.several:
            stitched = graph.node(
                "OutpaintRebatch", "together", image=stitched.out(0), mask=stitched.out(1), report=stitched.out(2)
            )
        return stitched.out(0), stitched.out(1), stitched.out(2)


def together(masks: list[Tensor]) -> Tensor | None:
    """Masks of a list as one batch.

    Raises:
        InputError: they have different sizes.
    """
    batches = [batched(mask) for mask in masks]
    sizes = sorted({(batch.shape[2], batch.shape[1]) for batch in batches})
    if len(sizes) > 1:
        found = ", ".join(f"{width}×{height}" for width, height in sizes)
        raise InputError(f"The list holds masks of different sizes: {found}.", "Give each the size of its picture.")
    return torch.cat(batches) if batches else None


def resolved(values: dict[str, Any]) -> Sampling:
    """How to sample with the connected model.

    Raises:
        InputError: vae, clip or conditioning is missing, or the model makes no pictures.
    """
    model, vae = values["model"], values.get("vae")
    if vae is None:
        raise InputError(
            "A model is connected, but no vae.", "Connect the VAE that belongs to the model (often on the same loader)."
        )
    if values.get("clip") is None and values.get("positive") is None:
        raise InputError(
            "A model is connected, but neither clip nor positive conditioning.",
            "Connect clip so that the prompt can be encoded, or connect positive.",
        )
    facts = host_models.facts(model, vae)
    chosen = values["family"]
    family = families.recognise(facts) if chosen == host_models.AUTO else families.BY_NAME[chosen]
    creativity = values["creativity"]
    steps = values["steps"] or family.steps
    sampler = family.sampler if values["sampler_name"] == host_models.AUTO else values["sampler_name"]
    scheduler = family.scheduler if values["scheduler"] == host_models.AUTO else values["scheduler"]

    def schedule(total: int) -> list[float]:
        return host_models.schedule(model, sampler, scheduler, total)

    def snr(sigma: float) -> float:
        return host_models.snr(model, sigma)

    start = families.start(families.between(family.snr, creativity), steps, schedule, snr)
    if values["denoise_override"]:
        denoise = values["denoise_override"]
        sigmas = schedule(steps if denoise > 0.9999 else int(steps / denoise))
        sigma = sigmas[len(sigmas) - 1 - steps]
        start = Start(denoise, sigma, snr(sigma))
    return Sampling(
        family=family,
        facts=facts,
        steps=steps,
        cfg=values["cfg"] or families.of_three(family.cfg, creativity),
        sampler=sampler,
        scheduler=scheduler,
        guidance=None if family.guidance is None else families.of_three(family.guidance, creativity),
        start=start,
        detail=families.start(families.REFINE_SNR, steps, schedule, snr),
    )


class Builder:
    """Adds nodes to the graph of one job."""

    def __init__(self, job: Job, graph, links: dict[str, Any]):
        self.job, self.graph, self.links = job, graph, links
        self.values, self.sampling = job.values, job.sampling
        self.split: dict[int, Any] = {}
        self.image = links["image"]
        # A mask that marks nothing is no mask: it may have any size.
        self.mask = {"mask": links["mask"]} if job.inside else {}
        if self.sampling is not None:
            self.model = self.soft(links["model"])
            self.positive, self.negative = self.conditioning()

    def node(self, kind: str, name: str, **arguments):
        return self.graph.node(kind, name, **arguments)

    def soft(self, model: Link) -> Link:
        """The model with soft denoise masks: each pixel joins in when its share of the schedule is left."""
        if not host_models.has_node("DifferentialDiffusion"):
            return model
        return self.node("DifferentialDiffusion", "soft", model=model, strength=1.0).out(0)

    def conditioning(self) -> tuple[Link, Link]:
        """Positive and negative: what is connected, else the encoded prompts."""
        positive, negative = self.links.get("positive"), self.links.get("negative")
        clip, family = self.links.get("clip"), self.sampling.family
        if self.values.get("positive") is None:
            text = family.instruction + self.values["prompt"]
            positive = self.node("CLIPTextEncode", "prompt", clip=clip, text=text).out(0)
            if self.sampling.guidance is not None and host_models.has_node("FluxGuidance"):
                positive = self.node(
                    "FluxGuidance", "guidance", conditioning=positive, guidance=self.sampling.guidance
                ).out(0)
        if self.values.get("negative") is None:
            if self.values.get("clip") is None:
                negative = self.node("ConditioningZeroOut", "nothing", conditioning=positive).out(0)
            else:
                text = self.values["negative_prompt"]
                negative = self.node("CLIPTextEncode", "negative", clip=clip, text=text).out(0)
        return positive, negative

    def chain(self, windows: list[Window], ends: list[End]) -> End:
        """Sample windows one after the other, the first on what ``ends`` gave."""
        for window in windows:
            prepared = self.prepare(window, ends)
            picture = prepared.out(0) if self.sampling is None else self.sample(window, prepared)
            ends = [(prepared.out(4), picture)]
        return ends[0]

    def pictures(self) -> Link:
        """The picture, or where there are several a list of them, which the host works through one by one."""
        return self.each(0).out(0) if self.job.several else self.image

    def masks(self) -> dict[str, Link]:
        """The mask of each picture; nothing where there is none."""
        return {"mask": self.each(0).out(2)} if self.mask and self.job.several else self.mask

    def seed(self, window: Window) -> Link | int:
        """The window's seed; picture number i of several takes seed + i."""
        offset = 0 if window.name in FIRST else seed_of(window)
        return self.each(offset).out(1) if self.job.several else self.values["seed"] + offset

    def each(self, offset: int):
        if offset not in self.split:
            self.split[offset] = self.node(
                "OutpaintUnbatch", f"each.{offset}", image=self.image, seed=self.values["seed"] + offset, **self.mask
            )
        return self.split[offset]

    def prepare(self, window: Window, ends: list[End]):
        fill = self.values["fill"]
        if fill == host_models.AUTO:
            fill = "content" if self.sampling is None else "smooth"
        return self.node(
            "OutpaintWindow", f"{window.name}.prepare",
            image=self.pictures(),
            border=self.job.border.dumps(),
            **self.masks(),
            window=window.dumps(),
            creativity=max(0.5, self.values["creativity"]) if self.sampling else 0.5,
            multiple=self.job.wants.multiple,
            overlap=self.job.overlap if self.sampling else 0,
            fill=fill,
            **received(ends),
        )

    def sample(self, window: Window, prepared) -> Link:
        """The nodes that make a picture of a prepared window."""
        name, vae, sampling = window.name, self.links["vae"], self.sampling
        pixels, denoise_mask, concat_mask = prepared.out(0), prepared.out(1), prepared.out(2)
        positive, negative = self.positive, self.negative
        if sampling.family.route == "concat":
            told = self.node(
                "InpaintModelConditioning", f"{name}.told",
                positive=positive, negative=negative, vae=vae, pixels=pixels, mask=concat_mask, noise_mask=False,
            )
            positive, negative, latent = told.out(0), told.out(1), told.out(2)
        else:
            latent = self.node("VAEEncode", f"{name}.encode", pixels=pixels, vae=vae).out(0)
        if sampling.family.route == "reference" and self.values["creativity"] < NO_REFERENCE:
            positive = self.node("ReferenceLatent", f"{name}.reference", conditioning=positive, latent=latent).out(0)
        masked = self.node("SetLatentNoiseMask", f"{name}.mask", samples=latent, mask=denoise_mask)
        sampled = self.node(
            "KSampler", f"{name}.sample",
            model=self.model,
            seed=self.seed(window),
            steps=sampling.steps,
            cfg=sampling.cfg,
            sampler_name=sampling.sampler,
            scheduler=sampling.scheduler,
            positive=positive,
            negative=negative,
            latent_image=masked.out(0),
            denoise=(sampling.detail if window.refine else sampling.start).denoise,
        )
        picture = self.node("VAEDecode", f"{name}.decode", samples=sampled.out(0), vae=vae).out(0)
        if self.values.get("upscale_model") is not None and window.scale < LEAST_SCALE:
            picture = self.node(
                "ImageUpscaleWithModel", f"{name}.upscale", upscale_model=self.links["upscale_model"], image=picture
            ).out(0)
        return picture

    def stitch(self, ends: list[End]):
        return self.node(
            "OutpaintJoin", "stitch",
            match=self.values["match"],
            rim=self.values["rim"],
            seed=self.values["seed"],
            notes=self.job.report(),
            **received(ends),
        )


# Windows that take the user's seed as it is; the others add a number of their own.
FIRST = ("whole", "left1", "right1", "up1", "down1")
# From this creativity on an edit model no longer sees the original as its reference.
NO_REFERENCE = 0.9


def received(ends: list[End]) -> dict[str, Link]:
    """The inputs of ``parts.earlier`` for the ends of up to two chains."""
    found = {}
    for suffix, (canvas, picture) in zip(("", "_2"), ends, strict=False):
        found |= {f"canvas{suffix}": canvas, f"generated{suffix}": picture}
    return found
