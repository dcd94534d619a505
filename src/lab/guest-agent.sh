#!/bin/sh
# khop's agent inside a lab machine. It reads requests from the virtio-serial port khop.agent and answers
# each before it reads the next. Runs with busybox ash and with dash.
#
# A frame is one line, `@khop VERB ID ...`, and, where the line ends in lengths, that many bytes each.
# Lines that do not start with @khop are skipped, so both sides find each other again after a restart.
#
#   host -> guest                         guest -> host
#   HELLO ID                              HELLO ID BOOT_ID UPTIME RELEASE
#   EXEC ID SECONDS LENGTH + script       EXIT ID STATUS TIMED_OUT OUT_LENGTH ERR_LENGTH + out + err
#   START ID LENGTH + script              DONE ID            (its output goes to the port khop.output)
#   PUT ID MODE LENGTH PATH + bytes       DONE ID
#   GET ID PATH                           FILE ID MODE LENGTH + bytes
#                                         ERROR ID MESSAGE   (instead of any of these)
#
# A HELLO with ID 0 is sent without being asked for when the agent starts: it tells of a new kernel.

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/tool/bin
export PATH
work=/run/khop-agent
opened=
mkdir -p "$work"

# port NAME: the device of the virtio port with that name.
port() {
  for entry in /sys/class/virtio-ports/*; do
    [ -r "$entry/name" ] && read -r name <"$entry/name" && [ "$name" = "$1" ] &&
      echo "/dev/${entry##*/}" && return 0
  done
  return 1
}

# receive LENGTH FILE: the next LENGTH bytes of the port. dd takes what it is told and not a byte more.
receive() {
  : >"$2"
  [ "$1" -ge 65536 ] && dd bs=65536 count=$(($1 / 65536)) iflag=fullblock <&3 >>"$2" 2>"$work/dd"
  [ $(($1 % 65536)) -gt 0 ] && dd bs=$(($1 % 65536)) count=1 iflag=fullblock <&3 >>"$2" 2>"$work/dd"
  [ "$(size "$2")" -eq "$1" ]
}

size() {
  wc -c <"$1" | tr -d ' '
}

hello() {
  read -r boot_id </proc/sys/kernel/random/boot_id
  read -r uptime _ </proc/uptime
  echo "@khop HELLO $1 $boot_id $uptime $(uname -r)" >&3
}

# execute ID SECONDS: runs $work/script in a session of its own, which the deadline ends as a whole.
execute() {
  rm -f "$work/late"
  setsid sh "$work/script" <"/dev/null" >"$work/out" 2>"$work/err" 3>&- 4>&- &
  child=$!
  setsid sh -c 'sleep "$1"; : >"$3/late"; kill -KILL "-$2"' watchdog "$2" "$child" "$work" \
    <"/dev/null" >"/dev/null" 2>&1 3>&- 4>&- &
  watchdog=$!
  wait "$child"
  status=$?
  # A script can end before setsid has made the watchdog's group: then there is only the process to end, and
  # waiting for it would wait for the whole deadline.
  kill -KILL "-$watchdog" 2>"/dev/null" || kill -KILL "$watchdog" 2>"/dev/null"
  wait "$watchdog" 2>"/dev/null"
  late=0
  [ -e "$work/late" ] && late=1
  echo "@khop EXIT $1 $status $late $(size "$work/out") $(size "$work/err")" >&3
  cat "$work/out" "$work/err" >&3
}

# start ID: runs $work/script and does not wait; for what ends this kernel.
# The port has one opener at a time, so all of them write to what is opened once; and a shell that still reads an
# earlier script keeps that one.
start() {
  if [ -z "$opened" ]; then
    output=$(port khop.output) || output=/dev/null
    (: 4>"$output") || return 1
    exec 4>"$output"
    opened=yes
  fi
  mv "$work/script" "$work/started" || return 1
  # First, since the script may end this kernel before another line of ours runs.
  echo "@khop DONE $1" >&3
  setsid sh "$work/started" <"/dev/null" >&4 2>&1 3>&- 4>&- &
}

put() {
  mkdir -p "$(dirname "$3")" && cp "$work/file" "$3" && chmod "$2" "$3" && echo "@khop DONE $1" >&3
}

# get ID PATH: by way of a copy, because files of /proc and /sys do not know their size.
get() {
  cat "$2" >"$work/file" && mode=$(stat -Lc %a "$2") &&
    echo "@khop FILE $1 $mode $(size "$work/file")" >&3 && cat "$work/file" >&3
}

# attempt ID COMMAND...: what COMMAND says on stderr becomes the answer when it fails.
attempt() {
  id=$1
  shift
  "$@" 2>"$work/error" || echo "@khop ERROR $id $(head -c 500 "$work/error" | tr '\n' ' ')" >&3
}

# A guest that starts has better things to do than to run programs for this.
until device=$(port khop.agent); do sleep 0.3; done
exec 3<>"$device"
hello 0
while :; do
  if ! read -r magic verb id a b c <&3; then
    # The end of the data: nobody is connected on the other side.
    sleep 0.1
    continue
  fi
  [ "$magic" = @khop ] || continue
  case $verb in
    HELLO) hello "$id" ;;
    EXEC) receive "$b" "$work/script" && execute "$id" "$a" ;;
    START) receive "$a" "$work/script" && attempt "$id" start "$id" ;;
    PUT) receive "$b" "$work/file" && attempt "$id" put "$id" "$a" "$c" ;;
    GET) attempt "$id" get "$id" "$a${b:+ $b}${c:+ $c}" ;;
    *) echo "@khop ERROR $id unknown request $verb" >&3 ;;
  esac
done
