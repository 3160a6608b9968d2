# SPDX-License-Identifier: Apache-2.0
"""From a trained network to a tested Cortex-M firmware, in the least SRAM."""

__version__ = "0.1.0"
