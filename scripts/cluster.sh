# shellcheck shell=bash
#
# The private PostgreSQL cluster of an instance: made with initdb, reachable on 127.0.0.1 and
# a Unix socket, scram-sha-256 or peer and nothing else. Its superuser has no password: only
# the user who set it up gets in, through the socket (in a test also with a password). Daemons are
# started with descriptors 7, 8 and 9 closed: those are locks, and must end with this process.

cluster_is_running() {
    [[ -d $INSTANCE/data ]] && as_server "$PG_BIN/pg_ctl" -D "$INSTANCE/data" status >/dev/null 2>&1
}

# Sets PG_PORT. CLUSTER_STARTED tells the caller whether it was this call that started it.
ensure_cluster() {
    CLUSTER_STARTED=
    if cluster_is_running; then
        PG_PORT=$(cat "$INSTANCE_RUN/pg_port")
        if [[ $INSTANCE_KIND == demo && ${TENANCY_PG_PORT:-$PG_PORT} != "$PG_PORT" ]]; then
            die "PostgreSQL runs on port $PG_PORT already: run ./setup.sh down before naming another"
        fi
        return 0
    fi
    [[ -d $INSTANCE/data ]] || make_cluster
    start_cluster
}

make_cluster() {
    step "making a private PostgreSQL $PG_MAJOR cluster"
    # The new cluster gets its name only when it is whole, so an interrupted start leaves none.
    rm -rf "$INSTANCE/data.new"
    make_server_folder "$INSTANCE/data.new"
    local -a options=(
        -D "$INSTANCE/data.new" -U postgres -E UTF8 --locale=C.UTF-8
        --auth-local=peer --auth-host=scram-sha-256 --data-checksums --no-instructions
    )
    [[ $INSTANCE_KIND != test ]] || options+=(--no-sync)
    as_server "$PG_BIN/initdb" "${options[@]}" >"$INSTANCE_LOG/initdb.log" 2>&1 ||
        die "initdb failed: $(tail -n 3 "$INSTANCE_LOG/initdb.log")"
    as_server sh -c "printf \"%s\\n\" \"include 'pgtenancy.conf'\" >>\"\$1\"" sh "$INSTANCE/data.new/postgresql.conf"
    mv "$INSTANCE/data.new" "$INSTANCE/data"
}

start_cluster() {
    local port
    if [[ $INSTANCE_KIND == demo && -n ${TENANCY_PG_PORT:-} ]]; then
        require_free_port TENANCY_PG_PORT "$TENANCY_PG_PORT"
        try_start_cluster "$TENANCY_PG_PORT" || cluster_start_failed
        return 0
    fi
    for port in $(candidate_pg_ports); do
        port_is_free "$port" || continue
        if try_start_cluster "$port"; then return 0; fi
        # Somebody took the port between the look and the start: the next one then.
        if port_is_free "$port"; then cluster_start_failed; fi
    done
    die "found no free port for PostgreSQL: name one with TENANCY_PG_PORT"
}

# The port of last time first, so that the addresses people noted stay right.
candidate_pg_ports() {
    if [[ $INSTANCE_KIND == test ]]; then
        # Test runs start at a random place, so that two at once seldom meet.
        local first=$((20000 + RANDOM % 10000))
        seq "$first" $((first + 50))
    else
        cat "$INSTANCE_RUN/pg_port" 2>/dev/null || true
        seq 54320 54370
    fi
}

try_start_cluster() {
    PG_PORT=$1
    write_server_files
    # Set before the start: an interruption from here on must find out whether to stop it.
    CLUSTER_STARTED=yes
    if as_server "$PG_BIN/pg_ctl" -D "$INSTANCE/data" -w -t 120 start \
        >>"$INSTANCE_LOG/postgres.log" 2>&1 </dev/null 7>&- 8>&- 9>&-; then
        printf '%s\n' "$PG_PORT" >"$INSTANCE_RUN/pg_port"
        return 0
    fi
    return 1
}

cluster_start_failed() {
    tail -n 20 "$INSTANCE_LOG/postgres.log" >&2
    die "PostgreSQL did not start: see $INSTANCE_LOG/postgres.log"
}

stop_cluster() {
    cluster_is_running || return 0
    as_server "$PG_BIN/pg_ctl" -D "$INSTANCE/data" -w -t 60 -m "${1:-fast}" stop \
        >>"$INSTANCE_LOG/postgres.log" 2>&1 </dev/null
}

restart_cluster() {
    as_server "$PG_BIN/pg_ctl" -D "$INSTANCE/data" -w -t 120 -m fast restart \
        >>"$INSTANCE_LOG/postgres.log" 2>&1 </dev/null 7>&- 8>&- 9>&- || cluster_start_failed
}

# The three files that make the cluster ours, written anew at each start.
write_server_files() {
    server_settings | server_file pgtenancy.conf
    server_access | server_file pg_hba.conf
    server_people | server_file pg_ident.conf
}

# Written by the server's user: root does not write into a folder that another user controls.
server_file() {
    # shellcheck disable=SC2016 # that other shell expands it
    as_server sh -c 'cat >"$1.new" && mv "$1.new" "$1"' sh "$INSTANCE/data/$1"
}

server_settings() {
    cat <<CONF
# Written by pgtenancy's setup.sh at each start; changes belong into postgresql.conf, below its include line.
listen_addresses = '127.0.0.1'
port = $PG_PORT
unix_socket_directories = '$INSTANCE_SOCKET'
password_encryption = 'scram-sha-256'
cluster_name = 'pgtenancy $INSTANCE_KIND'

# Loaded before anybody connects: no session can name a setting of the extension before it is there.
shared_preload_libraries = 'tenancy'

log_line_prefix = '%m [%p] %q%u@%d '
# Values of parameters are tenants' data and tokens; they stay out of the log.
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
CONF
    if [[ $INSTANCE_KIND == test ]]; then
        cat <<'CONF'

# A cluster that lives for minutes need not survive a power cut.
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 200
CONF
    fi
}

server_access() {
    cat <<'CONF'
# TYPE  DATABASE  USER      ADDRESS       METHOD
local   all       postgres                peer map=setup
local   all       all                     scram-sha-256
CONF
    if [[ $INSTANCE_KIND == demo ]]; then
        cat <<'CONF'
# A role that no policy holds does not come in over the network.
host    all       postgres  127.0.0.1/32  reject
CONF
    fi
    cat <<'CONF'
host    all       all       127.0.0.1/32  scram-sha-256
CONF
    if [[ $INSTANCE_KIND == test ]]; then
        cat <<'CONF'
# A test makes a replica.
host    replication postgres 127.0.0.1/32 scram-sha-256
CONF
    fi
}

server_people() {
    printf '# MAP    SYSTEM-USER  PG-USER\n'
    printf 'setup    "%s"  postgres\n' "$(id -un)"
    if am_root; then printf 'setup    postgres  postgres\n'; fi
}

# psql as the superuser, through the socket; further arguments go to psql.
admin_psql() {
    PGHOST=$INSTANCE_SOCKET PGPORT=$PG_PORT PGUSER=postgres PGDATABASE=postgres \
        PGOPTIONS='-c client_min_messages=warning' \
        "$PG_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$@"
}
