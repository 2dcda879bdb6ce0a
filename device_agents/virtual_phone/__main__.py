"""The command line of the farm of virtual phones.

python -m device_agents.virtual_phone up --phones 2 [--abi x86_64|arm64] | down | status | addresses
python -m device_agents.virtual_phone fault NAME FAULT [ARGUMENT ...]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from device_agents import ending
from device_agents.virtual_phone import farm
from device_agents.virtual_phone.control import ask
from device_agents.virtual_phone.errors import FarmError
from device_agents.virtual_phone.phone import KIND, Phone


def _say(line: str) -> None:
    sys.stderr.write(f"farm: {line}\n")
    sys.stderr.flush()


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


def _table(phones: Sequence[Phone]) -> None:
    rows = [("name", "address", "abi", "kind", "state", "cable")]
    for phone in phones:
        try:
            answer = ask(phone, "status", deadline_s=5.0)
            state = (str(answer["said"]), str(answer["wire"]))
        except FarmError:
            state = ("lost (`up` restarts it, `down` removes it)", "-")
        rows.append((phone.name, phone.address, phone.abi, phone.kind, *state))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        _print("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())


def _number(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 200:  # the last byte of an address
        raise argparse.ArgumentTypeError(f"wanted 1 to 200 phones, found {number}")
    return number


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m device_agents.virtual_phone", description="Virtual phones.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start phones, and leave running ones alone")
    up.add_argument("--phones", type=_number, default=1)
    up.add_argument("--abi", choices=sorted(KIND), default="x86_64")
    up.add_argument("--network", default="", help="first three numbers of their addresses, such as 127.0.90")
    verbs.add_parser("down", help="end all phones and remove everything of them")
    verbs.add_parser("status", help="list the phones and their state")
    verbs.add_parser("addresses", help="print the addresses for adb connect, one on each line")
    fault = verbs.add_parser("fault", help="inject a fault into one phone; the fault `restore` undoes all")
    fault.add_argument("name")
    fault.add_argument("fault")
    fault.add_argument("argument", nargs="*")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 2 when it fails."""
    arguments = _arguments(argv)
    try:
        if arguments.verb == "up":
            _table(farm.up(arguments.phones, arguments.abi, _say, arguments.network))
        elif arguments.verb == "down":
            names = farm.down(_say)
            _print(f"ended: {', '.join(names)}" if names else "no phones were up")
        elif arguments.verb == "fault":
            _print(str(ask(_named(arguments.name), arguments.fault, " ".join(arguments.argument))["said"]))
        elif arguments.verb == "addresses":
            for phone in farm.phones(farm.root()):
                _print(phone.address)
        else:
            found = farm.phones(farm.root())
            _table(found) if found else _print("no phones: start some with `up`")
    except FarmError as error:
        _say(str(error))
        return 2
    return 0


def _named(name: str) -> Phone:
    found = {phone.name: phone for phone in farm.phones(farm.root())}
    if name not in found:
        raise FarmError(f"no phone {name!r}; there are: {', '.join(found) or 'none'}")
    return found[name]


if __name__ == "__main__":
    ending.run("farm", main)
