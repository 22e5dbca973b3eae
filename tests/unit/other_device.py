"""A device that is not the CPU, on any machine: tensors that lie elsewhere, and do not meet those of the CPU.

They stand for a GPU's: what mixes the two, or makes a tensor on the wrong one, fails here as it would fail there. On
request it knows no float64, as Apple's. The arithmetic is the CPU's, so results must be equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

# Of the devices that PyTorch knows on every machine, the one that no code of ours asks for.
DEVICE = torch.device("meta")
# A GPU takes indices and copies from the CPU; all else must lie together.
MEETING = {"aten::copy_", "aten::_to_copy", "aten::index", "aten::index_put_", "aten::_index_put_impl_"}


class Elsewhere(Tensor):
    """A tensor on ``DEVICE``; its values are in ``held``."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Elsewhere:
        made = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return carried_out(func, args, kwargs or {})


def carried_out(func, args, kwargs, double=True):
    """``func`` on the values; the result lies where a GPU's driver would have put it.

    Raises:
        RuntimeError: it mixes tensors from here and there.
        TypeError: the result would be there in float64, and the device knows none (``double`` is false).
    """
    tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
    elsewhere = [x for x in tensors if isinstance(x, Elsewhere)]
    # A number may come from anywhere.
    here = [x for x in tensors if not isinstance(x, Elsewhere) and x.ndim]
    name = func._schema.name
    if elsewhere and here and name not in MEETING:
        raise RuntimeError(f"Expected all tensors to be on the same device ({name}).")
    device = kwargs.get("device")
    goes = device is not None and torch.device(device) == DEVICE
    if goes:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    args, kwargs = tree_map(lambda x: x.held if isinstance(x, Elsewhere) else x, (args, kwargs))
    stays = goes or (bool(elsewhere) and device is None)
    before = {id(x.held): x for x in elsewhere}

    def placed(x):
        if not isinstance(x, Tensor) or id(x) in before:
            return before.get(id(x), x)
        if not stays:
            return x
        if not double and x.dtype in (torch.float64, torch.complex128):
            raise TypeError(f"This device knows no float64 ({name}).")
        return Elsewhere(x.resolve_conj().resolve_neg())

    return tree_map(placed, func(*args, **kwargs))


class Operations(TorchDispatchMode):
    """Carries out every operation, those that make tensors included."""

    def __init__(self, double: bool) -> None:
        super().__init__()
        self.double = double

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return carried_out(func, args, kwargs or {}, self.double)


class Calls(TorchFunctionMode):
    """What is settled before an operation is carried out: numbers become tensors, and tensors numbers."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is Tensor.new_tensor and isinstance(args[0], Elsewhere) and kwargs.get("device") is None:
            return args[0].held.new_tensor(*args[1:], **kwargs).to(DEVICE)
        if func in (torch.tensor, torch.as_tensor) and torch.device(kwargs.get("device") or "cpu") == DEVICE:
            return func(*args, **{**kwargs, "device": "cpu"}).to(DEVICE)
        # Inside, a product with a vector takes a matrix and then changes its shape in place.
        if func in (torch.matmul, Tensor.matmul, Tensor.__matmul__) and all(isinstance(x, Elsewhere) for x in args):
            return Elsewhere(func(*(x.held for x in args)))
        if func is Tensor.tolist and isinstance(args[0], Elsewhere):
            return args[0].held.tolist()
        return func(*args, **kwargs)


@contextmanager
def another_device(double: bool = True) -> Iterator[torch.device]:
    """Within this context the device is there; ``double``: it knows float64."""
    with Calls(), Operations(double):
        yield DEVICE
