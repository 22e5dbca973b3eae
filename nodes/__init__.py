"""The node pack. Importing it needs neither ComfyUI nor torch; the node classes are listed in ``extension``."""
