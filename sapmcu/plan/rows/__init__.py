# SPDX-License-Identifier: Apache-2.0
"""Plans row by row: cascades and a place in the arena for every row."""

from sapmcu.plan.rows.plan import CascadeOptions, cascade_front, plan_cascades
from sapmcu.plan.rows.verify import verify_cascades

__all__ = ["CascadeOptions", "cascade_front", "plan_cascades", "verify_cascades"]
