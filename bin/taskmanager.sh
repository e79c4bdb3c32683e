#!/bin/sh
# taskmanager.sh (start|start-foreground) [-D KEY=VALUE ...] | stop | stop-all
set -eu
. "$(dirname "$0")/config.sh"
usage="Usage: taskmanager.sh ((start|start-foreground) [-D key=value ...])|stop|stop-all"
action=${1:-}
[ -n "$action" ] || { echo "$usage" >&2; exit 1; }
shift
case $action in
start) exec "$bin/weir-daemon.sh" start taskexecutor taskmanager "$@" ;;
start-foreground) exec "$weir" taskmanager "$@" ;;
stop | stop-all) exec "$bin/weir-daemon.sh" "$action" taskexecutor ;;
*) echo "Invalid action '$action'. $usage" >&2; exit 1 ;;
esac
