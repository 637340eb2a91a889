#!/usr/bin/env bash
#
# The demo databases, loaded as setup.sh loads them, into a cluster of this test's own: tenancy.check() prints nothing, and
# the isolation tests pass.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"

# shellcheck source=setup/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/cluster.sh"
start_cluster "-c shared_preload_libraries=tenancy" || give_up "the cluster did not start"

database=demo
psql_quiet=(psql -X -q -A -t -v ON_ERROR_STOP=1)
drop_demo() { PGDATABASE=postgres "${psql_quiet[@]}" -c "set client_min_messages = warning" -c "drop database if exists $database with (force)"; }

load_demo() { # FOLDER
    local file
    owner=$(sed -n 's/^alter role \([a-z_]*_owner\) login.*/\1/p' "$1/00_roles.sql")
    drop_demo
    "${psql_quiet[@]}" -f "$1/00_roles.sql" &&
        PGDATABASE=postgres "${psql_quiet[@]}" -c "create database $database owner $owner template template0" &&
        PGDATABASE=$database "${psql_quiet[@]}" --single-transaction -f "$1/10_database.sql" || return
    for file in "$1"/[2-9]?_*.sql "$1"/../console/*.sql; do
        PGDATABASE=$database PGOPTIONS="-c role=$owner" "${psql_quiet[@]}" --single-transaction -f "$file" || return
    done
}

for folder in "$(dirname "${BASH_SOURCE[0]}")"/../sql/*_per_user/; do
    name=$(basename "$folder")
    load_demo "$folder" >"$SCRATCH/load" 2>&1
    is "$(grep -v '^$' "$SCRATCH/load" | grep -cE 'ERROR|FATAL')" 0 "$name: it loads"
    export PGDATABASE=$database
    is "$(quiet_psql -c 'select severity, rule, object from tenancy.check() where accepted is null')" '' "$name: tenancy.check() prints nothing"
    is "$(PGOPTIONS="-c role=$owner" quiet_psql -c 'select severity, rule, object from tenancy.check() where accepted is null')" '' "$name: nor for its owner"
    is "$(quiet_psql -c 'select rule, object from tenancy.check() where accepted is not null')" 'dynamic_sql_concatenation|function api.tour_statement(text)' \
        "$name: but the hole that the tour is about, which is accepted with a reason"
    is "$(quiet_psql -c "select line from tenancy.isolation_tests() line where line ~ '^not ok'")" '' "$name: the isolation tests pass"
    is "$(quiet_psql -c "select count(*) > 20 from tenancy.isolation_tests() line where line ~ '^ok'")" t "$name: and are many"

    user=$(quiet_psql -c "select user_name from app.users where user_name in ('joe', 't3 user2')")
    quiet_psql -o /dev/null -c "select tenancy.login('$user', 'user')"
    like "$(quiet_psql -c "select password_hash from app.credentials join app.users on id = user_id where user_name = '$user'")" '^.y.j9T.' \
        "$name: a bcrypt hash becomes yescrypt at the first sign-in"

    # The check can fail: one thing taken away, and it speaks.
    quiet_psql -c 'alter table app.patients no force row level security' >/dev/null
    is "$(quiet_psql -c 'select rule from tenancy.check() where accepted is null')" rls_not_forced "$name: with FORCE gone it prints one finding"
    export PGDATABASE=postgres
done

finish
