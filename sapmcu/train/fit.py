# SPDX-License-Identifier: Apache-2.0
"""The loop that trains a Keras model for a task: epochs, validation, checkpoints, the best weights kept.

Keras's own fit can't go on to the bit after an interruption; and on a processor the two are equally fast.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sapmcu.errors import UserError
from sapmcu.ir.graph import Array
from sapmcu.ir.measure import MEASURE_TITLES
from sapmcu.isolated import Progress
from sapmcu.train.backend import Backend
from sapmcu.train.batches import count_batches, epoch_batches
from sapmcu.train.checkpoint import HINT, Checkpoint, load_checkpoint, save_checkpoint
from sapmcu.train.data import Split
from sapmcu.train.fused_norm import fuse_normalizations
from sapmcu.train.recipe import Augmentation, Training
from sapmcu.train.task import CLASSIFICATION, Task

EVALUATION_BATCH = 100
PROGRESS_S = 60.0
"""A line of progress inside an epoch after so long."""
UNDECAYED = ("bias", "gamma", "beta")
"""Names of weights that weight decay leaves alone."""

Row = Mapping[str, Any]
Predict = Callable[[Array], Sequence[Array]]
"""Pixels, uint8 [n,H,W,C] -> the outputs of a network, [n,...] each."""


@dataclass(frozen=True)
class Job:
    """What to train on, how, for what, and where checkpoints go (None: nowhere).

    facts: what tells this training from others.
    """

    train: Split
    validation: Split
    training: Training
    augmentation: Augmentation
    checkpoint: Path | None
    facts: Mapping[str, object]
    task: Task = CLASSIFICATION


def fit(backend: Backend, model: Any, job: Job, progress: Progress) -> list[Row]:
    """Train `model`, from its checkpoint where there is one; it ends with the weights of its best epoch.

    model: real inputs 0..1 -> what the task needs. Returns a row an epoch: `epoch`, `loss`, `accuracy` (not of a
    detector), `validation_loss`, `validation_accuracy` (of a detector `validation_map`), `learning_rate`, `seconds`.
    The same job gives the same bits on the same machine, interrupted or not.
    Raises: UserError where the loss becomes infinite, or the checkpoint is of another job.
    """
    fitting = _Fitting(backend, model, job)
    history = fitting.restore()
    if history:
        progress(f"going on after epoch {len(history)}")
    while not is_finished(history, job):
        row = fitting.run_epoch(len(history) + 1, progress)
        history.append(row)
        is_best = best_row(history, job.task) is row
        if is_best:
            fitting.best = [np.array(weight) for weight in model.weights]
        fitting.save(history)
        progress(_line(row, job, is_best))
    for weight, value in zip(model.weights, fitting.best, strict=True):
        weight.assign(value)
    return history


def best_row(history: Sequence[Row], task: Task) -> Row:
    """The first with the highest score on the validation part."""
    return max(history, key=lambda row: float(row[score_key(task)]))


def score_key(task: Task) -> str:
    """Of a row."""
    return f"validation_{task.measure}"


def is_finished(history: Sequence[Row], job: Job) -> bool:
    """By the number of epochs, or early."""
    return len(history) >= job.training.epochs or is_stopped(history, job.training, job.task)


def is_stopped(history: Sequence[Row], training: Training, task: Task) -> bool:
    """Whether `patience` epochs have brought nothing better."""
    patience = training.patience
    return bool(history and patience) and len(history) - best_row(history, task)["epoch"] >= patience


def compile_predict(backend: Backend, model: Any) -> Predict:
    """The model as a function of pixels."""
    signature = [backend.tf.TensorSpec((None, *model.input_shape[1:]), backend.tf.uint8)]
    predict = backend.tf.function(lambda pixels: _outputs(model, _real(backend, pixels), training=False), signature)
    return lambda pixels: [np.asarray(one) for one in predict(backend.tf.constant(pixels))]


def evaluate(task: Task, predict: Predict, split: Split) -> tuple[Sequence[Any], float]:
    """What is found in each picture, and the mean loss."""
    found, losses = list[Any](), list[Array]()
    for start in range(0, len(split), EVALUATION_BATCH):
        part = split.part(slice(start, start + EVALUATION_BATCH))
        outputs = predict(part.images)
        found += task.find(outputs)
        losses.append(task.losses(outputs, part))
    return found, float(np.concatenate(losses).mean())


class _Fitting:
    """The model with its optimizer and the compiled step."""

    def __init__(self, backend: Backend, model: Any, job: Job) -> None:
        self.backend, self.model, self.job = backend, model, job
        fuse_normalizations(backend, model)
        self.steps = count_batches(len(job.train), job.training.batch)
        self.optimizer = make_optimizer(backend, job.training, self.steps)
        self.optimizer.build(model.trainable_variables)
        self.step = backend.tf.function(self._step)
        self.predict = compile_predict(backend, model)
        self.best: list[Array] = []

    def run_epoch(self, epoch: int, progress: Progress) -> Row:
        """Train for an epoch and validate."""
        job, start = self.job, time.monotonic()
        told, loss, right, seen, score = start, 0.0, 0, 0, {}
        batches = epoch_batches(job.train, job.training.batch, job.augmentation, seed=job.training.seed, epoch=epoch)
        for number, part in enumerate(batches, 1):
            arrays = [self.backend.tf.constant(one) for one in (part.images, *job.task.truth(part))]
            batch_loss, batch_right = self.step(*arrays)
            loss, seen = loss + float(batch_loss) * len(part), seen + len(part)
            if batch_right is not None:
                right += int(batch_right)
                score = {"accuracy": right / seen}
            if not math.isfinite(loss):
                raise UserError(
                    f"the loss became infinite in epoch {epoch}, batch {number}",
                    hint="lower learning_rate, raise warmup_epochs, or set gradient_clip, in the recipe's [training]",
                )
            if time.monotonic() - told > PROGRESS_S:
                told = time.monotonic()
                progress(f"epoch {epoch}: {number} of {self.steps} batches, loss {loss / seen:.3f}")
        found, validation_loss = evaluate(job.task, self.predict, job.validation)
        return {
            "epoch": epoch,
            "loss": loss / seen,
            **score,
            "validation_loss": validation_loss,
            score_key(job.task): job.task.score(found, job.validation),
            "learning_rate": float(np.asarray(self.optimizer.learning_rate)),
            "seconds": round(time.monotonic() - start, 1),
        }

    def _step(self, pixels: Any, *truth: Any) -> tuple[Any, Any]:
        """One batch; returns its mean loss, as it is minimized, and how many it got right."""
        tf, model, job = self.backend.tf, self.model, self.job
        with tf.GradientTape() as tape:
            outputs = _outputs(model, _real(self.backend, pixels), training=True)
            loss, right = job.task.loss(self.backend, outputs, truth, job.training.label_smoothing)
            if model.losses:
                loss += tf.add_n(model.losses)
        self.optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss, right

    def save(self, history: Sequence[Row]) -> None:
        if self.job.checkpoint is not None:
            variables, optimizer = (
                [np.array(one) for one in group] for group in (self.model.variables, self.optimizer.variables)
            )
            save_checkpoint(Checkpoint(self.job.facts, history, variables, optimizer, self.best), self.job.checkpoint)

    def restore(self) -> list[Row]:
        """Take up the checkpoint, if there is one; returns its history."""
        path = self.job.checkpoint
        if path is None or not path.exists():
            return []
        stored = load_checkpoint(path)
        groups = [(self.model.variables, stored.variables), (self.optimizer.variables, stored.optimizer)]
        if stored.facts != self.job.facts or any(
            not _fits(*group) for group in (*groups, (self.model.weights, stored.best))
        ):
            raise UserError(f"{path} is the checkpoint of another training", hint=f"{HINT}, or choose another with -o")
        for variables, values in groups:
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self.best = list(stored.best)
        return list(stored.history)


def make_optimizer(backend: Backend, training: Training, steps: int) -> Any:
    """Of Keras, by the recipe. steps: batches in an epoch."""
    optimizers = backend.keras.optimizers
    warmup = round(training.warmup_epochs * steps)
    rate: Any = training.learning_rate
    if training.schedule == "cosine":
        total = max(training.epochs * steps - warmup, 1)
        rate = optimizers.schedules.CosineDecay(
            0.0 if warmup else rate, total, warmup_target=rate if warmup else None, warmup_steps=warmup
        )
    elif warmup:
        rate = optimizers.schedules.PolynomialDecay(0.0, warmup, rate)
    clip = {"global_clipnorm": training.gradient_clip} if training.gradient_clip else {}
    decay = {"weight_decay": training.weight_decay} if training.weight_decay else {}
    if training.optimizer == "sgd":
        made = optimizers.SGD(rate, momentum=training.momentum, nesterov=training.momentum > 0, **decay, **clip)
    else:
        made = optimizers.Adam(rate, **(decay if training.optimizer == "adamw" else {}), **clip)
    if decay and training.optimizer != "adam":
        made.exclude_from_weight_decay(var_names=list(UNDECAYED))
    return made


def _real(backend: Backend, pixels: Any) -> Any:
    return backend.tf.cast(pixels, backend.tf.float32) / 255.0


def _outputs(model: Any, inputs: Any, training: bool) -> list[Any]:
    outputs = model(inputs, training=training)
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def _fits(variables: Sequence[Any], values: Sequence[Array]) -> bool:
    return [tuple(one.shape) for one in variables] == [one.shape for one in values]


def _line(row: Row, job: Job, is_best: bool) -> str:
    task = job.task
    train = f", train {row['accuracy']:.1%}" if "accuracy" in row else ""
    title = "" if "accuracy" in row else f" {MEASURE_TITLES[task.measure]}"
    return (
        f"epoch {row['epoch']}/{job.training.epochs}: loss {row['loss']:.3f}{train}, "
        f"validation{title} {row[score_key(task)]:.2%}{' (best)' if is_best else ''}, {row['seconds']:.0f} s"
    )
