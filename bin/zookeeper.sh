#!/bin/sh
# zookeeper.sh ((start|start-foreground) PEER-ID) | stop | stop-all: a ZooKeeper server of conf/zoo.cfg (the Debian package zookeeper).
set -eu
. "$(dirname "$0")/config.sh"
usage="Usage: zookeeper.sh ((start|start-foreground) peer-id)|stop|stop-all"
action=${1:-} peer=${2:-}
refuse() {
    echo "[ERROR] $1" >&2
    exit 1
}
# configured KEY: its value in zoo.cfg, the last one, as ZooKeeper reads it.
configured() { tr -d '\r' <"$configuration" | sed -n "s/^[[:space:]]*$1[[:space:]]*[=:][[:space:]]*//p" | sed 's/[[:space:]]*$//' | tail -n 1; }

case $action in
start | start-foreground)
    [ -n "$peer" ] || refuse "Missing peer id argument. $usage"
    configuration=$WEIR_CONF_DIR/zoo.cfg
    [ -f "$configuration" ] || refuse "No ZooKeeper configuration at $configuration."
    [ -f /usr/share/java/zookeeper.jar ] || refuse "ZooKeeper is not installed: apt-get install zookeeper default-jre-headless"
    data=$(configured dataDir)
    [ -n "$data" ] || refuse "$configuration names no dataDir."
    servers=$(read_servers "$configuration")
    own=$(echo "$servers" | sed -n "s/^$peer //p")
    [ -n "$own" ] || [ -z "$servers" ] || refuse "$configuration has no server.$peer."
    # Servers of one host need data of their own, and ports for clients of their own.
    here=$(echo "$servers" | while read -r _ where port; do
        if is_local "${own%% *}" && is_local "$where"; then echo "port $port"; fi
    done)
    if [ "$(echo "$here" | wc -l)" -gt 1 ]; then
        if [ -n "$(configured clientPort)" ] || echo "$here" | grep -qx 'port ' || [ -n "$(echo "$here" | sort | uniq -d)" ]; then
            refuse "Several servers of $configuration are on $host: let each line name a port for clients (server.$peer=${own%% *}:2888:3888;218$peer), and remove clientPort."
        fi
        data=$data/$peer
        mkdir -p "$data"
        tr -d '\r' <"$configuration" |
            sed "s|^\([[:space:]]*data\(Log\)\{0,1\}Dir[[:space:]]*[=:].*[^[:space:]]\)[[:space:]]*\$|\1/$peer|" >"$data/zoo.cfg"
        configuration=$data/zoo.cfg
    fi
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
