#!/usr/bin/env bash
#
# From each version that was released: today's library serves it before the update, ALTER EXTENSION brings it to what
# CREATE EXTENSION makes today, object by object, and nothing of what was in use is lost.

set -u
# shellcheck source=tests_pgtap/setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

today=$(quiet_psql -c "select default_version from pg_available_extensions where name = 'tenancy'")
mapfile -t released < <(quiet_psql -c "select version from pg_available_extension_versions where name = 'tenancy' and version <> '$today' order by version")
databases=()
login=upgrade_app

forget() {
    local database
    for database in "${databases[@]}"; do quiet_psql -d postgres -c "drop database if exists \"$database\" with (force)"; done
    quiet_psql -d postgres -c "drop role if exists $login"
}
at_end forget

make_database() {
    databases+=("$1")
    quiet_psql -d postgres -c "drop database if exists \"$1\" with (force)" -c "create database \"$1\" template template0" >/dev/null
}
objects() { quiet_psql -d "$1" -f setup/extension_objects.sql; }
# The application's transaction; ann's token is in $token.
as_app() { quiet_psql -d "$database" -c "set session authorization $login" "$@"; }
rows_of_ann() { as_app -c begin -c "select from tenancy.attach('$token')" -c 'select string_agg(amount::text, chr(44) order by amount) from shop.invoice'; }

is "$(((${#released[@]}) > 0))" 1 'there are versions to come from'
quiet_psql -d postgres -c "drop role if exists $login" -c "create role $login" >/dev/null
make_database upgrade_fresh
quiet_psql -d upgrade_fresh -c 'create extension tenancy' >/dev/null
want=$(objects upgrade_fresh)
is "$(($(grep -c '^routine' <<<"$want") > 300))" 1 'a fresh install has objects to compare with'

for version in "${released[@]}"; do
    database="upgrade_from_$version"
    make_database "$database"
    is "$(quiet_psql -d "$database" -v version="$version" -v login="$login" -f setup/small_application.sql | tr -d '\n')" '' "$version: an application can be made on it"
    token=$(as_app -c "select token from tenancy.login('ann', 'secret of ann')")
    is "$(rows_of_ann)" '10,20' "$version: today's library serves it as it is"
    like "$(quiet_psql -d "$database" -c 'select count(*) from tenancy.isolation_tests() line where line ~ $$^ok$$')" '^[1-9]' "$version: the isolation suite runs on it"

    session_open waiting quiet_psql -d "$database" -c "set session authorization $login" -f -
    is "$(session waiting "begin; select from tenancy.attach('$token'); select count(*) from shop.invoice; commit;")" 2 "$version: a connection of the application is open"
    is "$(quiet_psql -d "$database" -c 'alter extension tenancy update')" '' "$version: ALTER EXTENSION tenancy UPDATE says nothing"
    is "$(session waiting "begin; select from tenancy.attach('$token'); select count(*) from shop.invoice; commit;")" 2 "$version: the open connection goes on"
    session_close waiting

    is "$(quiet_psql -d "$database" -c "select extversion from pg_extension where extname = 'tenancy'")" "$today" "$version: is $today now"
    is "$(diff <(objects "$database") <(echo "$want"))" '' "$version: and has the objects of a fresh install, no more, no less"
    is "$(rows_of_ann)" '10,20' "$version: the session of before still counts"
    like "$(as_app -c "select token is not null from tenancy.login('bob', 'secret of bob')")" '^t$' "$version: and people sign in"
    is "$(quiet_psql -d "$database" -c "select rule, reason from tenancy.acceptance")" 'language_usage|kept by the update' "$version: what was accepted stays accepted"
    is "$(quiet_psql -d "$database" -c "select * from tenancy.check(array['protection_not_intact', 'rls_without_policy', 'rls_not_forced'])")" '' "$version: protection stands"
    is "$(quiet_psql -d "$database" -c "select line from tenancy.isolation_tests() line where line !~ '^(ok|#|1\.\.)'")" '' "$version: the isolation suite is green"
done

# It can fail: an object less, a right more.
quiet_psql -d upgrade_fresh -c 'grant execute on function tenancy.hash_password(text) to public' >/dev/null
like "$(diff <(objects upgrade_fresh) <(echo "$want"))" 'hash_password' 'a right that only one of them has is seen'

finish
