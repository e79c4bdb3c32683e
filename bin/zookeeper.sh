#!/bin/sh
# zookeeper.sh ((start|start-foreground) PEER-ID) | stop | stop-all: a ZooKeeper server of conf/zoo.cfg (the Debian package zookeeper).
set -eu
. "$(dirname "$0")/config.sh"
usage="Usage: zookeeper.sh ((start|start-foreground) peer-id)|stop|stop-all"
action=${1:-} peer=${2:-}
case $action in
start | start-foreground)
    [ -n "$peer" ] || { echo "[ERROR] Missing peer id argument. $usage" >&2; exit 1; }
    configuration=$WEIR_CONF_DIR/zoo.cfg
    [ -f "$configuration" ] || { echo "[ERROR] No ZooKeeper configuration at $configuration." >&2; exit 1; }
    [ -f /usr/share/java/zookeeper.jar ] || { echo "[ERROR] ZooKeeper is not installed: apt-get install zookeeper default-jre-headless" >&2; exit 1; }
    data=$(sed -n 's/^dataDir=//p' "$configuration")
    mkdir -p "$data"
    echo "$peer" >"$data/myid"
    set -- java -Xmx256m -cp /etc/zookeeper/conf:/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar \
        org.apache.zookeeper.server.quorum.QuorumPeerMain "$configuration"
    if [ "$action" = start-foreground ]; then exec "$@"; fi
    exec "$bin/weir-daemon.sh" start zookeeper "$@"
    ;;
stop | stop-all) exec "$bin/weir-daemon.sh" "$action" zookeeper ;;
*) echo "$usage" >&2; exit 1 ;;
esac
