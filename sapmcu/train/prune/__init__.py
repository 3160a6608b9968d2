# SPDX-License-Identifier: Apache-2.0
"""Pruning: remove whole channels of a Keras model."""

from sapmcu.train.prune.model import prune, prune_to

__all__ = ["prune", "prune_to"]
