# SPDX-License-Identifier: Apache-2.0
"""Small graphs in the text form, for tests."""

from sapmcu.ir.graph import Graph
from sapmcu.ir.text import parse_text

RESIDUAL = """
graph residual "two convolutions and a shortcut"
tensor x [1,4,4,2] int8 (0.5, -3)
const filter [2,1,1,2] int8 axis 0 (0.25, 0) (0.5, 0) = 1 -2 3 4
const bias [2] int32 axis 0 (0.125, 0) (0.25, 0) = 10 -10
tensor a [1,4,4,2] int8 (0.25, 4)
tensor b [1,4,4,2] int8 (0.5, 0)
tensor y [1,4,4,2] int8 (0.75, 1)
input x
output y
a = Conv2D(x, filter, bias, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=4..127)
b = Conv2D(a, filter, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)
y = Add(b, x, activation=-128..127)
"""


def residual() -> Graph:
    """Two 1×1 convolutions and an addition that reads the input again."""
    return parse_text(RESIDUAL)


BRANCHES = """
graph branches "two wide branches that end in narrow pools; the file computes both before it narrows either"
tensor x [1,8,8,4] int8 (0.5, 0)
const half [1] int8 (0.5, 0) = 1
tensor a [1,8,8,4] int8 (0.25, 0)
tensor b [1,8,8,4] int8 (0.25, 0)
tensor c [1,2,2,4] int8 (0.25, 0)
tensor d [1,2,2,4] int8 (0.25, 0)
tensor e [1,2,2,4] int8 (0.25, 0)
tensor f [1,2,2,4] int8 (0.5, 0)
tensor y [1,2,2,4] int8 (0.25, 0)
input x
output y
a = Mul(x, half, activation=-128..127)
b = Mul(x, half, activation=-128..127)
c = MaxPool2D(a, window=(4, 4), stride=(4, 4), padding=((0, 0), (0, 0)), activation=-128..127)
d = MaxPool2D(b, window=(4, 4), stride=(4, 4), padding=((0, 0), (0, 0)), activation=-128..127)
e = Add(c, d, activation=-128..127)
f = MaxPool2D(x, window=(4, 4), stride=(4, 4), padding=((0, 0), (0, 0)), activation=-128..127)
y = Add(e, f, activation=-128..127)
"""


def branches() -> Graph:
    """Two wide branches, which another order of ops keeps apart."""
    return parse_text(BRANCHES)


PADDED = f"""
graph padded "a PAD on all sides at stride 2, which SAME doesn't say; the peak is later"
tensor x [1,6,6,2] int8 (0.5, -3)
const filter [2,3,3,2] int8 (0.01, 0) = {" ".join(map(str, range(-18, 18)))}
const point [32,1,1,2] int8 (0.01, 0) = {" ".join(map(str, range(-32, 32)))}
const pads [4,2] int32 = 0 0 1 1 1 1 0 0
tensor a [1,8,8,2] int8 (0.5, -3)
tensor b [1,3,3,2] int8 (0.5, -3)
tensor y [1,3,3,32] int8 (0.5, -3)
input x
output y
a = Pad(x, pads)
b = Conv2D(a, filter, stride=(2, 2), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)
y = Conv2D(b, point, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), activation=-128..127)
"""


def padded() -> Graph:
    """A network whose PAD only the native engine can do without."""
    return parse_text(PADDED)
