#!/bin/sh
# sql-gateway.sh: the name that people type.
echo "[ERROR] sql-gateway.sh: a SQL gateway is not implemented; SQL is submitted with bin/flink run and bin/sql-client.sh -D execution.target=remote" >&2
exit 1
