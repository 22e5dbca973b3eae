"""The paid remote service: standard library, requests and Pillow; no torch, no ComfyUI."""
