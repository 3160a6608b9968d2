# SPDX-License-Identifier: Apache-2.0
"""Channels that tell nothing: found, folded into what reads them, and removed."""

from sapmcu.passes.dead_channels.remove import drop_all_dead_channels, drop_dead_channels

__all__ = ["drop_all_dead_channels", "drop_dead_channels"]
