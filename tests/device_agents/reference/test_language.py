from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from device_agents.contract import Job as JobModel
from device_agents.reference.language import Language
from device_agents.reference.package import open_package, read_input
from device_agents.reference.units import open_units
from tests.device_agents.stand_in import PROMPT, job_of, write_build


@pytest.mark.parametrize("kv_cache", ["float32", "float16", "int8"])
@pytest.mark.parametrize("chunk", [3, 5])
def test_a_chunked_prefill_answers_like_a_whole_one(
    kv_cache: Literal["float32", "float16", "int8"], chunk: int, tmp_path: Path
) -> None:
    """Chunks of 3 and 5, the last padded, give the logits and tokens of one chunk of 8."""
    folder = write_build(tmp_path, kv_cache=kv_cache)
    package = open_package(folder)
    units = open_units(JobModel.model_validate(job_of(folder, {"kind": "null"})))
    image = np.linspace(-1, 1, 3 * 16, dtype=np.float32).reshape(3, 1, 16)
    answers = []
    for parallel in (PROMPT, chunk):
        language = Language(
            package,
            units,
            read_input(package, "screen"),
            image,
            prompt_tokens=PROMPT,
            parallel_tokens=parallel,
            new_tokens=8,
        )
        language.reset()
        language.prefill([], 0)
        language.decode([], 0, 0, 8)
        answers.append((language.last_logits.copy(), language.trail()))

    np.testing.assert_allclose(answers[1][0], answers[0][0], rtol=1e-4, atol=1e-5)
    assert answers[1][1].ids == answers[0][1].ids
    assert len(set(answers[0][1].ids)) > 1
