#!/bin/sh
# standalone-job.sh (start|start-foreground) [OPTIONS of weir standalone-job] SCRIPT.sql | stop | stop-all
# A JobManager of a cluster that runs one job and ends with it; TaskManagers: taskmanager.sh start.
set -eu
. "$(dirname "$0")/config.sh"
usage="Usage: standalone-job.sh ((start|start-foreground) [--job-id id] [--fromSavepoint path [--allowNonRestoredState]] [--host host] [--webui-port port] [-D key=value ...] script.sql)|stop|stop-all"
action=${1:-}
[ -n "$action" ] || { echo "$usage" >&2; exit 1; }
shift
case $action in
start) exec "$bin/weir-daemon.sh" start standalonejob standalone-job "$@" ;;
start-foreground) exec "$weir" standalone-job "$@" ;;
stop | stop-all) exec "$bin/weir-daemon.sh" "$action" standalonejob ;;
*) echo "Invalid action '$action'. $usage" >&2; exit 1 ;;
esac
