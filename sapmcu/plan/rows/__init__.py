# SPDX-License-Identifier: Apache-2.0
"""Plans row by row: cascades and a place in the arena for every row."""

from sapmcu.plan.rows.plan import CascadeOptions, plan_cascades
from sapmcu.plan.rows.verify import verify_cascades

__all__ = ["CascadeOptions", "plan_cascades", "verify_cascades"]
