"""Many questions in one pass are what asking them one by one gives."""

from __future__ import annotations

import torch

from models import tokenizer
from models.language import Cache
from models.mllm import PRESETS, random_mllm
from models.packed import answer, asked, exact
from models.prompt import AFTER, BEFORE

PAIRS = [("What time is it?", "9:41"), ("Who?", "Ada"), ("What is the Total of Zoe?", "12.50")]


def test_the_logits_are_those_of_each_question_alone() -> None:
    """Against the decoder with its cache, which shares no code with the packed pass."""
    model = random_mllm(PRESETS["tiny"], 1)
    language = model.language
    image = torch.randn(37, language.config.hidden, generator=torch.Generator().manual_seed(2))
    questions = asked(PAIRS)
    found = answer(language, image, questions)

    for number, (question, wanted) in enumerate(PAIRS):
        ids = [*tokenizer.encode(question), *AFTER, *tokenizer.encode(wanted)]
        prompt = torch.cat((language.embed(torch.tensor(BEFORE)), image, language.embed(torch.tensor(ids))))
        places = torch.arange(len(prompt) - len(wanted) - 1, len(prompt))
        alone = language(prompt, Cache.empty(language.config), places)
        torch.testing.assert_close(found[questions.question == number], alone, rtol=1e-4, atol=1e-4)


def test_tokens_that_are_left_out_leave_the_others_where_they_are() -> None:
    """With every second token left out the logits differ; with all kept they are the same."""
    language = random_mllm(PRESETS["tiny"], 1).language
    image, questions = (
        torch.randn(10, language.config.hidden, generator=torch.Generator().manual_seed(2)),
        asked(PAIRS),
    )
    whole = answer(language, image, questions)
    torch.testing.assert_close(answer(language, image, questions, torch.ones(10, dtype=torch.bool)), whole)

    last = torch.zeros(10, dtype=torch.bool)
    last[9] = True
    alone = answer(language, image[9:], questions)  # the same token, at the place of the first
    assert not torch.allclose(answer(language, image, questions, last), alone, atol=1e-3)


def test_the_targets_are_the_answers_and_the_end() -> None:
    """Byte by byte, then the tokenizer's end."""
    questions = asked([("Q?", "ab"), ("Longer?", "c")])

    assert questions.targets.tolist() == [
        *tokenizer.encode("ab"),
        tokenizer.END,
        *tokenizer.encode("c"),
        tokenizer.END,
    ]
    assert questions.question.tolist() == [0, 0, 0, 1, 1]


def test_an_answer_is_exact_if_every_token_of_it_is_the_likeliest() -> None:
    """One wrong token, the end included, and it is not."""
    questions = asked([("Q?", "ab"), ("Q?", "ab")])
    logits = torch.nn.functional.one_hot(questions.targets, 512).float()
    logits[5] = 0.0
    logits[5, 77] = 1.0  # the second answer goes on instead of ending

    assert exact(logits, questions) == [True, False]
