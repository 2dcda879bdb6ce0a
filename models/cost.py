"""The cost of every stage, from the configuration alone: operations, weights, cache.

Operations are counted in multiply-accumulates (MAC; one MAC = 2 FLOP) of matrix products and attention;
norms, activations and rotations are not counted, as in the paper's arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.language import LanguageConfig
from models.mllm import MllmConfig
from models.projector import downsampled_tokens
from models.quantize import BITS, Storage
from models.vision import VisionConfig


@dataclass(frozen=True)
class Cost:
    """The work of one call of a stage: MACs, number of matrix weights, KV-cache values read and written."""

    macs: int
    weights: int
    cache_values: int = 0

    @property
    def flops(self) -> int:
        """Return the floating-point operations, two per MAC."""
        return 2 * self.macs

    def weight_bytes(self, storage: Storage) -> int:
        """Return the bytes of the matrix weights stored as `storage`, without scales."""
        return self.weights * BITS[storage] // 8


def patch_embed(config: VisionConfig, batch: int = 1) -> Cost:
    """Return the cost of the convolution, as a product of P x (3 patch^2) by (3 patch^2) x D."""
    weights = 3 * config.patch_pixels**2 * config.hidden
    return Cost(macs=batch * config.tokens * weights, weights=weights)


def vit(config: VisionConfig, batch: int = 1) -> Cost:
    """Return the cost of the blocks: per layer four D x D, two D x MLP, and attention P x P x D twice."""
    a_layer = 4 * config.hidden**2 + 2 * config.hidden * config.mlp
    attention = 2 * config.tokens**2 * config.hidden
    return Cost(
        macs=batch * config.layers * (config.tokens * a_layer + attention), weights=config.layers * a_layer
    )


def project(config: MllmConfig, batch: int = 1) -> Cost:
    """Return the cost of downsampler and MLP: 4D x H and H x H on a quarter of the tokens."""
    hidden = config.language.hidden
    weights = 4 * config.vision.hidden * hidden + hidden**2
    return Cost(macs=batch * downsampled_tokens(config.vision.side) * weights, weights=weights)


def layer_weights(config: LanguageConfig) -> int:
    """Return the number of matrix weights in one decoder layer."""
    attention = config.hidden * config.head_dim * (2 * config.heads + 2 * config.key_value_heads)
    return attention + 3 * config.hidden * config.mlp


def llm(config: LanguageConfig, tokens: int, past: int = 0) -> Cost:
    """Return the cost of one call on `tokens` after `past` cached ones; logits for the last position only.

    Attention is counted as a phone's static graph computes it: including the masked half.
    """
    seen = past + tokens
    attention = 2 * tokens * seen * config.heads * config.head_dim
    head = config.hidden * config.vocabulary
    weights = config.layers * layer_weights(config)
    values = 2 * config.layers * config.key_value_heads * config.head_dim * seen
    return Cost(
        macs=tokens * weights + config.layers * attention + head, weights=weights + head, cache_values=values
    )


def prefill(config: LanguageConfig, prompt_tokens: int, parallel_tokens: int) -> Cost:
    """Return the cost of all calls of a prompt, the last one padded; `weights` are those of one call."""
    calls = [llm(config, parallel_tokens, past) for past in range(0, prompt_tokens, parallel_tokens)]
    return Cost(sum(c.macs for c in calls), calls[0].weights, sum(c.cache_values for c in calls))


def language_parameters(config: LanguageConfig) -> int:
    """Return the number of parameters, norms included; a tied head counts once."""
    tables = config.hidden * config.vocabulary * (1 if config.tied else 2)
    return config.layers * (layer_weights(config) + 2 * config.hidden) + config.hidden + tables


def cache_bytes(config: LanguageConfig, tokens: int, bytes_a_value: int) -> int:
    """Return the bytes of a key-value cache of `tokens` positions."""
    return 2 * config.layers * config.key_value_heads * config.head_dim * tokens * bytes_a_value
