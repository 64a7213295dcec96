#!/usr/bin/env bash
# Fetches what a configuration needs and builds its dataset, for cron and systemd:
#     seasonet-build.sh CONFIG [OPTION FOR BOTH COMMANDS ...]
# Prints nothing unless something is wrong. The exit code is that of the command that went wrong, 3 if some products
# could not be fetched or were set aside. SEASONET_BUILD names the program, SEASONET_LOG_FILE the log.
set -uo pipefail

program=${SEASONET_BUILD:-seasonet-build}
[[ $# -ge 1 ]] || { echo "usage: ${0##*/} CONFIG [OPTION ...]" >&2; exit 2; }

# A signal for this script is one for the command that it waits for, and no other is begun.
child= stopped=
trap 'stopped=1; [[ -z $child ]] || kill -TERM "$child" 2> /dev/null' TERM INT HUP

quietly() {
    local status
    [[ -z $stopped ]] || return 130
    "$program" "$@" --quiet > /dev/null &
    child=$!
    [[ -z $stopped ]] || kill -TERM "$child" 2> /dev/null # it came while the command was started
    wait "$child"
    status=$?
    while kill -0 "$child" 2> /dev/null; do # the wait was cut short by a signal
        wait "$child"
        status=$?
    done
    child=
    return "$status"
}

partly=0
for command in download run; do
    status=0
    quietly "$command" "$@" || status=$?
    case $status in
        0) ;;
        3)
            partly=3
            echo "seasonet-build $command $1: some products could not be used; ${SEASONET_LOG_FILE:-its log} names them" >&2
            ;;
        *) exit "$status" ;;
    esac
done
exit "$partly"
