"""Samplers: DDIM's numbers, what a network is taught, and the way back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dsrl_core.policies.samplers import Ddim, FlowEuler, Sampler

SAMPLERS = [
    FlowEuler(5),
    *(Ddim(5, 100, b, p) for b in ("squaredcos_cap_v2", "linear") for p in ("epsilon", "sample")),
]


@pytest.mark.parametrize(
    ("betas", "predicts", "wanted"),
    [
        ("squaredcos_cap_v2", "epsilon", [-3.8377636, -0.7527182, 5.5718250]),
        ("squaredcos_cap_v2", "sample", [-0.9997927, 0.9810028, 0.9338586]),
        ("linear", "epsilon", [-1.1688106, -0.1516842, 3.0222129]),
        ("linear", "sample", [-0.9995052, 0.9322239, 0.9286558]),
    ],
)
def test_ddim_gives_the_numbers_of_diffusers(
    betas: str, predicts: str, wanted: list[float]
) -> None:
    """Made with diffusers 0.42.1:

    s = DDIMScheduler(100, beta_schedule=betas, prediction_type=predicts, clip_sample=False)
    s.set_timesteps(5); x = torch.tensor([[-1.0, 0.25, 2.0]], dtype=torch.float64)
    for t in s.timesteps: x = s.step(torch.sin(2 * x) + t / 100, t, x).prev_sample
    """
    sampler = Ddim(5, 100, betas, predicts)
    assert sampler.times == (0.8, 0.6, 0.4, 0.2, 0.0)
    x = torch.tensor([[-1.0, 0.25, 2.0]], dtype=torch.float64)
    for index, time in enumerate(sampler.times):
        x = sampler.step(index, x, torch.sin(2 * x) + time)
    # Its table of products is float32, and the first step divides by a small one of them.
    torch.testing.assert_close(x, torch.tensor([wanted]).double(), atol=2e-6, rtol=1e-6)


def test_predicted_samples_are_cut_off_where_asked() -> None:
    sampler, x = Ddim(1, 100, predicts="sample", clip=1.0), torch.zeros(1, 2)
    assert sampler.step(0, x, torch.tensor([[3.0, -0.5]])).tolist() == [[1.0, -0.5]]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_a_network_that_learned_one_chunk_leads_there(sampler: Sampler) -> None:
    """The output that `example` wants, at each time, of noise and chunk: steps end at the chunk."""
    chunk, noise = torch.randn(1, 3), torch.randn(1, 3)
    x = _noisy(sampler, chunk, noise)
    for index in range(len(sampler.times)):
        x = sampler.step(index, x, _wanted(sampler, chunk, noise))
    torch.testing.assert_close(x, chunk, atol=1e-5, rtol=0)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_a_step_is_undone_by_the_step_before(sampler: Sampler) -> None:
    x, output = torch.randn(4, 3), torch.randn(4, 3)
    for index in range(len(sampler.times) - 1):
        back = sampler.before(index, sampler.step(index, x, output), output)
        torch.testing.assert_close(back, x, atol=1e-4, rtol=0)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_what_is_taught_is_noisy_by_its_time(sampler: Sampler) -> None:
    torch.manual_seed(0)
    chunks, noise = torch.zeros(1000, 3), torch.randn(1000, 3)
    x, times, _ = sampler.example(chunks, noise)
    assert times.shape == (1000, 1)
    assert 0 <= float(times.min()) < 0.05 < 0.95 < float(times.max()) < 1
    share = (x / noise).mean(1)[times[:, 0].argsort()]
    # A flow's time runs from noise to chunk, a diffusion's from chunk to noise.
    later = share.diff() if isinstance(sampler, Ddim) else -share.diff()
    assert float(later.min()) > -1e-5
    assert float(later.sum()) > 0.7


def _noisy(sampler: Sampler, chunk: Tensor, noise: Tensor) -> Tensor:
    """A chunk as noisy as the first step expects it."""
    if not isinstance(sampler, Ddim):
        return noise
    sample, left, *_ = sampler._roots[0]
    return sample * chunk + left * noise


def _wanted(sampler: Sampler, chunk: Tensor, noise: Tensor) -> Tensor:
    return sampler.example(chunk, noise)[2]
