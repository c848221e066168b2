"""What modules make of their weights for predictions, and keep until these change."""

from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

Made = TypeVar("Made")
Self = TypeVar("Self", bound="DerivingModule")


class DerivingModule(nn.Module):
    """A module that keeps something that is made of its weights.

    It is dropped by `train()`, `eval()` and moves to another device or precision. Code that changes weights in another
    way has to call one of these afterwards. Copies and pickles of the module are without it.
    """

    _derived: tuple[Any, ...] = ()  # A tuple hides it from torch, which would save its weights.

    def derived(self, make: Callable[[], Made]) -> Made:
        """Return what `make` makes of the weights; it is made once."""
        kept = self._derived
        if not kept:
            kept = self._derived = (make(),)
        found: Made = kept[0]
        return found

    def train(self: Self, mode: bool = True) -> Self:
        self._derived = ()
        return super().train(mode)

    def _apply(self: Self, *args: Any, **kwargs: Any) -> Self:
        self._derived = ()
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]  # torch does not type it.
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_derived": ()}
