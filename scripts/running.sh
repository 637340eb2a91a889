# shellcheck shell=bash
#
# The commands of the running demo: up, down, reset, psql, env.

RUNNING_LOCK_FD=9

cmd_up() {
    [[ $# -eq 0 ]] || die "up takes no arguments"
    [[ -z ${TENANCY_PORT:-} ]] || require_port_number TENANCY_PORT "$TENANCY_PORT"
    [[ -z ${TENANCY_PG_PORT:-} ]] || require_port_number TENANCY_PG_PORT "$TENANCY_PG_PORT"
    prepare_var
    exclusive_lock "$RUNNING_LOCK_FD" "$VAR/running.lock" up
    ensure_packages "${PACKAGES_UP[@]}"
    ensure_node
    build_all

    instance_of_up
    UP_IS_DONE=
    CLUSTER_STARTED=
    GATEWAY_STARTED=
    on_exit stop_unfinished_up
    shorten_logs
    ensure_cluster
    reload_library
    ensure_demo
    ensure_gateway
    UP_IS_DONE=yes
    say_what_runs
}

# Ctrl-C or an error during `up` leaves nothing behind that it started.
stop_unfinished_up() {
    [[ -z $UP_IS_DONE ]] || return 0
    if [[ $GATEWAY_STARTED ]]; then stop_gateway; fi
    if [[ $CLUSTER_STARTED ]]; then stop_cluster fast; fi
}

# A server keeps the library that it loaded at its start; after a change it is restarted. The
# gateway makes new connections by itself.
reload_library() {
    local digest
    digest=$(extension_library_digest)
    if [[ -z $CLUSTER_STARTED && $(cat "$INSTANCE_RUN/library" 2>/dev/null) != "$digest" ]]; then
        step "the extension has changed: restarting PostgreSQL"
        restart_cluster
    fi
    printf '%s\n' "$digest" >"$INSTANCE_RUN/library"
}

# Logs are kept from one `up` to the next, but not for ever. Truncated in place: a running
# process goes on writing to the same file.
shorten_logs() {
    local file
    for file in "$INSTANCE_LOG"/postgres.log "$INSTANCE_LOG"/gateway.log; do
        if [[ -f $file && $(stat -c %s "$file") -gt 20000000 ]]; then
            cp "$file" "$file.old"
            : >"$file"
        fi
    done
}

say_what_runs() {
    cat <<TEXT

pgtenancy is up:  http://127.0.0.1:$GATEWAY_PORT

  sign in as          password
  t1 user1, t1 user2  user      each sees the five patients of their own tenant;
    … to t5 user2     user      the same for tenants 2 to 5
  t6 admin            admin     sees all 25

  ./setup.sh psql     psql on the demo database, as its owner
  ./setup.sh down     stop it
  make reset          load the demo afresh
TEXT
}

cmd_down() {
    [[ $# -eq 0 ]] || die "down takes no arguments"
    if [[ ! -e $VAR/home ]]; then
        say "nothing is set up here."
        return 0
    fi
    prepare_var
    exclusive_lock "$RUNNING_LOCK_FD" "$VAR/running.lock" up
    instance_of_up
    if ! gateway_is_running && ! cluster_is_running; then
        say "nothing is running here."
        return 0
    fi
    stop_gateway
    stop_cluster fast
    rm -f "$INSTANCE_RUN/gateway.pid"
    say "stopped. ./setup.sh up starts it again with the same data."
}

cmd_reset() {
    [[ $# -eq 0 ]] || die "reset takes no arguments"
    instance_of_up_if_running
    exclusive_lock "$RUNNING_LOCK_FD" "$VAR/running.lock" up
    load_demo
    say "the demo database is as it was at first; everybody is signed out."
}

cmd_psql() {
    instance_of_up_if_running
    demo_environment
    trap - EXIT HUP INT TERM
    exec "$PG_BIN/psql" "$@"
}

cmd_env() {
    [[ $# -eq 0 ]] || die "env takes no arguments"
    local name
    instance_of_up_if_running
    demo_environment
    TENANCY_URL=http://127.0.0.1:$(cat "$INSTANCE_RUN/gateway_port")
    TENANCY_GATEWAY_URL=$(gateway_url)
    for name in TENANCY_URL PGHOST PGPORT PGDATABASE PGUSER PGPASSFILE TENANCY_GATEWAY_URL; do
        printf 'export %s=%s\n' "$name" "$(shell_quote "${!name}")"
    done
}
