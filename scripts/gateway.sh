# shellcheck shell=bash
#
# The running gateway of a demo (the one that use_demo chose). It works on copies of the program and the page, so that
# a build does not change them under it, and as a user who can read nothing but those.

# As root: a user number of its own for each working copy, out of the range that systemd gives
# to services without an account. `nobody` would share the password file with every other such
# process, and `postgres` is the database's superuser.
gateway_user_id() {
    printf '%s' $((61184 + 16#$(checkout_hash) % 4096))
}

# Becomes a command run by that user, for ever without further rights; for an ordinary user, by himself.
exec_as_gateway_user() {
    local id
    cd /
    if am_root; then
        id=$(gateway_user_id)
        exec setpriv --reuid "$id" --regid "$id" --clear-groups --inh-caps=-all --no-new-privs -- "$@"
    fi
    exec "$@"
}

as_gateway_user() { (exec_as_gateway_user "$@"); }

gateway_is_running() { live_pid "$INSTANCE_RUN/$GATEWAY.pid" >/dev/null; }

# Sets GATEWAY_PORT, and adds to GATEWAYS_STARTED. Starts the gateway, anew when its files or its arguments have
# changed.
ensure_gateway() {
    local changed
    changed=$(deploy_gateway)
    if gateway_is_running; then
        GATEWAY_PORT=$(cat "$INSTANCE_RUN/${GATEWAY}_port")
        if [[ ${!GATEWAY_PORT_NAME:-$GATEWAY_PORT} != "$GATEWAY_PORT" ]]; then
            # Before the running one is stopped for it.
            require_free_port "$GATEWAY_PORT_NAME" "${!GATEWAY_PORT_NAME}"
        elif [[ -z $changed ]]; then
            if wait_for_gateway "$(live_pid "$INSTANCE_RUN/$GATEWAY.pid")"; then return 0; fi
            step "the gateway does not answer: starting it anew"
        fi
    fi
    stop_gateway
    start_gateway
}

# Copies what the gateway needs into the instance and prints "changed" when that made a difference.
deploy_gateway() {
    local app=$INSTANCE/$GATEWAY.app
    rm -rf "$app.new"
    mkdir -p "$app.new"
    install -m 755 "$GATEWAY_BUILD/tenancy-gateway" "$app.new/tenancy-gateway"
    install -m 644 "$DEMO_SQL/demo.json" "$app.new/demo.json"
    cp -R "$PAGE_DIR/dist" "$app.new/page"
    # Whatever umask the page was built with: the files are for everybody to read.
    chmod -R u=rwX,go=rX "$app.new"
    gateway_arguments >"$app.new/arguments"
    if diff -rq "$app" "$app.new" >/dev/null 2>&1; then
        rm -rf "$app.new"
    else
        rm -rf "$app"
        mv "$app.new" "$app"
        echo changed
    fi
}

# One on each line. The connection string names the file with the password, not the password.
gateway_arguments() {
    printf '%s\n' \
        --prefix=/api --schema=api \
        "--database-url=$(gateway_url "$INSTANCE/$GATEWAY.pgpass")" \
        "--port-file=$INSTANCE/$GATEWAY/port" \
        "--web-root=$INSTANCE/$GATEWAY.app/page" "--demo-file=$INSTANCE/$GATEWAY.app/demo.json" \
        --metrics-per-tenant=20
}

# The gateway's own password file, and the folder that it may write its port number into. Root
# makes the file where only root may write, and gives it away when it is complete.
write_gateway_secret() {
    local folder=$INSTANCE/$GATEWAY file=$INSTANCE/$GATEWAY.pgpass id
    [[ -d $folder ]] || mkdir -m 700 "$folder"
    rm -f "$folder/port"
    (
        umask 077
        printf '127.0.0.1:%s:%s:%s:%s\n' "$PG_PORT" "$DEMO_DATABASE" "$DEMO_GATEWAY" \
            "$(cat "$INSTANCE_SECRETS/$DEMO_GATEWAY")" >"$file.new"
    )
    if am_root; then
        id=$(gateway_user_id)
        chown "$id:$id" "$folder" "$file.new"
    fi
    mv "$file.new" "$file"
}

start_gateway() {
    local port
    if [[ $INSTANCE_KIND == test ]]; then
        try_start_gateway 0 || gateway_start_failed
        return 0
    fi
    if [[ -n ${!GATEWAY_PORT_NAME:-} ]]; then
        require_free_port "$GATEWAY_PORT_NAME" "${!GATEWAY_PORT_NAME}"
        try_start_gateway "${!GATEWAY_PORT_NAME}" || gateway_start_failed
        return 0
    fi
    for port in $(cat "$INSTANCE_RUN/${GATEWAY}_port" 2>/dev/null || true) $(seq 8080 8130); do
        port_is_free "$port" || continue
        if try_start_gateway "$port"; then return 0; fi
        # Somebody took the port between the look and the start: the next one then.
        if port_is_free "$port"; then gateway_start_failed; fi
    done
    die "found no free port for the gateway: name one with $GATEWAY_PORT_NAME"
}

try_start_gateway() {
    local pid
    local -a arguments
    mapfile -t arguments <"$INSTANCE/$GATEWAY.app/arguments"
    write_gateway_secret
    GATEWAYS_STARTED+=("$GATEWAY")
    GATEWAY_PORT=$1
    exec_as_gateway_user setsid env -i PATH=/usr/bin:/bin LANG=C.UTF-8 \
        "$INSTANCE/$GATEWAY.app/tenancy-gateway" "--listen=127.0.0.1:$1" "${arguments[@]}" \
        >>"$INSTANCE_LOG/$GATEWAY.log" 2>&1 </dev/null 7>&- 8>&- 9>&- &
    pid=$!
    write_pid_file "$INSTANCE_RUN/$GATEWAY.pid" "$pid"
    wait_for_gateway "$pid" || return 1
    printf '%s\n' "$GATEWAY_PORT" >"$INSTANCE_RUN/${GATEWAY}_port"
}

# Until it answers that the database is ready. False when the process ends first.
wait_for_gateway() {
    local pid=$1 tries
    for ((tries = 0; tries < 600; tries++)); do
        kill -0 "$pid" 2>/dev/null || return 1
        if [[ $GATEWAY_PORT == 0 && -s $INSTANCE/$GATEWAY/port ]]; then
            GATEWAY_PORT=$(cat "$INSTANCE/$GATEWAY/port")
        fi
        if [[ $GATEWAY_PORT != 0 ]] &&
            curl -fs -o /dev/null --max-time 5 "http://127.0.0.1:$GATEWAY_PORT/readyz" 2>/dev/null; then
            return 0
        fi
        sleep 0.1
    done
    return 1
}

gateway_start_failed() {
    tail -n 20 "$INSTANCE_LOG/$GATEWAY.log" >&2
    die "the gateway did not become ready: see $INSTANCE_LOG/$GATEWAY.log"
}

stop_gateway() {
    local pid tries
    pid=$(live_pid "$INSTANCE_RUN/$GATEWAY.pid") || return 0
    kill -TERM "$pid" 2>/dev/null || return 0
    # It may finish requests under way; after 15 seconds it is not asked any more.
    for ((tries = 0; tries < 150; tries++)); do
        live_pid "$INSTANCE_RUN/$GATEWAY.pid" >/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
}
