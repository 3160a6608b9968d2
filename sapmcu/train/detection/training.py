# SPDX-License-Identifier: Apache-2.0
"""What a recipe needs beyond a classifier's training: losses for compile(), and mean average precision of a model.

anchors = load_anchors("ssdlite")(model)
model.compile(optimizer, loss=detector_losses())
model.fit(images, list(targets(anchors, truths, classes)))
score = evaluate_detector(model, images, truths, anchors)
"""

from __future__ import annotations

from typing import Any

from sapmcu.ir.detection import DecoderOptions
from sapmcu.ir.graph import Array
from sapmcu.train.detection.average_precision import mean_average_precision
from sapmcu.train.detection.decoder import find_boxes

ALPHA, GAMMA = 0.25, 2.0
"""Source: Lin et al., "Focal Loss for Dense Object Detection" (arXiv 1708.02002), section 4.1."""
EVALUATION = DecoderOptions(min_score=0.01, max_iou=0.45, max_boxes=100)
"""So that precision is known at all recalls."""


def detector_losses() -> list[Any]:
    """One for each output of a detector, codes and scores, against `targets`; each a mean over images."""
    return [code_loss, score_loss]


def score_loss(truth: Any, logits: Any) -> Any:
    """Focal loss of each image: the sum over anchors and classes, over the number of anchors with an object.

    truth: [n,A,classes], rows of NO_CLASS don't count. logits: the same shape.
    """
    from keras import ops

    logits = ops.cast(logits, "float32")
    counts = ops.cast(truth >= 0, "float32")
    truth = ops.maximum(truth, 0.0)
    cross_entropy = ops.maximum(logits, 0.0) - logits * truth + ops.log1p(ops.exp(-ops.absolute(logits)))
    probability = ops.sigmoid(logits)
    miss = truth * (1 - probability) + (1 - truth) * probability
    weight = truth * ALPHA + (1 - truth) * (1 - ALPHA)
    loss = ops.sum(counts * weight * miss**GAMMA * cross_entropy, axis=(1, 2))
    return loss / ops.maximum(ops.sum(truth, axis=(1, 2)), 1.0)


def code_loss(truth: Any, codes: Any) -> Any:
    """Smooth L1 of each image: the sum over codes, over the number of anchors with an object.

    truth: [n,A,5], the fifth 1 where there is an object. codes: [n,A,4]. Source: SSD, equation 2.
    """
    from keras import ops

    distance = ops.absolute(truth[..., :4] - ops.cast(codes, "float32"))
    each = ops.where(distance < 1, 0.5 * distance**2, distance - 0.5)
    is_object = truth[..., 4]
    return ops.sum(is_object[..., None] * each, axis=(1, 2)) / ops.maximum(ops.sum(is_object, axis=1), 1.0)


def evaluate_detector(
    model: Any, images: Array, truths: Array, anchors: Array, batch: int = 64, options: DecoderOptions = EVALUATION
) -> float:
    """mAP at an intersection over union of 0.5. images: as the model takes them; truths: [n,m,5]."""
    codes, scores = model.predict(images, batch_size=batch, verbose=0)
    found = [find_boxes(*one, anchors, options) for one in zip(codes, scores, strict=True)]
    return mean_average_precision(found, list(truths), scores.shape[-1])
