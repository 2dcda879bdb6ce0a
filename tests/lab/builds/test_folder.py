"""A build opens and verifies, or is refused with the file, what was wanted, what was found and what to do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from device_agents.contract import PROTOCOL, content_id
from lab.builds.folder import load_input, open_build, verify
from lab.device.fake.build import write_fake_build
from lab.errors import BuildError

STAND_IN = "a stand-in, no network"
ITS_SHA256 = "95f7946afa6ab164c8ee9440c101c1df70407c72a3f4f392dc0aa340e44118d9"


def refusal(folder: Path) -> str:
    """Open and verify a build that must be refused; return the words."""
    with pytest.raises(BuildError) as caught:
        verify(open_build(folder))
    return str(caught.value)


def edit(folder: Path, **changes: object) -> None:
    """Change keys of the manifest; None removes one."""
    path = folder / "manifest.json"
    raw = json.loads(path.read_bytes()) | changes
    path.write_text(json.dumps({key: value for key, value in raw.items() if value is not None}))


def test_a_whole_build_opens_and_is_named_by_its_manifest(tmp_path: Path) -> None:
    """The id comes from the manifest's content, not from its layout in the file."""
    manifest = write_fake_build(tmp_path)
    build = open_build(tmp_path)
    verify(build)
    edit(tmp_path)

    assert (build.id, build.folder, build.manifest) == (content_id(manifest), tmp_path, manifest)
    assert open_build(tmp_path).id == build.id


def test_an_input_is_read_by_name(tmp_path: Path) -> None:
    """For one that the build lacks the message lists those it has."""
    write_fake_build(tmp_path)
    build = open_build(tmp_path)

    assert load_input(build, "screen").prompt_tokens == 50
    with pytest.raises(BuildError, match="has no input 'photo'; it has: screen"):
        load_input(build, "photo")


def test_a_missing_file_is_named_with_its_size(tmp_path: Path) -> None:
    """Two are listed together."""
    write_fake_build(tmp_path)
    (tmp_path / "vit.onnx").unlink()
    (tmp_path / "llm.onnx").unlink()
    message = refusal(tmp_path)

    assert "vit.onnx: missing, wanted 22 bytes (found nothing)" in message
    assert "llm.onnx: missing" in message
    assert "export the build again" in message


def test_a_truncated_file_shows_both_sizes(tmp_path: Path) -> None:
    """As an interrupted copy leaves it."""
    write_fake_build(tmp_path)
    (tmp_path / "vit.onnx").write_bytes(STAND_IN.encode()[:9])

    assert "vit.onnx: truncated, wanted 22 bytes, found 9" in refusal(tmp_path)


def test_an_altered_file_of_the_same_size_shows_both_hashes(tmp_path: Path) -> None:
    """One bit is enough."""
    write_fake_build(tmp_path)
    (tmp_path / "vit.onnx").write_bytes(b"A stand-in, no network")

    assert f"vit.onnx: altered, wanted SHA-256 {ITS_SHA256}, found " in refusal(tmp_path)


def test_a_file_that_grew_is_altered(tmp_path: Path) -> None:
    """Its size gives it away."""
    write_fake_build(tmp_path)
    (tmp_path / "vit.onnx").write_bytes(STAND_IN.encode() + b"!")

    assert "vit.onnx: altered, wanted 22 bytes, found 23" in refusal(tmp_path)


def test_an_extra_file_is_refused(tmp_path: Path) -> None:
    """A file without a hash does not belong in a build."""
    write_fake_build(tmp_path)
    (tmp_path / "inputs" / "notes.txt").write_text("mine")

    assert "inputs/notes.txt: extra, the manifest does not list it; remove it" in refusal(tmp_path)


def test_a_long_list_of_damage_is_cut(tmp_path: Path) -> None:
    """The message shows ten and counts the rest."""
    write_fake_build(tmp_path)
    for number in range(12):
        (tmp_path / f"{number:02}.txt").write_text("mine")
    message = refusal(tmp_path)

    assert message.count("extra") == 10
    assert "and 2 more" in message


def test_a_link_out_of_the_folder_is_refused_even_with_the_right_content(tmp_path: Path) -> None:
    """Its target could change while the build stays the same."""
    folder = tmp_path / "build"
    write_fake_build(folder)
    (tmp_path / "outside").write_bytes(STAND_IN.encode())
    (folder / "vit.onnx").unlink()
    (folder / "vit.onnx").symlink_to(tmp_path / "outside")

    assert f"vit.onnx: a link that leaves the folder, to {tmp_path / 'outside'}" in refusal(folder)


def test_a_linked_folder_is_refused(tmp_path: Path) -> None:
    """Inputs elsewhere are not part of the build."""
    folder = tmp_path / "build"
    write_fake_build(folder)
    (folder / "inputs").rename(tmp_path / "inputs")
    (folder / "inputs").symlink_to(tmp_path / "inputs")

    assert "inputs/screen/input.json: a link that leaves the folder" in refusal(folder)
    with pytest.raises(BuildError, match="a link that leaves the folder"):
        load_input(open_build(folder), "screen")


def test_a_pipe_in_place_of_a_file_does_not_hang_the_lab(tmp_path: Path) -> None:
    """Only plain files are read."""
    write_fake_build(tmp_path)
    (tmp_path / "vit.onnx").unlink()
    os.mkfifo(tmp_path / "vit.onnx")

    assert "vit.onnx: missing, wanted 22 bytes (found something else)" in refusal(tmp_path)


def test_a_newer_protocol_is_reported_before_anything_else_is_checked(tmp_path: Path) -> None:
    """In a newer protocol unknown keys are no mistake."""
    write_fake_build(tmp_path)
    edit(tmp_path, protocol=PROTOCOL + 1, quantum=True, graphs=None)

    assert f"written in protocol {PROTOCOL + 1}, this lab knows {PROTOCOL}; update pocketlab" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tokenizer": None}, "tokenizer: Field required"),
        ({"colour": "blue"}, "colour: Extra inputs are not permitted"),
        ({"protocol": "1.x"}, "protocol: Input should be a valid integer"),
        ({"inputs": {"screen": "../elsewhere"}}, "stays in its folder, found '../elsewhere'"),
        ({"inputs": {"screen": "inputs/other"}}, "names 'inputs/other/input.json', which its list of files lacks"),
    ],
)
def test_a_manifest_that_makes_no_sense_names_the_key(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    """The file comes first, then the key."""
    write_fake_build(tmp_path)
    edit(tmp_path, **changes)

    assert refusal(tmp_path).startswith(str(tmp_path / "manifest.json"))
    assert words in refusal(tmp_path)


def test_a_manifest_that_lists_a_file_twice_is_refused(tmp_path: Path) -> None:
    """Either entry could be the wrong one."""
    manifest = write_fake_build(tmp_path)
    files = [file.model_dump() for file in (*manifest.files, manifest.files[0])]
    edit(tmp_path, files=files)

    assert "lists a file twice" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b'{"protocol": 1,', b"\xff\xfe", b""])
def test_broken_json_is_reported(tmp_path: Path, content: bytes) -> None:
    """Half a manifest, and something that is no JSON."""
    write_fake_build(tmp_path)
    (tmp_path / "manifest.json").write_bytes(content)

    assert f"{tmp_path / 'manifest.json'}: broken JSON" in refusal(tmp_path)


def test_what_is_no_build_says_what_it_is(tmp_path: Path) -> None:
    """An empty folder, nothing, a file."""
    (tmp_path / "file").write_text("")

    assert "manifest.json: no such file" in refusal(tmp_path)
    assert "wanted the folder of a build, found nothing" in refusal(tmp_path / "none")
    assert "wanted the folder of a build, found a file" in refusal(tmp_path / "file")
