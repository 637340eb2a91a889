#!/bin/bash
# Starts PostgreSQL. At the first start it makes the cluster, and in it the database: a demo (TENANCY_DEMO=one or many), or
# with TENANCY_DEMO=none an empty one named TENANCY_DATABASE (app) with the extension, whose owner is app_owner.
#
# The gateway's login gets the password of TENANCY_GATEWAY_PASSWORD_FILE or TENANCY_GATEWAY_PASSWORD, else a random one.
# The connection string stands in /run/tenancy/database-url, for the gateway's group alone.
set -euo pipefail
umask 077

volume=/var/lib/postgresql/data
data=$volume/15
handover=/run/tenancy/database-url
sql=/usr/share/pgtenancy/sql

die() {
    echo "pgtenancy: $*" >&2
    exit 1
}

case ${TENANCY_DEMO:-one} in
    one) database=demo owner=demo_owner login=demo_gateway folder=$sql/one_tenant_per_user ;;
    many) database=demo_many owner=many_owner login=many_gateway folder=$sql/many_tenants_per_user ;;
    none) database=${TENANCY_DATABASE:-app} owner=app_owner login=app_gateway folder= ;;
    *) die "TENANCY_DEMO is '$TENANCY_DEMO'; it takes one, many or none" ;;
esac
[[ $database =~ ^[a-z_][a-z0-9_]{0,62}$ ]] || die "TENANCY_DATABASE '$database' is no plain name: a to z, digits and _"

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# Letters, digits and .~- alone: it goes into a connection string and into SQL as it is.
password() {
    local given=${TENANCY_GATEWAY_PASSWORD:-}
    if [[ ${TENANCY_GATEWAY_PASSWORD_FILE:-} ]]; then
        given=$(head -n 1 "$TENANCY_GATEWAY_PASSWORD_FILE") || die "cannot read TENANCY_GATEWAY_PASSWORD_FILE"
    fi
    [[ -z $given || $given =~ ^[A-Za-z0-9_.~-]{12,128}$ ]] ||
        die "the gateway's password must have 12 to 128 letters, digits or _.~-"
    # The random one stays the same, because a gateway that runs on would not know another.
    if [[ -z $given && -f $handover ]]; then given=$(sed -n "s|^postgresql://$login:\([^@]*\)@.*|\1|p" "$handover"); fi
    printf '%s' "${given:-$(random)}"
}

# Without a network, and with its socket where nobody looks, until everything is in place.
server() {
    pg_ctl -D "$1" -s -w -t 120 -o "-c listen_addresses='' -c unix_socket_directories='$volume'" "$2" </dev/null
}
admin() { psql -X -q -v ON_ERROR_STOP=1 -h "$volume" -U postgres "$@"; }

make_cluster() {
    local new=$volume/new
    rm -rf "$new" # of a first start that was interrupted
    initdb -D "$new" -E UTF8 --locale=C.UTF-8 --data-checksums --auth-local=peer --auth-host=scram-sha-256 --no-instructions >/dev/null
    cat >>"$new/postgresql.conf" <<'CONF'
listen_addresses = '*'
unix_socket_directories = '/tmp'
shared_preload_libraries = 'tenancy'
password_encryption = 'scram-sha-256'
CONF
    # The containers beside this one, with a password; the superuser only through the socket.
    cat >"$new/pg_hba.conf" <<'CONF'
local all all                peer
host  all postgres all       reject
host  all all      127.0.0.1/32 scram-sha-256
host  all all      ::1/128   scram-sha-256
host  all all      samenet   scram-sha-256
CONF
    server "$new" start
    make_database
    server "$new" stop
    mv "$new" "$data"
}

make_database() {
    local file
    if [[ $folder ]]; then
        admin -d postgres -f "$folder/00_roles.sql"
    else
        admin -d postgres -c "create role $owner" -c "create role $login login"
    fi
    admin -d postgres -c "create database $database owner $owner template template0"
    if [[ -z $folder ]]; then
        admin -d "$database" -c 'create extension tenancy' -c "grant tenancy_gateway to $login" \
            -c "revoke all on database $database from public" -c "grant connect on database $database to $login"
        return
    fi
    admin -d "$database" -1 -f "$folder/10_database.sql"
    for file in "$folder"/[2-9]?_*.sql "$sql"/console/*.sql; do
        # As the owner, through a superuser's connection: there is no password for the owner.
        admin -d "$database" -1 -c "set session authorization $owner" -f "$file" >/dev/null
    done
}

[[ -d $data ]] || make_cluster

secret=$(password)
server "$data" start
[[ $(admin -d postgres -Atc "select 1 from pg_database where datname = '$database'") ]] || {
    server "$data" stop
    die "there is no database $database in this volume: it was made with another TENANCY_DEMO or TENANCY_DATABASE"
}
admin -d postgres <<SQL
set log_statement = none;
set log_min_error_statement = panic;
alter role $login password '$secret';
SQL
server "$data" stop
printf 'postgresql://%s:%s@%s:%s/%s\n' "$login" "$secret" "$TENANCY_DATABASE_HOST" "$PGPORT" "$database" >"$handover.new"
chgrp tenancy "$handover.new"
chmod 640 "$handover.new"
mv "$handover.new" "$handover"
# What the page shows beside its sign-in; null where there is no demo.
if [[ $folder ]]; then
    install -m 640 -g tenancy "$folder/demo.json" /run/tenancy/demo.json
else
    install -m 640 -g tenancy /dev/stdin /run/tenancy/demo.json <<<null
fi

exec postgres -D "$data" "$@"
