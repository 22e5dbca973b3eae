"""The example workflows and the blueprint: what is in them, and writing their files.

The files follow the nodes' own schemas, so that the order of widgets and the names of slots stay true. After changing
a node or an example, write them anew: ``PYTHONPATH=tests python -m host.examples`` (needs a ComfyUI).
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

from host.graph import Graph, Out, to_api

PACK = Path(__file__).resolve().parents[2]
WORKFLOWS = PACK / "example_workflows"
BLUEPRINTS = PACK / "subgraphs"
BUILT_IN = PACK / "nodes" / "cli" / "local_workflow.json"

# Where the models named in the examples come from: name, address, folder under ``models``.
HUGGING_FACE = "https://huggingface.co"
SD_INPAINT = (
    "512-inpainting-ema.safetensors",
    f"{HUGGING_FACE}/stabilityai/stable-diffusion-2-inpainting/resolve/main/512-inpainting-ema.safetensors",
    "checkpoints",
)
SD15 = (
    "v1-5-pruned-emaonly-fp16.safetensors",
    f"{HUGGING_FACE}/Comfy-Org/stable-diffusion-v1-5-archive/resolve/main/v1-5-pruned-emaonly-fp16.safetensors",
    "checkpoints",
)
SDXL = (
    "sd_xl_base_1.0.safetensors",
    f"{HUGGING_FACE}/stabilityai/stable-diffusion-xl-base-1.0/resolve/main/sd_xl_base_1.0.safetensors",
    "checkpoints",
)
FLUX_FILL = (
    "flux1-fill-dev.safetensors",
    f"{HUGGING_FACE}/Comfy-Org/flux1-dev/resolve/main/split_files/diffusion_models/flux1-fill-dev.safetensors",
    "diffusion_models",
)
CLIP_L = (
    "clip_l.safetensors",
    f"{HUGGING_FACE}/comfyanonymous/flux_text_encoders/resolve/main/clip_l.safetensors",
    "text_encoders",
)
T5XXL = (
    "t5xxl_fp16.safetensors",
    f"{HUGGING_FACE}/comfyanonymous/flux_text_encoders/resolve/main/t5xxl_fp16.safetensors",
    "text_encoders",
)
FLUX_VAE = (
    "ae.safetensors",
    f"{HUGGING_FACE}/Comfy-Org/Lumina_Image_2.0_Repackaged/resolve/main/split_files/vae/ae.safetensors",
    "vae",
)
ESRGAN = (
    "RealESRGAN_x4plus.safetensors",
    f"{HUGGING_FACE}/Comfy-Org/Real-ESRGAN_repackaged/resolve/main/RealESRGAN_x4plus.safetensors",
    "upscale_models",
)

PHOTO = "example.png"
PHOTO_SIZE = (315, 314)
SAVE_SIZE = (420, 420)
# As high as the nodes become with their handles, so that the editor shows them whole.
LOCAL_SIZE = (420, 1100)
PREPARE_SIZE = (420, 680)
RATIO_SIZE = (320, 440)
NEGATIVE = "text, watermark, frame, border"
DRAG = "**Drag the handles** in the node, or type pixels. The original's pixels are never changed."


def models_note(*models) -> str:
    rows = [f"- [{name}]({url}) \N{RIGHTWARDS ARROW} `ComfyUI/models/{folder}/`" for name, url, folder in models]
    return "\n".join(["**Models** (download once, then press *R* to refresh):", *rows])


def photo(g: Graph, at=(0, 0)) -> Out:
    return g.add("LoadImage", at, PHOTO_SIZE, image=PHOTO)[0]


def save(g: Graph, image: Out, at) -> None:
    g.add("SaveImage", at, SAVE_SIZE, images=image, filename_prefix="outpaint")


def quick_start(g: Graph) -> None:
    image = photo(g)
    note = f"""### Wider in one click, no model needed
{DRAG}

Without a model the new area is filled from the picture's own content.
Connect *model*, *clip* and *vae* to have it imagined instead."""
    g.note(note, (0, 380), (315, 210))
    extended = g.add("OutpaintLocal", (380, 0), LOCAL_SIZE, image=image, right=256)[0]
    save(g, extended, (860, 0))


def checkpoint(g: Graph, model: tuple, headline: str, advice: str, prompt: str, **settings) -> None:
    loaded = g.add("CheckpointLoaderSimple", (0, 0), (315, 98), ckpt_name=model[0], models=[model])
    image = photo(g, (0, 150))
    g.note(f"### {headline}\n{DRAG}\n\n{advice}\n\n{models_note(model)}", (0, 520), (315, 330))
    extended = g.add("OutpaintLocal", (380, 0), LOCAL_SIZE, image=image, model=loaded[0], clip=loaded[1], vae=loaded[2],
                     right=256, prompt=prompt, **settings)[0]  # fmt: skip
    save(g, extended, (860, 0))


def sd_inpaint(g: Graph) -> None:
    advice = (
        "Checkpoints made for inpainting see the picture while they paint: they continue it best, even with an empty "
        "prompt. *steps* and *cfg* at 0 take what this kind of model wants."
    )
    checkpoint(g, SD_INPAINT, "An SD inpaint checkpoint", advice, "a landscape, photo")


def sdxl(g: Graph) -> None:
    advice = "Any SDXL checkpoint works. Describe the *whole finished picture* in the prompt, not only the new part."
    checkpoint(g, SDXL, "SDXL", advice, "a landscape, photo, natural light", negative_prompt=NEGATIVE)


def any_checkpoint(g: Graph) -> None:
    advice = (
        "Models that were never trained to inpaint work too: the original is held fast while the rest is sampled. "
        "Lower *creativity* keeps closer to the border's colours."
    )
    checkpoint(g, SD15, "Any checkpoint", advice, "a landscape, photo", negative_prompt=NEGATIVE)


def flux_fill(g: Graph) -> None:
    model = g.add("UNETLoader", (0, 0), (315, 82), unet_name=FLUX_FILL[0], models=[FLUX_FILL])[0]
    clip = g.add("DualCLIPLoader", (0, 130), (315, 130), clip_name1=CLIP_L[0], clip_name2=T5XXL[0], type="flux",
                 models=[CLIP_L, T5XXL])[0]  # fmt: skip
    vae = g.add("VAELoader", (0, 310), (315, 58), vae_name=FLUX_VAE[0], models=[FLUX_VAE])[0]
    image = photo(g, (0, 420))
    note = f"""### Flux Fill
{DRAG}

Flux Fill is recognised: guidance, steps and masks are set for it.

{models_note(FLUX_FILL, CLIP_L, T5XXL, FLUX_VAE)}"""
    g.note(note, (0, 790), (315, 330))
    extended = g.add("OutpaintLocal", (380, 0), LOCAL_SIZE, image=image, model=model, clip=clip, vae=vae, right=256,
                     prompt="a landscape, photo")[0]  # fmt: skip
    save(g, extended, (860, 0))


def api(g: Graph) -> None:
    image = photo(g)
    note = f"""### The paid service: 8 credits a picture
{DRAG}

**dry_run is on**: it checks everything and shows the cost without sending. Switch it off to buy.

The key is read on the server, from `OUTPAINT_API_KEY` or a key file. It never goes into a workflow.
The same inputs are never paid for twice: raise *reroll* or change *seed* for another picture."""
    g.note(note, (0, 380), (315, 330))
    settings = {"right": 256, "prompt": "a landscape, photo", "dry_run": True}
    made = g.add("OutpaintAPI", (380, 0), (420, 760), image=image, **settings)
    save(g, made[0], (860, 0))
    g.add("PreviewAny", (860, 480), (420, 200), title="Cost and report", source=made[4])


def custom_sampler(g: Graph) -> None:
    model, clip, vae = g.add("CheckpointLoaderSimple", (0, 0), (315, 98), ckpt_name=SD15[0], models=[SD15])
    image = photo(g, (0, 150))
    note = f"""### Your own sampler between Prepare and Stitch
**Prepare** pads, prefills and masks; **Stitch** fits the new area to the untouched original.
Anything may happen in between: ControlNet, IP-Adapter, other samplers.

{models_note(SD15)}"""
    g.note(note, (0, 520), (315, 290))
    pixels, denoise_mask, _, _, canvas = g.add("OutpaintPrepare", (380, 0), PREPARE_SIZE, image=image, right=256)
    positive = g.add("CLIPTextEncode", (380, 740), (420, 110), clip=clip, text="a landscape, photo")[0]
    negative = g.add("CLIPTextEncode", (380, 900), (420, 110), clip=clip, text=NEGATIVE)[0]
    encoded = g.add("VAEEncode", (860, 0), (300, 46), pixels=pixels, vae=vae)[0]
    latent = g.add("SetLatentNoiseMask", (860, 100), (300, 46), samples=encoded, mask=denoise_mask)[0]
    patched = g.add("DifferentialDiffusion", (860, 200), (300, 58), model=model)[0]
    guider = g.add("CFGGuider", (860, 310), (300, 98), model=patched, positive=positive, negative=negative, cfg=6.0)[0]
    noise = g.add("RandomNoise", (860, 460), (300, 82), noise_seed=1)[0]
    sampler = g.add("KSamplerSelect", (860, 590), (300, 58), sampler_name="euler_ancestral")[0]
    schedule = {"scheduler": "karras", "steps": 25, "denoise": 1.0}
    sigmas = g.add("BasicScheduler", (860, 700), (300, 106), model=patched, **schedule)[0]
    sampled = g.add("SamplerCustomAdvanced", (1220, 0), (300, 326), noise=noise, guider=guider, sampler=sampler,
                    sigmas=sigmas, latent_image=latent)[0]  # fmt: skip
    decoded = g.add("VAEDecode", (1220, 380), (300, 46), samples=sampled, vae=vae)[0]
    image = g.add("OutpaintStitch", (1220, 480), (300, 150), canvas=canvas, generated=decoded)[0]
    save(g, image, (1580, 0))


def then_upscale(g: Graph) -> None:
    image = photo(g)
    note = f"""### Wider, then larger
The finished picture goes on like any other: here four times larger by an upscale model, then half of that.

{models_note(ESRGAN)}"""
    g.note(note, (0, 380), (315, 230))
    extended = g.add("OutpaintLocal", (380, 0), LOCAL_SIZE, image=image, right=256)[0]
    model = g.add("UpscaleModelLoader", (860, 0), (315, 58), model_name=ESRGAN[0], models=[ESRGAN])[0]
    larger = g.add("ImageUpscaleWithModel", (860, 110), (315, 46), upscale_model=model, image=extended)[0]
    half = g.add("ImageScaleBy", (860, 210), (315, 82), image=larger, upscale_method="area", scale_by=0.5)[0]
    save(g, half, (1230, 0))


def ratio_folder(g: Graph) -> None:
    image = photo(g)
    note = """### One ratio for a whole folder
**Outpaint to Ratio** counts the pixels that each picture needs.

**To run a folder:** copy it into `ComfyUI/input`, press *R*, and put the folder loader in the place of *Load Image*:
- *Load Image (from Folder)*, for pictures of any sizes;
- in older ComfyUI *Load Image Dataset from Folder*, which in 0.3.64 takes pictures of one size only.

No model is needed. To use one, put its sampler between Prepare and Stitch (see the example *custom sampler*).

Without opening ComfyUI: `outpaint FOLDER --ratio 16:9 -o OUT`"""
    g.note(note, (0, 380), (315, 400))
    sides = g.add("OutpaintToRatio", (380, 0), RATIO_SIZE, image=image, ratio="16:9", anchor="center")
    extents = dict(zip(("left", "right", "up", "down"), sides, strict=True))
    pixels, *_, canvas = g.add("OutpaintPrepare", (760, 0), PREPARE_SIZE, image=image, fill="content", **extents)
    joined = g.add("OutpaintStitch", (1240, 0), (300, 150), canvas=canvas, generated=pixels)[0]
    save(g, joined, (1600, 0))


BLUEPRINT = "Outpaint to a ratio"
EXAMPLES = {
    "outpaint_quick_start": quick_start,
    "outpaint_sd_inpaint": sd_inpaint,
    "outpaint_sdxl": sdxl,
    "outpaint_flux_fill": flux_fill,
    "outpaint_any_checkpoint": any_checkpoint,
    "outpaint_api": api,
    "outpaint_custom_sampler": custom_sampler,
    "outpaint_then_upscale": then_upscale,
    "outpaint_ratio_folder": ratio_folder,
}


def blueprint(info: dict) -> dict:
    g = Graph(info)
    sides = g.add("OutpaintToRatio", (0, 0), RATIO_SIZE, ratio="16:9", anchor="center")
    names = {"left": sides[0], "right": sides[1], "up": sides[2], "down": sides[3]}
    made = g.add("OutpaintLocal", (420, 0), LOCAL_SIZE, **names)
    return g.blueprint(
        BLUEPRINT,
        "Extends a picture to a ratio, by your model or, without one, from its own content. Nothing is cropped.",
        [("image", (1, "image"), (2, "image")), ("model", (2, "model")), ("clip", (2, "clip")), ("vae", (2, "vae"))],
        [("image", made[0]), ("mask", made[1]), ("report", made[2])],
        [(1, "ratio"), (1, "anchor"), (2, "creativity"), (2, "prompt"), (2, "seed")],
    )


def build(name: str, info: dict) -> dict:
    graph = Graph(info)
    EXAMPLES[name](graph)
    return graph.workflow(name)


def built_in(info: dict) -> dict:
    """The workflow that the command line queues by itself, in the format of the HTTP interface."""
    g = Graph(info)
    made = g.add("OutpaintLocal", (0, 0), LOCAL_SIZE, image=photo(g))
    save(g, made[0], (0, 0))
    g.add("PreviewAny", (0, 0), (0, 0), source=made[2])
    return to_api(g.workflow("built_in"), info)


def ready(info: dict) -> dict:
    """``info`` with the files that the examples name on their lists, whatever this host has."""
    info = copy.deepcopy(info)
    named = {
        "CheckpointLoaderSimple": {"ckpt_name": [SD_INPAINT, SDXL, SD15]},
        "UNETLoader": {"unet_name": [FLUX_FILL]},
        "DualCLIPLoader": {"clip_name1": [CLIP_L], "clip_name2": [T5XXL]},
        "VAELoader": {"vae_name": [FLUX_VAE]},
        "UpscaleModelLoader": {"model_name": [ESRGAN]},
    }
    for node, inputs in named.items():
        for name, models in inputs.items():
            info[node]["input"]["required"][name][0] = [model[0] for model in models]
    return info


def text(workflow: dict) -> str:
    return json.dumps(workflow, indent=1, ensure_ascii=False) + "\n"


def write(info: dict) -> None:
    WORKFLOWS.mkdir(exist_ok=True)
    for name in EXAMPLES:
        (WORKFLOWS / f"{name}.json").write_text(text(build(name, info)), encoding="utf-8")
    BUILT_IN.write_text(text(built_in(info)), encoding="utf-8")
    BLUEPRINTS.mkdir(exist_ok=True)
    (BLUEPRINTS / f"{BLUEPRINT}.json").write_text(text(blueprint(info)), encoding="utf-8")


if __name__ == "__main__":
    from host.server import ComfyServer, find_checkouts

    with ComfyServer(find_checkouts()[0]) as server:
        write(ready(server.get("/object_info")))
