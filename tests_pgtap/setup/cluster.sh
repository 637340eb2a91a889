# shellcheck shell=bash
#
# A cluster of a test's own, below $SCRATCH, that preloads no library; stopped when the test ends. Sourced after tap.sh
# by tests that need another server than the one in their environment: start_cluster [options], stop_cluster. A test of
# two servers calls second_cluster as well: the same superuser and password, its folder and host are $second.

bin=$(pg_config --bindir)
cluster=$SCRATCH/cluster
mkdir -m 700 "$cluster"
if [[ $EUID -eq 0 ]]; then chown postgres: "$cluster"; fi
owner=$(stat -c %U "$cluster")
password=$(head -c 16 /dev/urandom | base64)
(umask 077 && printf '%s\n' "$password" >"$SCRATCH/password")
if [[ $EUID -eq 0 ]]; then chown postgres: "$SCRATCH/password"; fi

stop_cluster() { unprivileged "$bin/pg_ctl" -D "$cluster/data" -w -m immediate stop >/dev/null 2>&1; }
at_end stop_cluster
# shellcheck disable=SC2120 # most callers give none
start_cluster() { # further options for the server
    unprivileged "$bin/pg_ctl" -D "$cluster/data" -w -t 60 -l "$cluster/log" -o "-c port=5432 -c listen_addresses= -c unix_socket_directories=$cluster -c fsync=off $*" start >/dev/null
}
unprivileged "$bin/initdb" -D "$cluster/data" -U "$owner" -E UTF8 --locale=C.UTF-8 --auth=scram-sha-256 --pwfile="$SCRATCH/password" --no-sync >/dev/null ||
    give_up "initdb failed"

second_cluster() {
    second=$SCRATCH/second
    mkdir -m 700 "$second"
    if [[ $EUID -eq 0 ]]; then chown postgres: "$second"; fi
    unprivileged "$bin/initdb" -D "$second/data" -U "$owner" -E UTF8 --locale=C.UTF-8 --auth=scram-sha-256 --pwfile="$SCRATCH/password" --no-sync >/dev/null ||
        give_up "initdb failed"
    at_end stop_second
}
stop_second() { unprivileged "$bin/pg_ctl" -D "$second/data" -w -m immediate stop >/dev/null 2>&1; }
start_second() { # further options for the server
    unprivileged "$bin/pg_ctl" -D "$second/data" -w -t 60 -l "$second/log" -o "-c port=5432 -c listen_addresses= -c unix_socket_directories=$second -c fsync=off $*" start >/dev/null
}

# The socket's folder belongs to the server's user; root passes.
export PGHOST=$cluster PGPORT=5432 PGUSER=$owner PGPASSWORD=$password PGPASSFILE=/dev/null PGDATABASE=postgres
