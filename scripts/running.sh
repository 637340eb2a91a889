# shellcheck shell=bash
#
# The commands of the running demo: up, down, reset, psql, env.

RUNNING_LOCK_FD=9

cmd_up() {
    local name
    [[ $# -eq 0 || $* == many ]] || die "up takes no argument, or the word many"
    for name in TENANCY_PORT TENANCY_MANY_PORT TENANCY_PG_PORT; do
        [[ -z ${!name:-} ]] || require_port_number "$name" "${!name}"
    done
    prepare_var
    exclusive_lock "$RUNNING_LOCK_FD" "$VAR/running.lock" up
    ensure_packages "${PACKAGES_UP[@]}"
    ensure_node
    build_all

    instance_of_up
    UP_IS_DONE=
    CLUSTER_STARTED=
    GATEWAYS_STARTED=()
    on_exit stop_unfinished_up
    shorten_logs
    ensure_cluster
    reload_library
    serve_demo one
    # The second demo goes on being served by an `up` that does not name it.
    if [[ $* == many || -e $INSTANCE_RUN/serves_many ]]; then
        serve_demo many
        touch "$INSTANCE_RUN/serves_many"
    fi
    UP_IS_DONE=yes
    say_what_runs
}

serve_demo() {
    use_demo "$1"
    ensure_demo
    ensure_gateway
}

# Ctrl-C or an error during `up` leaves nothing behind that it started.
stop_unfinished_up() {
    local demo
    [[ -z $UP_IS_DONE ]] || return 0
    for demo in "${DEMOS[@]}"; do
        use_demo "$demo"
        if [[ " ${GATEWAYS_STARTED[*]} " == *" $GATEWAY "* ]]; then stop_gateway; fi
    done
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
    for file in "$INSTANCE_LOG"/postgres.log "$INSTANCE_LOG"/gateway*.log; do
        if [[ -f $file && $(stat -c %s "$file") -gt 20000000 ]]; then
            cp "$file" "$file.old"
            : >"$file"
        fi
    done
}

say_what_runs() {
    cat <<TEXT

pgtenancy is up:  $(demo_address one)

  sign in as          password
  t1 user1, t1 user2  user      each sees the five patients of their own tenant;
    … to t5 user2     user      the same for tenants 2 to 5
  t6 admin            admin     sees all 25
TEXT
    if [[ -e $INSTANCE_RUN/serves_many ]]; then
        cat <<TEXT

users with many tenants:  $(demo_address many)

  sign in as          password
  joe, bruce          user      joe belongs to tenant 1, bruce to tenant 2
  jeremy              user      belongs to both, chooses one and switches
  yeezy               admin     sees all 10 patients
TEXT
    fi
    cat <<TEXT

  ./setup.sh psql     psql on the demo database, as its owner
  ./setup.sh down     stop it
  make reset          load the demo afresh
TEXT
}

demo_address() {
    (use_demo "$1" && printf 'http://127.0.0.1:%s' "$(cat "$INSTANCE_RUN/${GATEWAY}_port")")
}

# The commands below work on the first demo, or on the second when their first word is many.
choose_demo() {
    use_demo one
    [[ ${1:-} == many ]] || return 1
    use_demo many
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
    if ! cluster_is_running && ! any_gateway_is_running; then
        say "nothing is running here."
        return 0
    fi
    stop_gateways
    stop_cluster fast
    say "stopped. ./setup.sh up starts it again with the same data."
}

any_gateway_is_running() {
    local demo
    for demo in "${DEMOS[@]}"; do
        use_demo "$demo"
        if gateway_is_running; then return 0; fi
    done
    return 1
}

stop_gateways() {
    local demo
    for demo in "${DEMOS[@]}"; do
        use_demo "$demo"
        stop_gateway
        rm -f "$INSTANCE_RUN/$GATEWAY.pid"
    done
}

cmd_reset() {
    if choose_demo "$@"; then shift; fi
    [[ $# -eq 0 ]] || die "reset takes no argument, or the word many"
    instance_of_up_if_running
    require_served
    exclusive_lock "$RUNNING_LOCK_FD" "$VAR/running.lock" up
    load_demo
    say "the database $DEMO_DATABASE is as it was at first; everybody is signed out."
}

require_served() {
    [[ -e $INSTANCE_RUN/${GATEWAY}_port ]] || die "this demo is not set up here: run ./setup.sh up many"
}

cmd_psql() {
    if choose_demo "$@"; then shift; fi
    instance_of_up_if_running
    require_served
    demo_environment
    trap - EXIT HUP INT TERM
    exec "$PG_BIN/psql" "$@"
}

cmd_env() {
    local name
    if choose_demo "$@"; then shift; fi
    [[ $# -eq 0 ]] || die "env takes no argument, or the word many"
    instance_of_up_if_running
    require_served
    demo_environment
    TENANCY_URL=http://127.0.0.1:$(cat "$INSTANCE_RUN/${GATEWAY}_port")
    TENANCY_GATEWAY_URL=$(gateway_url)
    for name in TENANCY_URL PGHOST PGPORT PGDATABASE PGUSER PGPASSFILE TENANCY_GATEWAY_URL; do
        printf 'export %s=%s\n' "$name" "$(shell_quote "${!name}")"
    done
}
