# SPDX-License-Identifier: Apache-2.0
"""Which layer of the model file a tensor of the .tflite comes from."""

from __future__ import annotations

import re
from collections.abc import Collection

CALL = re.compile(r"(Stateful)?PartitionedCall(_\d+)?(:\d+)?")


def layer_name(tensor: str, layers: Collection[str]) -> str:
    """The layer in whose name scope the converter made a tensor; the tensor's own name where none is known.

    Names look like model/block/conv1/Relu;model/block/norm/add: fused ops, the last first. Keras 3 numbers its scopes
    once more (conv1_1).
    """
    known = frozenset(layers)
    for path in tensor.split(";"):
        segments = [segment for segment in path.split("/") if segment]
        for segment in reversed(segments):
            for candidate in (segment, re.sub(r"_\d+$", "", segment)):
                if candidate in known:
                    return candidate
    segments = [segment for segment in tensor.split(";")[0].split("/") if not CALL.fullmatch(segment)]
    return segments[-2] if len(segments) > 1 else tensor
