"""The shell scripts that read a device's sensors, for Android's mksh, Debian's dash, and bash.

No reading starts a program: the shell's own `read` reads the files. mksh has no printf of its own, its echo
interprets backslashes, and its arithmetic has 32 bits. So numbers are passed on as text, and only characters
without a meaning to any shell are printed: any other character of a sensor or its name becomes `?`.

The scripts print one JSON object a line, with its values as text: `vitals.lines` judges them.
"""

from __future__ import annotations

LOOK = "pocketlab-look"
"""The name of a look's command on the device."""

LINES, BEAT, SCRIPT = "vitals.jsonl", "beat", "vitals.sh"
"""Files in the sampler's folder: its readings, the last thing it did, and the script itself."""

STALL_S = 3
"""How long one sensor may keep the reader before it counts as hanging. A judgement: three readings."""

LINGER_S = 30
"""How many readings a sampler still takes once the agent beside it has left its exit status: its lab ends it
within a second, unless it died. A judgement: longer than a link's stall."""

SLOW_S = 60
"""How long a look may take when every sensor answers. A judgement: twelve times a gate's wait between looks."""

DUMPSYS_S = 5
"""How long one of Android's services may take to answer; its own limit is ten seconds (device_care.md, section 4).
A judgement: half of that, because a gate asks two."""

WINDOW_S = 0.2
"""How long a single look counts CPU time. Linux counts in hundredths of a second: 20 of them for each core."""

_READ = r"""
LC_ALL=C
exec 2>/dev/null
nl='
' unsafe='*[!A-Za-z0-9_.:+ -]*' skip= plan= names= few=

# safe TEXT: put into $safe the characters that any shell can print and any JSON can hold; of a long text only its
# length, because a shell needs the square of the length to take it apart
safe() {
  safe=$1
  [ ${#1} -le 64 ] || { safe="${#1} characters"; return; }
  case $1 in $unsafe) ;; *) return ;; esac
  safe= rest=$1
  while [ -n "$rest" ]; do
    first=${rest%"${rest#?}"} rest=${rest#?}
    case $first in $unsafe) first='?' ;; esac
    safe=$safe$first
  done
}

# listed PATH: true if it exists; its folder still lists a file that we may not look at
listed() {
  [ ! -e "$1" ] && [ ! -L "$1" ] || return 0
  tail=${1##*/}
  rest=${tail#?}
  pattern=${1%/*}/[${tail%"$rest"}]$rest
  for match in $pattern; do [ "$match" = "$pattern" ] || return 0; done
  return 1
}

# lacks PATH: true if it certainly does not exist; in a folder that may not be read, that is unknown
lacks() {
  ! listed "$1" || return 1
  above=${1%/*}
  until [ -z "$above" ] || listed "$above"; do above=${above%/*}; done
  [ -z "$above" ] || { [ -r "$above" ] && [ -x "$above" ]; }
}

# closed FOLDER: true if it exists, or may, but cannot be listed; then the whole group is missing
closed() {
  if [ -r "$1" ] && [ -x "$1" ] || lacks "$1"; then return 1; fi
  plan="$plan absent all refused$nl"
}

# value FILE: put its first line into $value; false if there is none, with the reason in $why
value() {
  note "$1"
  value=
  IFS= read -r value <"$1"
  [ -z "$value" ] || return 0
  if [ -r "$1" ]; then why=nothing; elif lacks "$1"; then why=gone; else why=refused; fi
  return 1
}

# A plan consists of: group NAME ... done_with, and between them sensor NAME FILE,
# constant NAME TEXT, or absent NAME REASON.
group() { group=$1 body=; }
sensor() {
  if value "$2"; then
    case $value in *[!0-9-]* | ?????????????????????*) safe "$value"; value=$safe ;; esac
    body="$body,\"$1\":\"$value\""
  else absent "$1" $why; fi
}
constant() { body="$body,\"$1\":\"$2\""; }
absent() { missing="$missing,\"$group/$1\":\"$2\""; }
done_with() { line="$line,\"$group\":{${body#,}}"; }

# add NAME FOLDER FILE: read it at each tick, unless something in its folder hangs, or it does not exist
add() {
  case "$nl$skip$nl" in
  *"$nl$2$nl"*) plan="$plan absent '$1' hangs$nl" ;;
  *) if lacks "$2/$3"; then plan="$plan absent '$1' none$nl"; else plan="$plan sensor '$1' $2/$3$nl"; fi ;;
  esac
}

# fixed NAME FOLDER FILE: the same for a value that never changes, which is read now
fixed() {
  case "$nl$skip$nl" in *"$nl$2$nl"*) add "$1" "$2" "$3"; return ;; esac
  if value "$2/$3"; then
    safe "$value"
    plan="$plan constant '$1' '$safe'$nl"
  elif [ $why = gone ]; then plan="$plan absent '$1' none$nl"
  else plan="$plan absent '$1' $why$nl"; fi
}

# named FOLDER: put its `type` into $name, made unique in its group
named() {
  case $1 in *[!A-Za-z0-9_./:-]*) return 1 ;; esac
  case "$nl$skip$nl" in *"$nl$1/type$nl"*) plan="$plan absent '${1##*/}' hangs$nl"; return 1 ;; esac
  if ! value "$1/type"; then
    [ $why = gone ] || plan="$plan absent '${1##*/}' $why$nl"
    return 1
  fi
  safe "$value"
  name=$safe
  case "$nl$names$nl" in *"$nl$name$nl"*) name="$name ${1##*/}" ;; esac
  names=$names$nl$name
}

# few: false from the 65th sensor of a group on, so that reading stays cheap on any machine
few() { few=x$few; [ ${#few} -le 64 ] || { [ ${#few} != 65 ] || plan="$plan absent others many$nl"; return 1; }; }
begin() { plan="$plan group $1$nl" names= few=; }
close() { plan="$plan done_with$nl"; }

# discover: find the sensors once, and put into $plan what each tick reads
discover() {
  plan= policies=/sys/devices/system/cpu/cpufreq
  begin zones
  closed /sys/class/thermal || for folder in /sys/class/thermal/thermal_zone*; do
    named "$folder" || continue
    case $name in
    battery* | *skin* | apu* | npu* | mdla* | soc_max* | cpu* | gpu* | x86_pkg_temp* | *[Tt]hermal* | acpitz*) ;;
    *) continue ;;
    esac
    few && add "$name" "$folder" temp
  done
  close
  for each in clock:scaling_cur_freq cap:scaling_max_freq top:cpuinfo_max_freq; do
    begin ${each%:*}
    case $each in top:*) ask=fixed ;; *) ask=add ;; esac
    closed $policies || for folder in $policies/policy[0-9]*; do
      case $folder in *[!A-Za-z0-9_./:-]*) continue ;; esac
      few && $ask "${folder##*/}" "$folder" ${each#*:}
    done
    close
  done
  begin cooling
  closed /sys/class/thermal || for folder in /sys/class/thermal/cooling_device*; do
    named "$folder" && few && add "$name" "$folder" cur_state
  done
  close
  supplies
}

# supplies: the battery, and everything that may feed it: all else that can be online, because an unrecognised plug
# has the type Unknown
supplies() {
  battery=
  begin power
  ! listed /sys/class/power_supply/battery || battery=/sys/class/power_supply/battery
  closed /sys/class/power_supply || for folder in /sys/class/power_supply/*; do
    case $folder in *[!A-Za-z0-9_./:-]* | *'/*') continue ;; esac
    case ${folder##*/} in battery) battery=$folder; continue ;; esac
    named "$folder" || continue
    case $safe in
    Battery) [ -e "$folder/scope" ] || battery=${battery:-$folder} ;;
    BMS) ;;
    *) lacks "$folder/online" || { few && add "online ${folder##*/}" "$folder" online; } ;;
    esac
  done
  if [ -n "$battery" ]; then
    for each in capacity charge_counter current_now voltage_now temp; do add $each "$battery" $each; done
  fi
  close
}

# tick: read everything once, into $line
tick() {
  line= missing= up= memory= ticks=
  IFS=' ' read -r up value </proc/uptime
  eval "$plan"
  while IFS=': ' read -r key value unit; do
    case $key in MemAvailable) memory=$value; break ;; esac
  done </proc/meminfo
  cpu
  line="{\"boot_s\":\"$up\"$line,\"memory_kb\":\"$memory\",\"ticks\":\"$ticks\",\"ticks_s\":\"$now\","
  line="$line\"missing\":{${missing#,}}}"
}

# cpu: the CPU time that everything has used so far, and the clock at that moment
cpu() {
  IFS=' ' read -r key ticks </proc/stat
  IFS=' ' read -r now value </proc/uptime
}
"""

SAMPLER = (
    (
        _READ
        + r"""
# parent: who started this shell, or who took it over from a lab that died, into $parent
parent() {
  IFS= read -r parent </proc/$$/stat
  parent=${parent##*) ? } parent=${parent%% *}
}

# loop: print one line a second, until the time is up, the folder or the lab is gone, or the agent has long ended
loop() {
  over=0
  note() { echo "at $1" >beat; }
  count=0
  discover
  while [ -e beat ]; do
    tick
    [ "${up%%.*}" -lt $until ] && [ $count -lt $bound ] || break
    if [ -e ../rc ]; then over=$((over + 1)); else over=0; fi
    [ $over -lt LINGER_S ] || break
    parent
    [ "$parent" = "$lab" ] || break
    echo "$line" >>vitals.jsonl || exit
    count=$((count + 1))
    echo $count >beat || exit
    note() { :; }
    sleep 1
  done
  [ ! -e beat ] || echo end >beat
}

# Watch the loop, and restart it without the sensor in which it hangs. The first round names each sensor before it
# reads it; when a later round stands still, the round after it finds out where.
bound=$1 tries=0
IFS=' ' read -r up value </proc/uptime
until=$((${up%%.*} + bound))
parent
lab=$parent
echo begin >beat && : >vitals.jsonl || exit
while [ $tries -lt 40 ]; do
  loop &
  reader=$! last= nap=1
  while sleep $nap; do
    [ -e beat ] || exit
    said=
    IFS= read -r said <beat
    case $said in
    end) exit ;;
    "$last") break ;;
    at*) nap=1 ;;
    *) nap=STALL_S ;;
    esac
    last=$said
  done
  kill -9 $reader
  tries=$((tries + 1))
  case $said in
  at*/type) skip=$skip$nl${said#at } ;;
  at*) said=${said#at } skip=$skip$nl${said%/*} ;;
  esac
  echo >>vitals.jsonl
done
"""
    )
    .replace("STALL_S", str(STALL_S))
    .replace("LINGER_S", str(LINGER_S))
)
"""`sh vitals.sh SECONDS`: samples into the folder that it runs in, for so long."""

_LOOK = (
    _READ
    + r"""
note() { echo "at $1" >&3; }
skip=$1
discover
tick
echo "$line"
sleep WINDOW_S
cpu
echo "{\"ticks\":\"$ticks\",\"ticks_s\":\"$now\"}"
"""
).replace("WINDOW_S", str(WINDOW_S))

_WATCHED = r"""
# Run the reader, which names on the pipe each sensor before it reads it, beside a clock that ticks into the same
# pipe: the sensor named last hangs if nothing follows for so many ticks. No reading starts a program.
exec 4>&1
{
  exec 2>/dev/null
  sh -c "$1" pocketlab "$2" 3>&1 >&4 4>&- &
  reader=$!
  while sleep 1; do echo tick || exit; done 4>&- &
  clock=$!
  echo "reader $reader"
  wait $reader
  kill -9 $clock
  echo end
} | {
  ticks=0 stood=0 last=
  while IFS= read -r said; do
    case $said in
    reader*) reader=${said#reader } ;;
    end) break ;;
    tick)
      ticks=$((ticks + 1)) stood=$((stood + 1))
      if [ $stood -gt STALL_S ]; then echo "$last"; elif [ $ticks -ge SLOW_S ]; then echo slow; else continue; fi
      kill -9 "$reader"
      break
      ;;
    *) last=$said stood=0 ;;
    esac
  done
} 4>&-
exec 4>&-
""".replace("STALL_S", str(STALL_S)).replace("SLOW_S", str(SLOW_S))

_ANDROID = r"""
command -v dumpsys >/dev/null || exit 0
for service in battery thermalservice; do
  IFS=' ' read -r before value </proc/uptime
  echo "@dumpsys $service"
  timeout -s KILL DUMPSYS_S dumpsys $service 2>&1 </dev/null
  IFS=' ' read -r after value </proc/uptime
  echo
  echo "@took $before $after"
done
""".replace("DUMPSYS_S", str(DUMPSYS_S))


def looking(skip: str, *, services: bool) -> list[str]:
    """Return the command that reads all sensors once; `skip` lists hanging paths, one a line.

    It prints the readings; or ``at PATH`` when that path hangs, or ``slow`` when it takes longer than `SLOW_S`.
    """
    return ["sh", "-c", _WATCHED + (_ANDROID if services else "exit 0\n"), LOOK, _LOOK, skip]
