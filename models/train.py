"""Train the bundled model, `reader`, from nothing: a stage 0 of our own, then the paper's two stages.

    python -m models.train --out folder                # hours; run it again to go on where it was stopped

Stage 0 stands in for the paper's pretrained parts (SigLIP and BlueLM-3B). `glyphs`: the encoder learns to name the
characters in each patch of a tile. `text`: the decoder learns to answer from pages written straight into its
tokens, each the sum of an embedding for every character and its place in the token. Both helpers (the head and the
embeddings) are thrown away. Then as in BlueLM-V-3B (arXiv 2411.10640, sec. 4, Tab. 7 and 8): `projector` trains
the projector alone on images of one 384 tile; `everything` trains all weights on images of up to 4x4 tiles.

Every step's pages, questions and rates follow from (seed, stage, step) alone (:mod:`models.curriculum`).
Arithmetic is bfloat16 with float32 master weights, as the paper's: other kernels or another number of threads
change last digits, and with them the weights.
"""

from __future__ import annotations

from device_agents import ending
from models.extras import need

if __name__ == "__main__":  # before the imports below would fail with a traceback
    need("train", "models", "torch", "PIL", "safetensors")

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from models.cells import CODES, SLOTS
from models.curriculum import STAGES, Name, Stage, Work, rate_at, shown, work_of
from models.data import Split, samples
from models.errors import PrepareError
from models.mllm import PRESETS, Mllm, MllmConfig, random_mllm
from models.packed import answer, exact
from models.projector import downsample

LAYER_DECAY = 0.9
"""From the encoder's last layer to its first, rates fall by this from one to the next (the paper, Tab. 8)."""

CLIP = 1.0
"""Largest norm of a step's gradient: a common choice; the paper names none."""

SAVE_S = 300.0
"""Seconds between two checkpoints: what a cut may cost."""

SAY_EVERY = 25
VALIDATION_PAGES = 64

Say = Callable[[str], None]


class Written(nn.Module):
    """The tokens of stage `text`: cells [tiles, P, slots] -> [tiles, T, H], the sum of their characters'."""

    def __init__(self, config: MllmConfig) -> None:
        super().__init__()
        self.side = config.vision.side
        self.embedding = nn.Embedding(4 * SLOTS * CODES, config.language.hidden)
        nn.init.normal_(self.embedding.weight, 0.0, 0.15)

    def forward(self, cells: Tensor) -> Tensor:
        joined = downsample(cells, self.side)
        each: Tensor = self.embedding(joined + torch.arange(4 * SLOTS) * CODES)
        return (each * (joined > 0)[..., None]).sum(-2)


class Trainee(nn.Module):
    """The model, and the two helpers of stage 0."""

    def __init__(self, config: MllmConfig, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.model: Mllm = random_mllm(config, seed).requires_grad_(True)
        self.head = nn.Linear(config.vision.hidden, SLOTS * CODES)
        self.written = Written(config)

    def forward(self, work: Work) -> Tensor:
        """Return logits [n, .]: of the codes of picked patches, or of the answers' tokens."""
        model = self.model
        kept = None
        if work.shown.dtype == torch.long:
            image = self.written(work.shown)
            kept = (
                downsample(work.shown, self.written.side).any(-1).flatten()
            )  # empty tokens cost time, say nothing
        else:
            features = model.vision(model.patch_embedding(work.shown.to(model.projector.first.weight.dtype)))
            if work.picked is not None:
                codes: Tensor = self.head(features[work.picked])
                return codes.view(-1, CODES)
            image = model.projector(features)
        assert work.questions is not None  # for the type checker: only picked patches have none
        return answer(model.language, image.flatten(0, 1), work.questions, kept)

    def parts(self, stage: Name) -> Mapping[str, nn.Parameter]:
        """Return what a stage trains, by name."""
        trained = {
            "glyphs": ("model.patch_embedding", "model.vision", "head"),
            "text": ("model.language", "written"),
            "projector": ("model.projector",),
            "everything": ("model",),
        }[stage]
        return {name: p for name, p in self.named_parameters() if name.startswith(trained)}


def loss_of(logits: Tensor, work: Work) -> Tensor:
    """Return the mean cross-entropy in nats."""
    wanted = work.codes.flatten() if work.codes is not None else work.questions.targets  # type: ignore[union-attr]
    return functional.cross_entropy(logits.float(), wanted)


def right(logits: Tensor, work: Work) -> tuple[int, int]:
    """Return how many are right and how many there are: characters for `glyphs`, else whole answers."""
    if work.codes is not None:
        wanted = work.codes.flatten()
        there = wanted > 0
        return int((logits.argmax(-1) == wanted)[there].sum()), int(there.sum())
    assert work.questions is not None  # for the type checker
    found = exact(logits, work.questions)
    return sum(found), len(found)


def optimiser(trainee: Trainee, stage: Stage) -> torch.optim.AdamW:
    """Return the paper's AdamW (Tab. 7, 8): betas 0.9 and 0.98, epsilon 1e-6, weight decay 0.05.

    In `everything` the rates of the encoder's layers decay from the last to the first; `share` keeps each one's.
    """
    layers = len(trainee.model.vision.layers)
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in trainee.parts(stage.name).items():
        depth = 0
        if stage.name == "everything" and name.startswith("model.patch_embedding"):
            depth = layers + 1
        elif stage.name == "everything" and name.startswith("model.vision.blocks."):
            depth = layers - int(name.split(".")[3])
        groups.setdefault(LAYER_DECAY**depth, []).append(parameter)
    return torch.optim.AdamW(
        [{"params": parameters, "share": share} for share, parameters in groups.items()],
        lr=stage.rate,
        betas=(0.9, 0.98),
        eps=1e-6,
        weight_decay=0.05,
    )


@dataclass(frozen=True)
class Tally:
    """What happened since the last line of progress."""

    loss: float = 0.0
    right: int = 0
    asked: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.loss + other.loss, self.right + other.right, self.asked + other.asked)


def train_step(trainee: Trainee, stage: Stage, step: int, adam: torch.optim.AdamW, seed: int) -> Tally:
    """Take one step: gradients of bfloat16 copies of the weights, applied to the float32 ones."""
    masters = trainee.parts(stage.name)
    copies = {
        name: p.detach().bfloat16().requires_grad_(name in masters) for name, p in trainee.named_parameters()
    }
    tally = Tally()
    works = stage.pages if stage.name != "glyphs" else 1
    for work in work_of(stage, step, seed, trainee.model.config.vision):
        logits = functional_call(trainee, copies, (work,))
        loss = loss_of(logits, work) / works
        loss.backward()  # type: ignore[no-untyped-call]
        tally += Tally(loss.item(), *right(logits.detach(), work))
    for name, master in masters.items():
        gradient = copies[name].grad
        master.grad = None if gradient is None else gradient.float()
    nn.utils.clip_grad_norm_(masters.values(), CLIP)
    for group in adam.param_groups:
        group["lr"] = rate_at(stage, step) * group["share"]
    adam.step()
    return tally


@torch.inference_mode()
def accuracy(trainee: Trainee, split: Split, pages: int, seed: int) -> float:
    """Return the share of exact answers on the first pages of a split, in float32, all their questions."""
    found = asked = 0
    for one in samples(seed, split, pages):
        pairs = [(question.text, question.answer) for question in one.questions]
        work = shown(one, pairs, trainee.model.config.vision)
        good, many = right(trainee(work), work)
        found, asked = found + good, asked + many
    return found / asked


class Training:
    """A folder with the state of a training: `checkpoint.pt`, and `curve.jsonl` with a line for each progress."""

    def __init__(self, folder: Path, config: MllmConfig, seed: int, stages: Sequence[Stage], say: Say) -> None:
        self.folder, self.seed, self.stages, self.say = folder, seed, tuple(stages), say
        self.trainee = Trainee(config, seed)
        self.at, self.step, self.spent_s = 0, 0, 0.0
        self._adam: dict[str, object] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if (file := folder / "checkpoint.pt").exists():
            self._load(file)

    def run(self, until_s: float = float("inf")) -> bool:
        """Train until the end, or until so many seconds have passed; return whether it is the end."""
        begun = saved = time.monotonic()
        while self.at < len(self.stages):
            stage = self.stages[self.at]
            adam = optimiser(self.trainee, stage)
            if self._adam is not None:
                adam.load_state_dict(self._adam)
            tally, since = Tally(), self.step
            while self.step < stage.steps:
                tally += train_step(self.trainee, stage, self.step, adam, self.seed)
                self.step += 1
                now = time.monotonic()
                if self.step % SAY_EVERY == 0 or self.step == stage.steps:
                    self._tell(stage, tally, self.step - since, now - begun)
                    tally, since = Tally(), self.step
                if now - saved > SAVE_S or now - begun > until_s:
                    self._save(adam, now - begun)
                    saved = now
                    if now - begun > until_s:
                        return False
            self.at, self.step, self._adam = self.at + 1, 0, None
            self._save(None, time.monotonic() - begun)
        return True

    def _tell(self, stage: Stage, tally: Tally, steps: int, seconds: float) -> None:
        share = tally.right / max(1, tally.asked)
        line = {
            "stage": stage.name,
            "step": self.step,
            "loss": round(tally.loss / steps, 4),
            "right": round(share, 4),
            "seconds": round(self.spent_s + seconds),
        }
        with (self.folder / "curve.jsonl").open("a", encoding="utf-8") as curve:
            curve.write(json.dumps(line) + "\n")
        self.say(
            f"{stage.name} {self.step}/{stage.steps}: loss {line['loss']:.3f}, "
            f"right {100 * share:.1f} %, {line['seconds']} s"
        )

    def _save(self, adam: torch.optim.AdamW | None, seconds: float) -> None:
        state = {
            "seed": self.seed,
            "stages": repr(self.stages),
            "at": self.at,
            "step": self.step,
            "spent_s": self.spent_s + seconds,
            "trainee": self.trainee.state_dict(),
            "adam": None if adam is None else adam.state_dict(),
        }
        aside = self.folder / "checkpoint.part"
        torch.save(state, aside)
        aside.replace(self.folder / "checkpoint.pt")

    def _load(self, file: Path) -> None:
        state = torch.load(file, weights_only=True)
        wanted = {"seed": self.seed, "stages": repr(self.stages)}
        if differing := [key for key, value in wanted.items() if state[key] != value]:
            raise PrepareError(
                f"{file}: wanted a training with the same {' and '.join(differing)}, found another: "
                "name a new folder, or the options it was begun with"
            )
        self.trainee.load_state_dict(state["trainee"])
        self.at, self.step, self.spent_s, self._adam = state["at"], state["step"], state["spent_s"], state["adam"]
        self.say(f"going on from {file}: {self.spent_s:.0f} s spent")


def weights_of(model: Mllm) -> dict[str, Tensor]:
    """Return the tensors to ship, in float16: half the bytes, and exact again in float32."""
    return {name: parameter.detach().half().contiguous() for name, parameter in model.named_parameters()}


def main() -> int:
    """Train from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.train", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the training; resumed if it has one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="share of every stage's steps (default 1)")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="stop after so long; run again to go on"
    )
    arguments = parser.parse_args()
    say: Say = lambda line: print(line, file=sys.stderr, flush=True)  # noqa: E731, T201 - progress
    stages = [replace(stage, steps=max(1, round(stage.steps * arguments.share))) for stage in STAGES]
    try:
        training = Training(arguments.out, PRESETS["reader"], arguments.seed, stages, say)
        if not training.run(60.0 * arguments.minutes):
            say("stopped: run the same command to go on")
            return 0
        save_file(weights_of(training.trainee.model), arguments.out / "reader.safetensors")
        share = accuracy(training.trainee, "validation", VALIDATION_PAGES, arguments.seed)
    except (PrepareError, OSError) as error:
        print(f"train: {error}", file=sys.stderr)  # noqa: T201 - the program's message
        return 2
    print(f"{arguments.out / 'reader.safetensors'}: {100 * share:.1f} % exact on validation pages")  # noqa: T201
    return 0


if __name__ == "__main__":
    ending.run("train", main)
