"""Outpaint (API): one paid request an image, the original pasted back untouched."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from . import host, inputs
from . import preview as shown
from .errors import InputError, OutpaintError
from .imaging import codec, returned
from .imaging.canvas import Extents
from .imaging.picture import checked
from .imaging.prefill import prefill
from .schema import advanced, schema
from .service import batch, contract
from .service.ledger import count
from .service.service import Service


class OutpaintAPI(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="OutpaintAPI",
            display_name="Outpaint (API)",
            description=(
                "Extends a picture with the remote outpainting service: 8 credits for each successful picture, "
                "nothing for a failure. The key is read from OUTPAINT_API_KEY on the server, never from the workflow."
            ),
            search_aliases=["outpaint", "uncrop", "expand image", "extend image"],
            inputs=[
                inputs.image(),
                *inputs.extents(contract.MAX_EXTENT),
                inputs.creativity(),
                inputs.prompt(),
                inputs.seed(
                    control_after_generate=False,
                    tooltip="0 = the service picks one. Every new seed is a new paid request.",
                ),
                io.Combo.Input(
                    "output_format",
                    display_name="output_format",
                    options=["png", "jpeg", "webp"],
                    default="png",
                    tooltip="Format of the service's answer. png is lossless; jpeg and webp answers are smaller.",
                ),
                io.Boolean.Input(
                    "keep_original",
                    display_name="keep_original",
                    default=True,
                    tooltip="Paste the untouched picture back and fit the new area to it. Off: the answer as it came.",
                ),
                io.Int.Input(
                    "max_credits",
                    display_name="max_credits",
                    default=80,
                    min=0,
                    max=100000,
                    tooltip="Refuse to start when one run would cost more than this many credits.",
                ),
                io.Boolean.Input(
                    "dry_run",
                    display_name="dry_run",
                    default=False,
                    tooltip="Check everything and show cost and canvas, but send nothing and spend nothing.",
                ),
                advanced(
                    io.Int.Input(
                        "reroll",
                        display_name="reroll",
                        default=0,
                        min=0,
                        max=9999,
                        control_after_generate=False,
                        tooltip=(
                            "The same inputs give the picture already paid for, free of charge. "
                            "Raise this number to buy another result."
                        ),
                    )
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image"),
                io.Mask.Output(display_name="mask"),
                io.Image.Output(display_name="raw"),
                io.Int.Output(display_name="seed"),
                io.String.Output(display_name="report"),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    async def execute(cls, **inputs) -> io.NodeOutput:
        node = cls.hidden.unique_id
        try:
            return await outpaint(node, **inputs)
        except OutpaintError as error:
            # Newer frontends show an error's text only after a click: the node says it at once.
            host.show_text(node, str(error))
            raise


async def outpaint(
    node: str,
    image: torch.Tensor,
    left: int,
    right: int,
    up: int,
    down: int,
    creativity: float,
    prompt: str,
    seed: int,
    output_format: str,
    keep_original: bool,
    max_credits: int,
    dry_run: bool,
    reroll: int = 0,
) -> io.NodeOutput:
    """The node's work: plan, pay for what is new, join. Raises OutpaintError."""
    originals = pictures_of(image)
    jobs = [
        batch.Job(
            codec.to_pil(original[..., :3]),
            contract.Parameters(left, right, up, down, creativity, prompt, seed_of(seed, index), output_format),
            reroll,
        )
        for index, original in enumerate(originals)
    ]
    extents = Extents(left, right, up, down)
    service = Service.open(host.system_folder(), host.output_folder() / "outpaint")
    lost = [attempt for attempt in service.recover() if attempt.outcome == "unknown"]
    plan = batch.plan(service, jobs, max_credits)
    if dry_run:
        return preview(node, originals, extents, seed, plan)
    flight = batch.start(plan)
    try:
        await host.follow(node, lambda: flight.done, lambda: "\n".join(flight.lines()), lambda: flight.fraction)
    except BaseException:
        # Cancelled, or another node failed. Answers under way are kept by the threads that wait for them.
        flight.cancel()
        host.show_text(node, "Cancelled. An answer under way is kept: run again to collect it free of charge.")
        raise
    results = flight.results()
    return finish(node, originals, extents, seed, keep_original, service, results, lost)


def pictures_of(image: torch.Tensor) -> list[torch.Tensor]:
    """The pictures of a batch, each ``[1, H, W, 3]`` (or 4, with alpha) float32 on the CPU.

    Raises:
        InputError: not a batch of pictures, or values that are not finite.
    """
    try:
        return list(checked(image).detach().to("cpu", torch.float32).split(1))
    except InputError as error:
        raise contract.refuse(error.what, error.do) from None


def seed_of(seed: int, index: int) -> int:
    """Seed of a picture in a batch: counted up, round the end of the range; 0 stays 0."""
    return (seed + index - 1) % contract.MAX_SEED + 1 if seed else 0


def preview(node: str, originals: list, extents: Extents, seed: int, plan: batch.Plan) -> io.NodeOutput:
    """What would be sent and what it would cost, with a soft fill in place of the answer."""
    filled = torch.cat([prefill(original[..., :3], extents, kind="smooth") for original in originals])
    mask = torch.ones(filled.shape[:3])
    mask[:, extents.up : extents.up + originals[0].shape[1], extents.left : extents.left + originals[0].shape[2]] = 0
    text = f"Dry run, nothing sent. {plan.text()}; canvas {filled.shape[2]}×{filled.shape[1]}."
    try:
        plan.service.key()
    except OutpaintError:
        text += " No usable API key is set up yet."
    host.show_text(node, text)
    return io.NodeOutput(filled, mask, filled, seed, text, ui=shown.source(originals[0], len(originals)))


def finish(
    node: str,
    originals: list,
    extents: Extents,
    seed: int,
    keep_original: bool,
    service: Service,
    results: list[batch.Result],
    lost: list,
) -> io.NodeOutput:
    """Tensors and report of what came."""
    raws = [codec.from_pil(result.picture) for result in results]
    lines = [balance(service, sum(result.credits for result in results))]
    if lost:
        lines.append(f"{count(len(lost), 'earlier request')} ended without a known outcome: see 'outpaint ledger'.")
    images, masks = [], []
    for number, (original, raw, result) in enumerate(zip(originals, raws, results, strict=True), start=1):
        price = f"{result.credits} credits" if result.credits else "0 credits, from the pictures paid for before"
        lines.append(f"picture {number}: {price}; seed {result.seed}; kept in {result.file}")
        warnings = list(result.warnings)
        if keep_original:
            joined = returned.join(original, raw, extents, seed=seed)
            images.append(joined.image)
            masks.append(joined.mask)
            warnings += joined.warnings
            lines += joined.text.splitlines()
        else:
            images.append(raw)
            masks.append(new_area(raw, original, extents))
        lines += [f"warning: {warning}" for warning in warnings]
    (image, notes), (mask, _), (raw, raw_notes) = map(returned.as_batch, (images, masks, raws))
    lines += [f"warning: {note}" for note in dict.fromkeys((*notes, *raw_notes))]
    report = "\n".join(lines)
    brief = [line for line in lines[1:] if line.startswith("warning")] or [f"kept in {results[0].file}"]
    host.show_text(node, "\n".join([lines[0], *brief]))
    used = next((r.seed for r in results if r.seed is not None), seed)
    ui = shown.source(originals[0], len(originals)) | shown.result(image)
    return io.NodeOutput(image, mask, raw, used, report, ui=ui)


def balance(service: Service, spent: int) -> str:
    """Spending in one line. The money is spent: a ledger that cannot be read now is no reason to fail."""
    try:
        summary = service.ledger.summary()
    except OutpaintError as error:
        return f"{spent} credits · {error.what}"
    return f"{spent} credits · today {summary.today_credits} · unknown {len(summary.unknown)}"


def new_area(raw: torch.Tensor, original: torch.Tensor, extents: Extents) -> torch.Tensor:
    """Mask ``[1, H, W]`` of the answer: 0 where the original lies if the answer has the size asked for, else 1."""
    mask = torch.ones(raw.shape[:3])
    height, width = original.shape[1:3]
    if raw.shape[1:3] == (height + extents.up + extents.down, width + extents.left + extents.right):
        mask[:, extents.up : extents.up + height, extents.left : extents.left + width] = 0
    return mask
