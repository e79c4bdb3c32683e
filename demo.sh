#!/bin/sh
# ./demo.sh: a cluster on this machine survives kill -9 of its leader and of a TaskManager (examples/failover).
# ./demo.sh --zookeeper: the same over a ZooKeeper quorum of three, which it starts itself (the Debian package zookeeper).
# ./demo.sh sql: live SQL over input that nobody made up for it. See README.md.
#
# The last one: Debian packages are downloaded (or taken from apt's cache) and unpacked with dpkg into a temporary directory, so that dpkg
# writes its real log there. Weir follows that log as it grows, joins it with the machine's package index, and keeps windows, a
# Top-N and a join up to date. At the end SQLite computes the same over the same bytes, and both must agree.
# Nothing outside the temporary directory changes.
set -eu
cd "$(dirname "$0")"
here=$(pwd)

usage="usage: ./demo.sh [failover] [--zookeeper] | ./demo.sh sql"
which=failover zookeeper=''
for argument in "$@"; do
    case $argument in
    failover | sql) which=$argument ;;
    --zookeeper) zookeeper=--zookeeper ;;
    *) echo "$usage" >&2; exit 2 ;;
    esac
done
[ "$which" = failover ] || [ -z "$zookeeper" ] || { echo "$usage" >&2; exit 2; }

rounds=${WEIR_DEMO_ROUNDS:-2}
wanted="tree hello sl cowsay figlet toilet pv bc dc ed jq libjq1 libonig5 rename dos2unix moreutils ncdu dialog units bsdgames
 lolcat boxes cmatrix banner sysvbanner filters an beep bb aview multitail most par pwgen rolldice fortune-mod fortunes-min"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# --- the binary ---
weir=$here/build/release/bin/weir
if [ ! -x "$weir" ]; then
    say "Building Weir (once)"
    tools/deps.sh --product
    cmake --preset release >/dev/null
    cmake --build --preset release --target weir
fi
if [ "$which" = failover ]; then
    command -v python3 >/dev/null || tools/deps.sh
    [ -z "$zookeeper" ] || [ -f /usr/share/java/zookeeper.jar ] || tools/deps.sh
    # shellcheck disable=SC2086
    exec python3 examples/failover/demo.py "$weir" --seconds "${WEIR_DEMO_SECONDS:-40}" $zookeeper
fi
for tool in dpkg apt-get apt-cache awk sqlite3; do
    command -v "$tool" >/dev/null || { tools/deps.sh; break; }
done
for tool in dpkg apt-get apt-cache awk sqlite3; do
    command -v "$tool" >/dev/null || { echo "demo.sh: $tool is missing" >&2; exit 1; }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/weir-demo-XXXXXX")
writer='' follower='' feeder=''
stop() {
    for pid in $feeder $writer $follower; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

# --- real input ---
say "1. The machine's package index, as JSON lines"
apt-cache dumpavail 2>/dev/null | awk -f examples/dpkg/packages.awk >"$work/packages.json"
if [ ! -s "$work/packages.json" ]; then
    apt-get update -qq >/dev/null 2>&1 || true
    apt-cache dumpavail 2>/dev/null | awk -f examples/dpkg/packages.awk >"$work/packages.json"
fi
[ -s "$work/packages.json" ] || { echo "demo.sh: apt knows no packages; run apt-get update once" >&2; exit 1; }
echo "$(wc -l <"$work/packages.json") records"

say "2. Packages for dpkg to unpack"
mkdir "$work/debs"
chmod 777 "$work/debs"
known=$(for package in $wanted; do grep -q "^{\"package\":\"$package\"," "$work/packages.json" && echo "$package"; done)
# shellcheck disable=SC2086
(cd "$work/debs" && apt-get download -qq $known >/dev/null 2>&1) || true
if [ -z "$(find "$work/debs" -name '*.deb' | head -1)" ]; then
    find /var/cache/apt/archives -maxdepth 1 -name '*.deb' -size -4096k 2>/dev/null | head -40 | while read -r deb; do cp "$deb" "$work/debs"; done
fi
[ -n "$(find "$work/debs" -name '*.deb' | head -1)" ] || { echo "demo.sh: no package could be downloaded, and apt's cache holds none" >&2; exit 1; }
echo "$(find "$work/debs" -name '*.deb' | wc -l) packages"

root=$work/root log=$work/root/var/log/dpkg.log
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/var/log" "$root/tmp"
: >"$root/var/lib/dpkg/status"
: >"$log"
feed() { # dpkg works: unpacks and removes, again and again
    for round in $(seq "$rounds"); do
        for deb in "$work"/debs/*.deb; do
            dpkg --root="$root" --log="$log" --force-all --no-triggers --unpack "$deb" >/dev/null 2>&1 || true
            sleep 0.05
        done
        [ "$round" = "$rounds" ] && break
        for package in $(dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Package} '); do
            dpkg --root="$root" --log="$log" --force-all --purge "$package" >/dev/null 2>&1 || true
            sleep 0.02
        done
    done
}

# --- live SQL over it ---
fill() { sed -e "s|\${LOG}|$log|" -e "s|\${PACKAGES}|$work/packages.json|" -e "s|\${FOLLOW}|$1|" examples/dpkg/tables.sql; }
fill ", 'source.follow' = 'true'" >"$work/follow.sql"
{
    cat "$work/follow.sql"
    cat <<'SQL'
CREATE TABLE windows_out (w STRING, action STRING, n BIGINT) WITH ('connector' = 'print', 'print-identifier' = 'window');
CREATE TABLE sections_out (section STRING, unpacked BIGINT, kib BIGINT) WITH ('connector' = 'print', 'print-identifier' = 'section');
CREATE TABLE top_out (r BIGINT, section STRING, unpacked BIGINT, kib BIGINT) WITH ('connector' = 'print', 'print-identifier' = 'top');
EXECUTE STATEMENT SET BEGIN
  INSERT INTO windows_out SELECT DATE_FORMAT(window_start, 'yyyy-MM-dd HH:mm:ss'), action, records FROM per_window;
  INSERT INTO sections_out SELECT * FROM per_section;
  INSERT INTO top_out SELECT * FROM top_sections;
END;
SQL
} >"$work/live.sql"

say "3. dpkg works, Weir follows its log"
export TZ=UTC
feed &
feeder=$!
"$weir" sql -f "$work/live.sql" >"$work/live.out" 2>"$work/live.err" &
writer=$!
if [ -t 1 ]; then
    echo "The five sections with the most KiB unpacked so far; rows change as dpkg goes on:"
    { cat "$work/follow.sql"; echo "SELECT * FROM top_sections;"; } >"$work/top.sql"
    "$weir" sql --output table -f "$work/top.sql" >/dev/tty 2>"$work/top.err" &
    follower=$!
fi
wait "$feeder" || true
feeder=''
records=$(wc -l <"$log")
# All of it has been read when the output has been quiet for a second.
size=-1
for _ in $(seq 60); do
    sleep 1
    now=$(wc -c <"$work/live.out")
    [ "$now" = "$size" ] && break
    size=$now
done
[ -z "$follower" ] || { kill -INT "$follower" 2>/dev/null || true; wait "$follower" || true; follower=''; }
kill -INT "$writer" 2>/dev/null || { cat "$work/live.err" >&2; echo "demo.sh: weir ended early" >&2; exit 1; }
wait "$writer" || true
writer=''
echo "$records log records; $(grep -c '^[a-z]*> ' "$work/live.out") changes printed. The last of them:"
tail -n 4 "$work/live.out"

# --- the same, by SQLite, over the same bytes ---
say "4. SQLite computes the same over the same bytes"
cat >"$work/check.sql" <<SQL
CREATE TABLE raw(line TEXT);
CREATE TABLE index_raw(line TEXT);
.mode ascii
.separator "\037" "\n"
.import $log raw
.import $work/packages.json index_raw
.mode list
.separator ", "
CREATE TABLE words AS SELECT substr(line, 1, 19) AS t, substr(line, 21) AS rest FROM raw;
CREATE TABLE actions AS SELECT t, substr(rest, 1, instr(rest || ' ', ' ') - 1) AS action, substr(rest, instr(rest || ' ', ' ') + 1) AS rest FROM words;
CREATE TABLE log AS SELECT t, action,
  CASE WHEN action = 'status' THEN substr(rest, 1, instr(rest || ' ', ' ') - 1) END AS state,
  CASE WHEN action = 'status' THEN substr(rest, instr(rest || ' ', ' ') + 1) ELSE rest END AS package FROM actions;
UPDATE log SET package = substr(package, 1, instr(package || ' ', ' ') - 1);
UPDATE log SET package = substr(package, 1, instr(package || ':', ':') - 1);
CREATE TABLE packages AS SELECT json_extract(line, '\$.package') AS package, json_extract(line, '\$.section') AS section,
  json_extract(line, '\$.installed_size') AS kib FROM index_raw;
CREATE INDEX by_name ON packages(package);
CREATE VIEW per_section AS SELECT section, COUNT(*) AS unpacked, SUM(kib) AS kib FROM log JOIN packages USING (package) WHERE state = 'unpacked' GROUP BY section;
SELECT 'window> [' || datetime(w, 'unixepoch'), action, n || ']' FROM (
  SELECT CAST(strftime('%s', t) AS INTEGER) / 5 * 5 AS w, action, COUNT(*) AS n FROM log GROUP BY 1, 2)
  WHERE w + 5 <= (SELECT MAX(CAST(strftime('%s', t) AS INTEGER)) FROM log) - 1;
SELECT 'section> [' || section, unpacked, kib || ']' FROM per_section;
SELECT 'top> [' || ROW_NUMBER() OVER (ORDER BY kib DESC, section), section, unpacked, kib || ']' FROM per_section ORDER BY kib DESC, section LIMIT 5;
SQL
sqlite3 :memory: <"$work/check.sql" | sort >"$work/expected"
# A changelog folded: what was added and not taken away again.
sed -nE 's/^([a-z]+> )([-+])[IUD]\[/\2 \1[/p' "$work/live.out" |
    awk '{ row = substr($0, 3); count[row] += substr($0, 1, 1) == "+" ? 1 : -1 } END { for (row in count) for (i = 0; i < count[row]; i++) print row }' |
    sort >"$work/answer"
if ! cmp -s "$work/expected" "$work/answer"; then
    echo "The answers differ (< SQLite, > Weir):" >&2
    diff "$work/expected" "$work/answer" | head -40 >&2
    exit 1
fi
echo "$(wc -l <"$work/answer") rows of windows, join and Top-N: the same, to the byte."
say "5. The Top-N"
grep '^top>' "$work/answer"
echo
echo "Your own log is two lines of SQL away: see README.md."
