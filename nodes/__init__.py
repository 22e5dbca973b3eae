"""The node pack. Importing this package needs neither ComfyUI nor torch; the node classes are listed in ``extension``."""
