#!/bin/sh
# sql-client.sh [embedded] [-f FILE] [-i FILE] [-D KEY=VALUE]: the SQL client.
set -eu
. "$(dirname "$0")/config.sh"
[ "${1:-}" != embedded ] || shift
exec "$weir" sql "$@"
