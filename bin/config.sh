# Sourced by the scripts of this folder: where things are, what the configuration says.

bin=$(cd "$(dirname "$0")" && pwd -P)
WEIR_HOME=${WEIR_HOME:-$(dirname "$bin")}
weir=$bin/weir
[ -x "$weir" ] || weir=$WEIR_HOME/build/release/bin/weir
[ -x "$weir" ] || { echo "$0: there is no program 'weir' in $bin" >&2; exit 1; }
WEIR_CONF_DIR=${WEIR_CONF_DIR:-${FLINK_CONF_DIR:-$WEIR_HOME/conf}}
export WEIR_CONF_DIR

# config_value KEY DEFAULT: as the processes will see it.
config_value() {
    value=$("$weir" config --all 2>/dev/null | sed -n "s/^$(printf %s "$1" | sed 's/\./\\./g'): \(.*\)  # .*/\1/p" | head -n 1)
    case $value in '' | '""' | null) value=$2 ;; \"*\") value=${value#\"}; value=${value%\"} ;; esac
    printf '%s\n' "$value"
}

WEIR_LOG_DIR=${WEIR_LOG_DIR:-${FLINK_LOG_DIR:-$(config_value env.log.dir "$WEIR_HOME/log")}}
WEIR_PID_DIR=${WEIR_PID_DIR:-${FLINK_PID_DIR:-$(config_value env.pid.dir /tmp)}}
WEIR_SSH_OPTS=${WEIR_SSH_OPTS:-${FLINK_SSH_OPTS:-$(config_value env.ssh.opts '')}}
identifier=weir-${WEIR_IDENT_STRING:-${FLINK_IDENT_STRING:-${USER:-$(id -un)}}}
host=$(hostname)
# Where JobManagers note the TaskManagers that they start (resourcemanager.local.taskmanagers).
export WEIR_WORKER_PIDS="$WEIR_PID_DIR/$identifier-localworker.pid"

# read_hosts FILE: its lines without comments.
read_hosts() {
    [ -f "$1" ] || { echo "$0: there is no $1" >&2; exit 1; }
    sed 's/#.*//; s/[[:space:]]*$//; s/^[[:space:]]*//' "$1" | grep -v '^$' || true
}

# read_servers FILE: of each server.N line of a zoo.cfg its number, host and, where the line names one, port for clients.
read_servers() {
    [ -f "$1" ] || { echo "$0: there is no $1" >&2; exit 1; }
    tr -d '\r' <"$1" |
        sed -n 's/^[[:space:]]*server\.\([0-9]*\)[[:space:]]*=[[:space:]]*\([^:;[:space:]]*\)\([^;]*\)/\1 \2 /p' |
        sed 's/;\(.*:\)\{0,1\}//; s/[[:space:]]*$//'
}

is_local() {
    case $1 in localhost | 127.0.0.1 | ::1 | "$host") return 0 ;; *) return 1 ;; esac
}

# on_host HOST COMMAND...: here, or over ssh, with the same configuration. What it prints is printed here.
on_host() {
    where=$1
    shift
    if is_local "$where"; then
        "$@"
        return
    fi
    command="WEIR_CONF_DIR='$WEIR_CONF_DIR'"
    for word in "$@"; do command="$command '$word'"; done
    # shellcheck disable=SC2086,SC2029
    ssh -n $WEIR_SSH_OPTS "$where" "$command" || {
        echo "$0: could not run $1 on host $where over ssh" >&2
        return 1
    }
}

# attempt WHAT COMMAND...: the script goes on whatever comes of it; tell_failed says at the end what failed.
failed=''
attempt() {
    what=$1
    shift
    "$@" || failed="$failed${failed:+, }$what"
}

tell_failed() {
    [ -z "$failed" ] && return
    echo "[ERROR] $1: $failed" >&2
    exit 1
}
