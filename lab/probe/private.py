"""What of a phone's answers may leave the machine: lines of a known form, without what names a person."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace

from lab.device.transport import Completed

LEFT_OUT = "(left out)"
"""Stands in the place of a private value; a hash of a telephone number could be reversed by trying them all."""

_ERRORS = re.compile(
    r"no such file or directory|inaccessible or not found|not found|can't find service|cannot find service|"
    r"unknown command|unknown option|no shell command|permission denied|permission denial|securityexception|"
    r"not allowed|operation not permitted|not permitted|requires permission|invalid argument|"
    r"no such device|input/output error|not implemented|not supported",
    re.IGNORECASE,
)
"""The errors that probes meet; of a line on stderr only these words are kept."""

_LABELS = re.compile(
    r"ssid|imei|imsi|meid|iccid|msisdn|phone.?number|phone\s*[:=]|e-?mail|account|android.?id|gsf|host.?name|device.?name|user.?name|"
    r"bluetooth|bt.?name|serial|latitude|longitude|location",
    re.IGNORECASE,
)
"""A line that names one of these is left out, whatever its form."""

_VALUES = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # e-mail, and accounts like it
    r"|(?<![\w:-])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![\w:-])"  # MAC, BSSID
    r"|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)"  # IPv4
    r"|\+\d[\d ()-]{6,18}\d"  # E.164, and written with spaces
    r"|(?<!\w)\d{13,20}(?!\w)"  # IMEI, IMSI, ICCID, GSF id, telephone numbers with their country
    r"|(?<!\w)[0-9A-Fa-f]{16}(?!\w)"  # Android id
)

_PERHAPS_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?![\w:])")


LONGEST = 4_000
"""Characters of a line that is looked at. A judgement: the longest that a probe asks for has some hundred, and the
patterns above take a time that grows with the square of a line's length."""


def kept(done: Completed, keeps: str, *, most: int = 1000) -> Completed:
    """Return an answer's lines that have the form `keeps`, and of its errors the kind; the rest is counted.

    `keeps` is a regular expression for a whole line without the space around it. An answer of more than `most`
    lines is not what was asked for: none is kept.
    """
    form = re.compile(keeps)
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    asked_for = [line for line in lines if len(line) <= LONGEST] if len(lines) <= most else []
    allowed = [line for line in asked_for if form.fullmatch(line) and not _LABELS.search(line)]
    said = [found.group(0) for line in done.stderr.splitlines() if (found := _ERRORS.search(line))]
    said += [found.group(0) for line in lines if line not in allowed and (found := _ERRORS.search(line))]
    if left := len(lines) - len(allowed):
        said.append(f"({left} {'line' if left == 1 else 'lines'} left out)")
    return replace(
        done, stdout="".join(f"{scrubbed(line)}\n" for line in allowed), stderr="".join(f"{e}\n" for e in said)
    )


def scrubbed(text: str) -> str:
    """Return a text without what can be recognised as private by its form alone, and without very long lines."""
    short = "\n".join(line if len(line) <= LONGEST else LEFT_OUT for line in text.split("\n"))
    return _PERHAPS_IPV6.sub(_unless_else, _VALUES.sub(LEFT_OUT, short))


def _unless_else(found: re.Match[str]) -> str:
    """Return what stands for a text with colons: an address of two groups is private, `0::` a cgroup."""
    groups = [group for group in found.group(0).split(":") if group]
    try:
        ipaddress.IPv6Address(found.group(0))
    except ValueError:
        return found.group(0)
    return LEFT_OUT if len(groups) > 1 else found.group(0)
