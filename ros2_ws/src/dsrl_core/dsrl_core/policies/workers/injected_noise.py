"""Feeds a noise to a model that draws its own and takes none as an argument."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from torch import Tensor
from torch.overrides import TorchFunctionMode

from dsrl_core.errors import InvalidValue

_DRAWS: Final = frozenset(
    {"randn", "rand", "randint", "randperm", "normal", "randn_like", "rand_like", "randint_like"}
    | {"bernoulli", "multinomial", "poisson", "binomial"}
    | {"normal_", "uniform_", "bernoulli_", "exponential_", "random_", "geometric_", "cauchy_"}
    | {"log_normal_"}
)


class InjectedNoise(TorchFunctionMode):
    """Within it, the one draw of the noise's shape by `torch.randn` or `torch.normal` gives the
    noise instead.

    A model that draws it never or twice, or draws anything else, would ignore the noise or be
    random beside it: leaving the block raises InvalidValue then.
    """

    def __init__(self, noise: Tensor) -> None:
        super().__init__()
        self._noise, self._uses = noise, 0
        self._others: list[str] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = getattr(func, "__name__", "")
        drawn = func(*args, **(kwargs or {}))
        if name not in _DRAWS:
            return drawn
        if name in ("randn", "normal") and drawn.shape == self._noise.shape and not self._uses:
            self._uses = 1
            return self._noise.to(device=drawn.device, dtype=drawn.dtype)
        self._others.append(f"{name}{tuple(drawn.shape)}")
        return drawn

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)  # type: ignore[no-untyped-call]
        if kind is not None:
            return
        if not self._uses:
            raise InvalidValue(
                f"the model drew no noise of shape {tuple(self._noise.shape)}; it drew "
                f"{', '.join(self._others) or 'nothing'}: it cannot be steered by a noise"
            )
        if self._others:
            raise InvalidValue(
                f"besides its noise the model drew {', '.join(self._others)}: equal noises would "
                "not give equal chunks"
            )
