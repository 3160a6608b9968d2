# SPDX-License-Identifier: Apache-2.0
"""Detectors: anchors, targets, losses, decoding, mean average precision. Boxes are as sapmcu.ir.detection says."""
