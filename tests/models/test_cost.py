"""Costs against figures from outside this code: published sizes, and arithmetic on them."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from models import cost
from models.language import LanguageConfig
from models.mllm import MINICPM_2B, PRESETS, SIGLIP_SO400M, Mllm
from models.projector import Projector
from models.vision import VisionBlocks

BLUELM = PRESETS["bluelm_v_3b"]

SHEARED_LLAMA = LanguageConfig(
    layers=32,
    hidden=2560,
    mlp=6912,
    heads=20,
    key_value_heads=20,
    head_dim=128,
    vocabulary=32000,
    cache_tokens=4096,
)
"""Sheared-LLaMA-2.7B, the language model of VILA1.5-3b."""


def test_siglip_costs_332_7_gmac_a_tile() -> None:
    """Linear layers take 299.7 GMAC and attention 33.1 GMAC, from SigLIP's public configuration."""
    total = cost.vit(SIGLIP_SO400M)
    linear = SIGLIP_SO400M.tokens * total.weights

    assert linear / 1e9 == pytest.approx(299.7, abs=0.05)
    assert (total.macs - linear) / 1e9 == pytest.approx(33.1, abs=0.05)
    assert total.macs / 1e9 == pytest.approx(332.7, abs=0.1)
    assert cost.vit(SIGLIP_SO400M, batch=9).macs / 1e12 == pytest.approx(2.99, abs=0.005)


def test_the_patch_convolution_costs_half_a_gmac_a_tile() -> None:
    """729 x 588 by 588 x 1152."""
    assert cost.patch_embed(SIGLIP_SO400M).macs == 729 * 588 * 1152


def test_siglips_blocks_hold_411_million_parameters() -> None:
    """Counted on the network itself: matrices only, without biases and norms."""
    with torch.device("meta"):
        blocks = VisionBlocks(SIGLIP_SO400M)
    parameters = sum(p.numel() for p in blocks.parameters() if p.dim() == 2)

    assert parameters / 1e6 == pytest.approx(411.1, abs=0.1)


@pytest.mark.parametrize(("hidden", "millions", "gmacs"), [(2560, 18.364, 3.60), (2304, 15.94, 3.12)])
def test_the_projector_is_as_large_as_vilas(hidden: int, millions: float, gmacs: float) -> None:
    """VILA1.5-3b's projector file holds 18.364 M parameters; it costs 3.60 GMAC per tile."""
    config = dataclasses.replace(BLUELM, language=dataclasses.replace(MINICPM_2B, hidden=hidden))
    found = cost.project(config)
    with torch.device("meta"):
        parameters = sum(p.numel() for p in Projector(27, 1152, hidden).parameters())

    assert parameters / 1e6 == pytest.approx(millions, abs=0.005)
    assert found.macs / 1e9 == pytest.approx(gmacs, abs=0.005)


@pytest.mark.parametrize(("config", "billions"), [(MINICPM_2B, 2.725), (SHEARED_LLAMA, 2.701)])
def test_the_stand_ins_have_2_7_billion_parameters(config: LanguageConfig, billions: float) -> None:
    """The total agrees with each model's published size."""
    assert cost.language_parameters(config) / 1e9 == pytest.approx(billions, abs=0.001)


def test_parameters_are_those_of_the_network() -> None:
    """The closed form equals a count of a preset with every kind of layer."""
    language = Mllm(PRESETS["tiny"]).language

    counted = sum(p.numel() for p in language.parameters())

    assert cost.language_parameters(PRESETS["tiny"].language) == counted


@pytest.mark.parametrize(("config", "megabytes"), [(MINICPM_2B, 377.5), (SHEARED_LLAMA, 335.5)])
def test_the_int8_cache_of_2048_tokens(config: LanguageConfig, megabytes: float) -> None:
    """One byte per value, keys and values, all heads."""
    assert cost.cache_bytes(config, 2048, 1) / 1e6 == pytest.approx(megabytes, abs=0.05)


def test_four_bit_weights_take_about_1_35_gigabytes() -> None:
    """2.7 billion weights take half a byte each; MiniCPM's tied table counts once, as its head."""
    found = cost.llm(MINICPM_2B, 1).weight_bytes("w4") / 1e9

    assert found == pytest.approx(1.35, abs=0.02)


def test_a_2048_token_prefill_takes_5_5_tmac() -> None:
    """Two-point-seven billion weights times 2048 tokens; attention adds a few per cent."""
    layers = cost.layer_weights(MINICPM_2B) * MINICPM_2B.layers

    assert 2048 * layers / 1e12 == pytest.approx(5.0, abs=0.05)
    assert cost.prefill(MINICPM_2B, 2048, 128).macs / 1e12 == pytest.approx(5.5, abs=0.15)


def test_a_partial_last_chunk_is_paid_in_full() -> None:
    """130 tokens at 128 per call cost two calls of 128."""
    assert cost.prefill(MINICPM_2B, 130, 128).macs == cost.prefill(MINICPM_2B, 256, 128).macs


def test_bench_has_about_200_million_language_parameters() -> None:
    """The preset for comparisons has the size that mllm.py states."""
    assert cost.language_parameters(PRESETS["bench"].language) / 1e6 == pytest.approx(215, abs=5)
