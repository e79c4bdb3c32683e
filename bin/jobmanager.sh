#!/bin/sh
# jobmanager.sh (start|start-foreground) [HOST] [WEBUI-PORT] [-D KEY=VALUE ...] | stop | stop-all | stop-workers
# stop-workers: TaskManagers that JobManagers of this host have started by themselves and nobody is left to end.
set -eu
. "$(dirname "$0")/config.sh"
usage="Usage: jobmanager.sh ((start|start-foreground) [host] [webui-port] [-D key=value ...])|stop|stop-all|stop-workers"
action=${1:-}
[ -n "$action" ] || { echo "$usage" >&2; exit 1; }
shift
address='' port=''
case ${1:-} in -* | '') ;; *) address=$1; shift ;; esac
case ${1:-} in -* | '') ;; *) port=$1; shift ;; esac
[ -z "$port" ] || set -- "-Drest.port=$port" "-Drest.bind-port=$port" "$@"
[ -z "$address" ] || set -- "-Djobmanager.rpc.address=$address" "$@"
case $action in
start) exec "$bin/weir-daemon.sh" start standalonesession jobmanager "$@" ;;
start-foreground) exec "$weir" jobmanager "$@" ;;
stop | stop-all) exec "$bin/weir-daemon.sh" "$action" standalonesession ;;
stop-workers) exec "$bin/weir-daemon.sh" stop-workers localworker ;;
*) echo "Invalid action '$action'. $usage" >&2; exit 1 ;;
esac
