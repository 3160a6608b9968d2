# SPDX-License-Identifier: Apache-2.0
"""The loop that trains a Keras classifier: epochs, validation, checkpoints, the best weights kept.

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
from sapmcu.isolated import Progress
from sapmcu.train.backend import Backend
from sapmcu.train.batches import count_batches, epoch_batches
from sapmcu.train.checkpoint import HINT, Checkpoint, load_checkpoint, save_checkpoint
from sapmcu.train.data import Split
from sapmcu.train.fused_norm import fuse_normalizations
from sapmcu.train.recipe import Augmentation, Training

EVALUATION_BATCH = 100
PROGRESS_S = 60.0
"""A line of progress inside an epoch after so long."""
UNDECAYED = ("bias", "gamma", "beta")
"""Names of weights that weight decay leaves alone."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """What to train on, how, and where checkpoints go (None: nowhere). facts: what tells this training from others."""

    train: Split
    validation: Split
    training: Training
    augmentation: Augmentation
    checkpoint: Path | None
    facts: Mapping[str, object]


def fit(backend: Backend, model: Any, job: Job, progress: Progress) -> list[Row]:
    """Train `model`, from its checkpoint where there is one; it ends with the weights of its best epoch.

    model: real inputs 0..1 -> probabilities [n,classes]. Returns a row an epoch: `epoch`, `loss`, `accuracy`,
    `validation_loss`, `validation_accuracy`, `learning_rate`, `seconds`. The same job gives the same bits on the same
    machine, interrupted or not. Raises: UserError where the loss becomes infinite, or the checkpoint is of another job.
    """
    fitting = _Fitting(backend, model, job)
    history = fitting.restore()
    if history:
        progress(f"going on after epoch {len(history)}")
    while not is_finished(history, job.training):
        row = fitting.run_epoch(len(history) + 1, progress)
        history.append(row)
        is_best = best_row(history) is row
        if is_best:
            fitting.best = [np.array(weight) for weight in model.weights]
        fitting.save(history)
        progress(_line(row, job.training, is_best))
    for weight, value in zip(model.weights, fitting.best, strict=True):
        weight.assign(value)
    return history


def best_row(history: Sequence[Row]) -> Row:
    """The first with the highest validation accuracy."""
    return max(history, key=lambda row: float(row["validation_accuracy"]))


def is_finished(history: Sequence[Row], training: Training) -> bool:
    """By the number of epochs, or early."""
    return len(history) >= training.epochs or is_stopped(history, training)


def is_stopped(history: Sequence[Row], training: Training) -> bool:
    """Whether `patience` epochs have brought nothing better."""
    return bool(history and training.patience) and len(history) - best_row(history)["epoch"] >= training.patience


def compile_predict(backend: Backend, model: Any) -> Callable[[Array], Array]:
    """The model as a function of pixels, uint8 [n,H,W,C] -> probabilities [n,classes]."""
    signature = [backend.tf.TensorSpec((None, *model.input_shape[1:]), backend.tf.uint8)]
    predict = backend.tf.function(lambda pixels: model(_real(backend, pixels), training=False), signature)
    return lambda pixels: np.asarray(predict(backend.tf.constant(pixels)))


def evaluate(predict: Callable[[Array], Array], split: Split) -> tuple[Array, float]:
    """The class that is predicted for each picture, int64 [n], and the mean cross-entropy of the right ones."""
    classes, losses = [], []
    for start in range(0, len(split), EVALUATION_BATCH):
        part = slice(start, start + EVALUATION_BATCH)
        probabilities = predict(split.images[part])
        classes.append(probabilities.argmax(axis=1))
        right = probabilities[np.arange(len(probabilities)), split.labels[part]]
        losses.append(-np.log(np.maximum(right.astype(np.float64), 1e-7)))
    return np.concatenate(classes), float(np.concatenate(losses).mean())


def accuracy(classes: Array, split: Split) -> float:
    """The share that is right."""
    return float((classes == split.labels).mean())


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
        told, loss, right, seen = start, 0.0, 0, 0
        batches = epoch_batches(job.train, job.training.batch, job.augmentation, seed=job.training.seed, epoch=epoch)
        for number, (images, labels) in enumerate(batches, 1):
            batch_loss, batch_right = self.step(self.backend.tf.constant(images), self.backend.tf.constant(labels))
            loss, right, seen = loss + float(batch_loss) * len(labels), right + int(batch_right), seen + len(labels)
            if not math.isfinite(loss):
                raise UserError(
                    f"the loss became infinite in epoch {epoch}, batch {number}",
                    hint="lower learning_rate, raise warmup_epochs, or set gradient_clip, in the recipe's [training]",
                )
            if time.monotonic() - told > PROGRESS_S:
                told = time.monotonic()
                progress(f"epoch {epoch}: {number} of {self.steps} batches, loss {loss / seen:.3f}")
        found, validation_loss = evaluate(self.predict, job.validation)
        return {
            "epoch": epoch,
            "loss": loss / seen,
            "accuracy": right / seen,
            "validation_loss": validation_loss,
            "validation_accuracy": accuracy(found, job.validation),
            "learning_rate": float(np.asarray(self.optimizer.learning_rate)),
            "seconds": round(time.monotonic() - start, 1),
        }

    def _step(self, pixels: Any, labels: Any) -> tuple[Any, Any]:
        """One batch; returns its mean loss, as it is minimized, and how many it got right."""
        tf, model, smoothing = self.backend.tf, self.model, self.job.training.label_smoothing
        with tf.GradientTape() as tape:
            probabilities = model(_real(self.backend, pixels), training=True)
            targets = tf.one_hot(labels, probabilities.shape[-1])
            targets = targets * (1 - smoothing) + smoothing / probabilities.shape[-1]
            loss = tf.reduce_mean(self.backend.keras.losses.categorical_crossentropy(targets, probabilities))
            if model.losses:
                loss += tf.add_n(model.losses)
        self.optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        right = tf.reduce_sum(tf.cast(tf.argmax(probabilities, axis=1) == labels, tf.int32))
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


def _fits(variables: Sequence[Any], values: Sequence[Array]) -> bool:
    return [tuple(one.shape) for one in variables] == [one.shape for one in values]


def _line(row: Row, training: Training, is_best: bool) -> str:
    return (
        f"epoch {row['epoch']}/{training.epochs}: loss {row['loss']:.3f}, train {row['accuracy']:.1%}, "
        f"validation {row['validation_accuracy']:.2%}{' (best)' if is_best else ''}, {row['seconds']:.0f} s"
    )
