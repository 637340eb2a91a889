# shellcheck shell=bash
#
# The demo databases: their roles and passwords, and loading the numbered files of their folders
# below sql/ in their order, then those of sql/console, which both have in common. The functions here and in
# gateway.sh work on the demo that use_demo chose.

DEMOS=(one many)

# use_demo one|many: each has a database, an owner and a gateway of its own; the cluster is one.
use_demo() {
    case $1 in
        one)
            DEMO_DATABASE=demo
            DEMO_SQL=$ROOT/sql/one_tenant_per_user
            DEMO_OWNER=demo_owner
            DEMO_GATEWAY=demo_gateway
            GATEWAY=gateway
            GATEWAY_PORT_NAME=TENANCY_PORT
            ;;
        many)
            DEMO_DATABASE=demo_many
            DEMO_SQL=$ROOT/sql/many_tenants_per_user
            DEMO_OWNER=many_owner
            DEMO_GATEWAY=many_gateway
            GATEWAY=gateway-many
            GATEWAY_PORT_NAME=TENANCY_MANY_PORT
            ;;
    esac
}
use_demo one

# Loads the demo when it is not there, not whole, or made from other SQL than today's.
ensure_demo() {
    ensure_demo_roles
    if [[ $(demo_loaded_from) == "$(demo_digest)" ]]; then return 0; fi
    if demo_exists; then
        step "its SQL has changed: loading the database $DEMO_DATABASE afresh"
    else
        step "loading the demo database $DEMO_DATABASE"
    fi
    load_demo
}

demo_exists() {
    [[ $(admin_psql -c "select 1 from pg_database where datname = '$DEMO_DATABASE'") == 1 ]]
}

# The comment on the database is written last, so it also says that the load was completed.
demo_loaded_from() {
    admin_psql -c "select substring(shobj_description(oid, 'pg_database') from 'sql ([0-9a-f]+)')
        from pg_database where datname = '$DEMO_DATABASE'"
}

demo_digest() {
    local extension
    extension=$("$PG_BIN/pg_config" --sharedir)/extension
    { cat "$DEMO_SQL"/*.sql "$ROOT"/sql/console/*.sql "$extension"/tenancy*.sql "$extension/tenancy.control"; } |
        sha256sum | cut -c1-16
}

# Roles belong to the cluster and outlive the database. Their passwords go to psql through
# its standard input: a command line could be read by every user of the machine.
ensure_demo_roles() {
    local role
    local -a roles=("$DEMO_OWNER" "$DEMO_GATEWAY")
    [[ $INSTANCE_KIND != test ]] || roles+=(postgres)
    admin_psql -f "$DEMO_SQL/00_roles.sql"
    for role in "${roles[@]}"; do
        ensure_secret "$role"
    done
    {
        # Nor may they reach the server's log, should a statement fail.
        printf 'set log_statement = none;\nset log_min_error_statement = panic;\n'
        for role in "${roles[@]}"; do
            printf "alter role %s password '%s';\n" "$role" "$(cat "$INSTANCE_SECRETS/$role")"
        done
    } | admin_psql
    write_pgpass
}

load_demo() {
    local file
    # Connections of a running gateway are ended; it makes new ones by itself.
    admin_psql -c "drop database if exists $DEMO_DATABASE with (force)"
    admin_psql -c "create database $DEMO_DATABASE owner $DEMO_OWNER
        template template0 encoding 'UTF8' lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8'"
    admin_psql -d "$DEMO_DATABASE" --single-transaction -f "$DEMO_SQL/10_database.sql" >/dev/null
    for file in "$DEMO_SQL"/[2-9]?_*.sql "$ROOT"/sql/console/*.sql; do
        demo_psql --single-transaction -f "$file" >"$INSTANCE_LOG/demo.log" 2>&1 || {
            cat "$INSTANCE_LOG/demo.log" >&2
            die "the demo could not be loaded: $file"
        }
    done
    admin_psql -c "comment on database $DEMO_DATABASE is
        'pgtenancy demo: $(basename "$DEMO_SQL" | tr _ ' ') (sql $(demo_digest))'"
}

# The environment for libpq's tools: the demo as its owner.
demo_environment() {
    export PGHOST=127.0.0.1 PGPORT=$PG_PORT PGDATABASE=$DEMO_DATABASE PGUSER=$DEMO_OWNER
    export PGPASSFILE=$INSTANCE_SECRETS/pgpass
}

# psql as the demo's owner, for scripts.
demo_psql() {
    (demo_environment && exec "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 "$@")
}

# The gateway's connection string; it names the file with the password (default: ours).
gateway_url() {
    printf 'postgresql://%s@127.0.0.1:%s/%s?passfile=%s' "$DEMO_GATEWAY" "$PG_PORT" \
        "$DEMO_DATABASE" "$(uri_encode "${1:-$INSTANCE_SECRETS/pgpass}")"
}
