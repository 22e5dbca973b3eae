"""Nodes for the host tests: an oracle in place of a trained model, tiny random models, probes. Never shipped."""

from . import models, oracle, probes

NODE_CLASS_MAPPINGS = {**oracle.NODES, **models.NODES, **probes.NODES}
