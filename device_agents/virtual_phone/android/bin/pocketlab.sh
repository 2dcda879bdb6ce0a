# Sourced by the Android tools of a virtual phone; runs under mksh (the phone's sh) and any POSIX shell.
# No here-documents: mksh keeps them in files under /tmp, and Android has none. Few processes: under qemu each one
# costs tens of milliseconds.
state=${POCKETLAB_STATE:-/metadata/pocketlab} # its files: sensors.py; NAME and MODE: knobs.py

if [ -n "${KSH_VERSION-}" ]; then
	say() { print -r -- "$*"; } # mksh has no printf of its own, and its echo reads backslashes
else
	say() { printf '%s\n' "$*"; }
fi
complain() { say "$*" >&2; }

# value_of FILE: read its only line into $value; false when there is none
value_of() { value= && [ -f "$1" ] && { IFS= read -r value <"$1" || [ -n "$value" ]; } 2>/dev/null; }

# is_name WORD: true if it can name a file in the state folder; no other word is an existing key
is_name() { case $1 in '' | .* | *[!A-Za-z0-9_.@:-]*) return 1 ;; esac; }

# ask NAME: read the mode of NAME into $mode, and wait while it is `hang`
ask() {
	while value_of "$state/sensor/$1" && [ "$value" = hang ]; do sleep 1; done
	mode=${value:-ok}
}

# command_of NAME: apply the mode of a program, which may be missing or forbidden
command_of() {
	ask "$1"
	case $mode in
	vanish) complain "/system/bin/sh: $1: inaccessible or not found" && exit 127 ;;
	refuse) complain "$1: Permission denied" && exit 1 ;;
	esac
}

# service_of NAME COMMAND: apply the mode of a service that gets a command
service_of() {
	ask "$1"
	case $mode in
	vanish) complain "cmd: Can't find service: $1" && exit 20 ;;
	refuse) denied "$2" ;;
	esac
}

# What Android's ShellCommand prints, and its status -1.
denied() {
	complain ""
	complain "Exception occurred while executing '$1':"
	complain "java.lang.SecurityException: Permission denial: uid 2000 may not do this (sensor NAME refuse)"
	exit 255
}
unknown() {
	complain "Unknown command: $1"
	exit 255
}
missing() {
	complain ""
	complain "Exception occurred while executing '$1':"
	complain "java.lang.IllegalArgumentException: Argument expected after \"$1\""
	exit 255
}
