from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from device_agents.contract import (
    ROLES,
    File,
    Fingerprint,
    Output,
    Precision,
    Product,
    Stage,
    canonical_json,
    fingerprint,
    parse_event,
    relative_distance,
)

SPLITMIX64 = (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F)
"""SplitMix64's first three outputs from seed 0, as other implementations print them."""


def test_a_fingerprint_is_the_published_vector() -> None:
    """The signs are the bits of SplitMix64 from seed 0, so every language computes the same 64 sums."""
    values = (1.0, -2.0, 0.5)
    sums = [
        sum(v if hashed >> bit & 1 else -v for v, hashed in zip(values, SPLITMIX64, strict=True))
        for bit in range(64)
    ]
    found = fingerprint(np.array([values], dtype=np.float32))

    assert found.projections == sums
    assert found.projections[:8] == [3.5, 3.5, -0.5, 3.5, -3.5, -1.5, -2.5, -1.5]
    assert found.norm == pytest.approx(np.sqrt(5.25))
    assert found.shape == [1, 3]


def test_a_fingerprint_does_not_see_its_own_blocks() -> None:
    """The sums of a tensor longer than a block of 65536 are those of its head plus those of its tail."""
    values = np.random.default_rng(0).standard_normal(70_000).astype(np.float32)
    head, rest = values.copy(), values.copy()
    head[65_536:] = 0
    rest[:65_536] = 0
    parts = np.add(fingerprint(head).projections, fingerprint(rest).projections)

    np.testing.assert_allclose(fingerprint(values).projections, parts, rtol=1e-9)


def test_the_distance_of_two_fingerprints_estimates_that_of_the_tensors() -> None:
    """A tensor moved by a tenth of its norm is a tenth away, within four standard errors of 1/sqrt(128)."""
    generator = np.random.default_rng(1)
    golden, step = generator.standard_normal((2, 5000)).astype(np.float32)
    moved = golden + 0.1 * step * np.linalg.norm(golden) / np.linalg.norm(step)

    found = relative_distance(fingerprint(moved.astype(np.float32)), fingerprint(golden))
    assert found == pytest.approx(0.1, rel=4 / np.sqrt(128))


def test_what_a_broken_network_computes_survives_the_wire() -> None:
    """JSON has no NaN and infinity: they are written as strings and read back as numbers."""
    values = np.array([np.nan, 1.0], dtype=np.float32)
    line = Output(kind="logits", iteration=0, fingerprint=fingerprint(values)).model_dump_json()
    found = parse_event.validate_json(line)

    assert '"norm":"NaN"' in line
    assert found.event == "output"
    assert found.fingerprint is not None
    assert np.isnan(found.fingerprint.norm)


def test_every_stage_has_a_role() -> None:
    """Each stage has the paper's unit: the accelerator, the processor, or the waiting user."""
    assert set(ROLES) == set(Stage)
    assert {stage.value for stage in Stage if ROLES[stage] == "npu"} == {
        "vit",
        "project",
        "prefill",
        "swap",
        "decode",
    }
    assert ROLES[Stage.FIRST_TOKEN] == "user"


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../up", "a/../../b", "a\\b", "a\0b"])
def test_a_path_never_leaves_its_folder(path: str) -> None:
    """A build cannot make an agent read, or a push write, outside its folder."""
    with pytest.raises(ValidationError):
        File(path=path, sha256="0" * 64, bytes=1)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("a/./b", "wanted a path in its shortest form, 'a/b', found 'a/./b'"),
        ("./a", "wanted a path in its shortest form, 'a', found './a'"),
        ("a//b", "wanted a path in its shortest form, 'a/b', found 'a//b'"),
        ("a/", "wanted a path in its shortest form, 'a', found 'a/'"),
        ("a\nb", r"wanted a path of visible characters on one line, found 'a\nb'"),
        ("a\x1b]52;c;AA\x07", r"visible characters on one line, found 'a\x1b]52;c;AA\x07'"),
        ("a\u202eb", r"visible characters on one line, found 'a\u202eb'"),
        ("a" * 256, "wanted a path of at most 512 bytes, each name in it of at most 255, found 'aaaa"),
        ("a/" * 300 + "b", "wanted a path of at most 512 bytes"),
    ],
)
def test_a_file_has_one_path_that_can_be_shown(path: str, words: str) -> None:
    """Two spellings would be one file twice; a control character would reach a terminal."""
    with pytest.raises(ValidationError) as caught:
        File(path=path, sha256="0" * 64, bytes=1)
    assert words in str(caught.value)


def test_a_fingerprint_has_64_sums() -> None:
    """Fewer are refused when the document is read."""
    with pytest.raises(ValidationError):
        Fingerprint(shape=[1], norm=1.0, projections=[1.0] * 63)


def test_a_manifest_from_before_products_keeps_its_name() -> None:
    """A build's id hashes its document: a field that it does not have adds nothing, one that it has does."""
    old = Precision(weights="float32", activations="float32")
    product = Product(
        operator="MatMulNBits", accuracy_level=4, block=64, unpacked=False, stored_bits=4.5, loaded_bits=5.0
    )

    assert canonical_json(old) == b'{"activations":"float32","note":"","weights":"float32"}'
    assert b'"block":64' in canonical_json(old.model_copy(update={"product": product}))
