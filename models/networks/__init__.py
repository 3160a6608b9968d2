# SPDX-License-Identifier: Apache-2.0
"""Networks, one table and one `build` each. sapmcu.train.networks finds them here, or in the wheel: sapmcu.networks."""
