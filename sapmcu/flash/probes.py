# SPDX-License-Identifier: Apache-2.0
"""Debug probes as the USB of a Linux host shows them, for tools that can't list their own."""

from __future__ import annotations

from pathlib import Path

from sapmcu.flash.method import Probe

USB_DEVICES = Path("/sys/bus/usb/devices")
ST_LINK = frozenset(
    ("0483", product)
    for product in ("3744", "3748", "374b", "374d", "374e", "374f", "3752", "3753", "3754", "3755", "3757")
)
"""Source: OpenOCD, tcl/interface/stlink.cfg."""
J_LINK = frozenset(
    ("1366", product)
    for product in ("0101", "0105", "1010", "1015", "1016", "1017", "1018", "1020", "1051", "1055", "1061")
)
"""Source: libjaylink, contrib/60-libjaylink.rules: those that J-Links and those on boards have."""
CMSIS_DAP = frozenset((("0d28", "0204"), ("2e8a", "000c"), ("2e8a", "0004")))
"""DAPLink; the Raspberry Pi Debug Probe and Picoprobe."""


def usb_probes(kinds: frozenset[tuple[str, str]]) -> tuple[Probe, ...] | None:
    """None where the system doesn't tell."""
    if not USB_DEVICES.is_dir():
        return None
    found = []
    for device in sorted(USB_DEVICES.iterdir()):
        if (_read(device / "idVendor"), _read(device / "idProduct")) in kinds:
            found.append(Probe(_read(device / "serial"), _read(device / "product")))
    return tuple(found)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
