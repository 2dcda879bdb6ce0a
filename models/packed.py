"""Many questions about one image in one pass: what training learns from, equal to asking them one by one.

The image's prompt runs through the decoder once. Every question, with its answer behind it, then attends to that
prompt and to itself alone, as if it had been asked alone.

Shapes: P prompt tokens, Q questions padded to L tokens, H hidden, E of a head, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models import tokenizer
from models.language import Block, LanguageModel, rotate
from models.prompt import AFTER, BEFORE


@dataclass(frozen=True)
class Asked:
    """Questions with their answers: `ids` [Q, L]; `at` are the places (in Q x L) that predict `targets`, and
    `question` says whose they are, [n] each.
    """

    ids: Tensor
    at: Tensor
    targets: Tensor
    question: Tensor


def asked(pairs: Sequence[tuple[str, str]]) -> Asked:
    """Lay out (question, answer) pairs; an answer ends with the tokenizer's end."""
    parts = [([*tokenizer.encode(q), *AFTER], [*tokenizer.encode(a), tokenizer.END]) for q, a in pairs]
    length = max(len(ask) + len(answer) - 1 for ask, answer in parts)
    rows = [[*ask, *answer[:-1]] for ask, answer in parts]
    spans = [(n * length + len(ask) - 1, len(answer)) for n, (ask, answer) in enumerate(parts)]
    return Asked(
        torch.tensor([row + [tokenizer.END] * (length - len(row)) for row in rows]),
        torch.tensor([begin + i for begin, n in spans for i in range(n)]),
        torch.tensor([token for _, answer in parts for token in answer]),
        torch.tensor([q for q, (_, n) in enumerate(spans) for _ in range(n)]),
    )


def answer(language: LanguageModel, image: Tensor, questions: Asked, kept: Tensor | None = None) -> Tensor:
    """Run image tokens [T, H] and questions -> logits [n, V] at the places that predict answers.

    With `kept` [T], only the image tokens for which it holds are run, each at its own position.
    """
    prompt = torch.cat((language.embed(torch.tensor(BEFORE)).to(image.dtype), image))
    texts = language.embed(questions.ids).to(image.dtype)
    room, length = len(prompt), questions.ids.shape[1]
    cosine, sine = language.cosine.to(prompt.dtype), language.sine.to(prompt.dtype)
    places = torch.arange(room)
    if kept is not None:
        places = torch.cat((places[: len(BEFORE)], len(BEFORE) + kept.nonzero()[:, 0]))
        prompt = prompt[places]
    first = cosine[places], sine[places]
    later = cosine[room : room + length], sine[room : room + length]
    for block in language.layers:
        query, key, value = _heads(block.attention.qkv(block.attention_norm(prompt)), block.attention.split, first)
        mixed = functional.scaled_dot_product_attention(
            query[None], key[None], value[None], is_causal=True, enable_gqa=True
        )[0]
        prompt = _finish(block, prompt, mixed.transpose(0, 1).flatten(1))
        fresh = _heads(block.attention.qkv(block.attention_norm(texts)), block.attention.split, later)
        texts = _finish(block, texts, _attend(*fresh, key, value))
    logits: Tensor = language.head(language.norm(texts.flatten(0, 1)[questions.at]))
    return logits * language.config.logit_scale


def _heads(
    qkv: Tensor, split: tuple[int, int, int], angles: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Split [.., t, wide] into rotated queries, rotated keys and values, [heads, .., t, E] each."""
    size = 2 * angles[0].shape[-1]
    query, key, value = (
        part.view(*part.shape[:-1], -1, size).movedim(-2, 0) for part in torch.split(qkv, list(split), dim=-1)
    )
    return rotate(query, *angles), rotate(key, *angles), value


def _attend(query: Tensor, key: Tensor, value: Tensor, prompt_key: Tensor, prompt_value: Tensor) -> Tensor:
    """Attend from each question to the prompt and, causally, to itself -> [Q, L, heads * E]."""
    heads, count, length, size = query.shape
    times = heads // key.shape[0]
    key, value = key.repeat_interleave(times, 0), value.repeat_interleave(times, 0)
    prompt_key, prompt_value = prompt_key.repeat_interleave(times, 0), prompt_value.repeat_interleave(times, 0)
    seen = (query.flatten(1, 2) @ prompt_key.mT).view(heads, count, length, -1)
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    own = (query @ key.mT).masked_fill(future, torch.finfo(query.dtype).min / 2)
    share = (torch.cat((seen, own), -1) * size**-0.5).softmax(-1)
    room = prompt_key.shape[1]
    mixed = (share[..., :room].flatten(1, 2) @ prompt_value).view(query.shape) + share[..., room:] @ value
    out: Tensor = mixed.permute(1, 2, 0, 3).flatten(2)
    return out


def _finish(block: Block, x: Tensor, mixed: Tensor) -> Tensor:
    """Add a block's attention output and its MLP to the residual stream."""
    x = x + block.scale * block.attention.out(mixed)
    gate, up = block.gate_up(block.mlp_norm(x)).chunk(2, dim=-1)
    out: Tensor = x + block.scale * block.down(functional.silu(gate) * up)
    return out


def exact(logits: Tensor, questions: Asked) -> list[bool]:
    """Return, for each question, whether greedy decoding would give its answer to the letter, and end there.

    If every token of an answer is the likeliest after the ones before it, greedy decoding writes that answer.
    """
    wrong = torch.zeros(len(questions.ids), dtype=torch.long)
    wrong.index_add_(0, questions.question, (logits.argmax(-1) != questions.targets).long())
    return [bool(count == 0) for count in wrong]
