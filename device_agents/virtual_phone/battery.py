"""The charge of a virtual phone's battery: the power from USB less the power the phone uses."""

from __future__ import annotations

from dataclasses import dataclass, replace

FULL_UAH = 5_000_000  # judgement: the usual size of such a phone's battery
USB_WATTS = 2.5  # 5 V x 500 mA: a USB 2.0 port
CHARGING, DISCHARGING, FULL = 2, 3, 5  # android.os.BatteryManager, as in device_care.md section 4


@dataclass(frozen=True)
class Battery:
    """Charge in uAh, current in uA (positive: into the battery), and whether USB power is on."""

    charge_uah: float = 0.65 * FULL_UAH  # device_care.md section 6: run at 40 to 80 %
    current_ua: float = 0.0
    powered: bool = True

    @property
    def level(self) -> int:
        """Charge in percent, as Android shows it."""
        return round(100 * self.charge_uah / FULL_UAH)

    @property
    def voltage_mv(self) -> int:
        """Voltage on a straight line between 3.5 V empty and 4.4 V full (judgement)."""
        return round(3500 + 900 * self.charge_uah / FULL_UAH)

    @property
    def status(self) -> int:
        """Android's number for charging, discharging or full."""
        if not self.powered:
            return DISCHARGING
        return FULL if self.charge_uah >= FULL_UAH else CHARGING


def step(battery: Battery, *, seconds: float, watts: float, powered: bool) -> Battery:
    """Return the battery after a phone has used `watts` for `seconds`; `powered` means USB power is on."""
    surplus = (USB_WATTS if powered else 0.0) - watts
    current_ua = surplus / (battery.voltage_mv / 1000) * 1e6
    charge = min(max(battery.charge_uah + current_ua * seconds / 3600, 0.0), FULL_UAH)
    if charge == FULL_UAH:
        current_ua = min(current_ua, 0.0)
    return replace(battery, charge_uah=charge, current_ua=current_ua, powered=powered)
