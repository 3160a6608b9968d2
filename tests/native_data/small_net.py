# SPDX-License-Identifier: Apache-2.0
"""A small graph with an op of each kind that the native engine treats in its own way."""

from sapmcu.ir.graph import Graph
from sapmcu.ir.text import parse_text

SMALL_NET = """
graph small-net "convolution, table, shortcut, pool, mean, copies, product, softmax"
tensor "image 1" [1,4,4,1] int8 (0.5, -3)
const filter [2,2,3,1] int8 axis 0 (0.25, 0) (0.5, 0) = 1 -2 3 4 5 -6 7 8 9 -10 11 12
const bias [2] int32 axis 0 (0.125, 0) (0.25, 0) = 10 -10
const half [1] int8 (0.5, 0) = 1
const axes [2] int32 = 1 2
const shape [1] int32 = 4
const matrix [4,4] int8 (0.125, 0) = 1 2 3 4 5 6 7 8 -1 -2 -3 -4 -5 -6 -7 -8
tensor a [1,4,4,2] int8 (0.25, 4)
tensor b [1,4,4,2] int8 (0.5, 0)
tensor c [1,4,4,2] int8 (0.75, 1)
tensor d [1,2,2,2] int8 (0.75, 1)
tensor e [1,2] int8 (0.5, 0)
tensor g [1,4] int8 (0.5, 0)
tensor h [1,4] int8 (0.25, 1)
tensor i [4] int8 (0.25, 1)
tensor y [4] int8 (0.00390625, -128)
input "image 1"
output y
a = Conv2D("image 1", filter, bias, stride=(1, 1), padding=((0, 1), (1, 1)), dilation=(1, 1), activation=4..127)
b = Mul(a, half, activation=-128..127)
c = Add(a, b, activation=-128..127)
d = MaxPool2D(c, window=(2, 2), stride=(2, 2), padding=((0, 0), (0, 0)), activation=-128..127)
e = Mean(d, axes, keep_dims=False)
g = Concatenation(e, e, axis=1, activation=-128..127)
h = FullyConnected(g, matrix, _, activation=-128..127, keep_num_dims=False)
i = Reshape(h, shape)
y = Softmax(i, beta=1.0)
"""


def small_net() -> Graph:
    return parse_text(SMALL_NET)


ROW_NET = """
graph row-net "convolution, shortcut, mean: by rows"
tensor image [1,6,4,1] int8 (0.5, -3)
const filter [3,3,2,1] int8 axis 0 (0.25, 0) (0.5, 0) (0.125, 0) = 1 -2 3 4 5 -6 7 8 9 -10 11 12 1 2 3 4 5 6
const point [3,1,1,3] int8 axis 0 (0.25, 0) (0.5, 0) (0.125, 0) = 1 2 3 -4 5 6 7 -8 9
const axes [2] int32 = 1 2
tensor a [1,5,3,3] int8 (0.25, 4)
tensor b [1,5,3,3] int8 (0.5, 0)
tensor c [1,5,3,3] int8 (0.75, 1)
tensor y [1,3] int8 (0.5, 0)
input image
output y
a = Conv2D(image, filter, _, stride=(1, 1), padding=((0, 1), (1, 0)), dilation=(1, 1), activation=4..127)
b = Conv2D(a, point, _, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)
c = Add(a, b, activation=-128..127)
y = Mean(c, axes, keep_dims=False)
"""


def row_net() -> Graph:
    """All of its ops have forms."""
    return parse_text(ROW_NET)
