#!/usr/bin/env bash
#
# What pg_dump, pg_dumpall and pg_upgrade carry to another cluster: protection with the notes of what was before, the
# directory, acceptances. The copy keeps tenants apart as the original does, and a sign-in works on it.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"

# The server of the environment is the original; what runs without `original` goes to the copy.
original_settings=("PGHOST=${PGHOST:-}" "PGPORT=${PGPORT:-}" "PGUSER=${PGUSER:-}" "PGDATABASE=${PGDATABASE:-}"
    "PGPASSFILE=${PGPASSFILE:-}" "PGPASSWORD=${PGPASSWORD:-}")
original() { env "${original_settings[@]}" "$@"; }

# shellcheck source=setup/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/cluster.sh"
start_cluster "-c shared_preload_libraries=tenancy" || give_up "the cluster did not start: $(cat "$cluster/log")"

psql_quiet=(psql -X -q -A -t -v ON_ERROR_STOP=1)

# All that protection consists of, in words.
facts=$(
    cat <<'SQL'
select concat_ws(' | ', 'policy', p.polrelid::regclass, p.polname, p.polcmd, p.polpermissive, p.polroles::regrole[]::text,
                 pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid), obj_description(p.oid, 'pg_policy'))
  from pg_policy p
union all
select concat_ws(' | ', 'table', p.relation, c.relrowsecurity, c.relforcerowsecurity, c.relowner::regrole, g.grantee::regrole, g.privilege_type,
                 p.kind, p.tenant_column, p.owner_column, p.writable, p.shared, p.registry)
  from tenancy.protection p join pg_class c on c.oid = p.relation, aclexplode(c.relacl) g
union all
select concat_ws(' | ', 'column', a.attrelid::regclass, a.attname, a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
  from tenancy.protection p join pg_attribute a on a.attrelid = p.relation and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
union all
select concat_ws(' | ', 'index', pg_get_indexdef(i.indexrelid)) from tenancy.protection p join pg_index i on i.indrelid = p.relation
order by 1
SQL
)
configuration="select concat_ws(' | ', 'directory', accounts, memberships, set_password_hash) from tenancy.directory
    union all select concat_ws(' | ', 'acceptance', rule, object, reason, accepted_by, accepted_at) from tenancy.acceptance order by 1"
facts_of() { "$@" "${psql_quiet[@]}" -d "$copied" -c "$facts"; }
configuration_of() { "$@" "${psql_quiet[@]}" -d "$copied" -c "$configuration"; }
here() { "$@"; }

copied=$(original "${psql_quiet[@]}" -c 'select current_database()')

# One finding accepted and a setter registered, so that there are both to carry; taken back at the end.
original "${psql_quiet[@]}" -c "set role shop_owner" \
    -c "create function shop.set_hash(bigint, text) returns void language sql set search_path = pg_catalog, pg_temp as 'update shop.account set password_hash = \$2 where id = \$1'" \
    -c "select tenancy.use_directory('shop.accounts', 'shop.memberships', 'shop.set_hash(bigint, text)')" >/dev/null || give_up 'the setter could not be registered'
original "${psql_quiet[@]}" -c "grant truncate on shop.reading to tenancy_user" \
    -c "select tenancy.accept('truncate_granted', c.object, 'kept for the copy') from tenancy.check(array['truncate_granted']::name[]) c" >/dev/null
put_back() {
    original "${psql_quiet[@]}" -c "revoke truncate on shop.reading from tenancy_user" \
        -c "select tenancy.withdraw(rule, object) from tenancy.acceptance" \
        -c "select tenancy.use_directory('shop.accounts', 'shop.memberships')" -c "drop function shop.set_hash(bigint, text)" >/dev/null
}
at_end put_back
want_facts=$(facts_of original)
want_configuration=$(configuration_of original)
[[ $want_facts && $want_configuration ]] || give_up 'the original has nothing to compare with'
like "$want_facts" 'policy \| shop\.patient \| tenancy_wall' 'the original is protected'
like "$want_configuration" 'acceptance \| truncate_granted.*directory \| shop\.accounts.*shop\.set_hash\(pg_catalog\.int8, pg_catalog\.text\)' 'and has a directory with a setter and an acceptance'

# The copy answers people as the original does.
works() { # SENTENCE
    local token
    token=$(as_login shop_gateway quiet_psql -d "$copied" -c "select token from tenancy.login('ann', 'ann-secret')")
    is "$(as_login shop_gateway quiet_psql -d "$copied" -c begin -c "select from tenancy.attach('$token')" -c 'select count(*), min(tenant_id), max(tenant_id) from shop.patient')" \
        '5|1|1' "$1: ann signs in and sees her tenant's rows"
    like "$(quiet_psql -d "$copied" -c "select password_hash from shop.account where user_name = 'ann'")" '^\$y\$' "$1: and her old hash is renewed"
    like "$(PGUSER=$owner quiet_psql -d "$copied" -c 'set role shop_owner' -c 'select count(*) from shop.patient')" 'ERROR:  42501.*no tenant context' "$1: without a context there are none"
    is "$(quiet_psql -d "$copied" -c "select line from tenancy.isolation_tests('shop') line where line !~ '^(ok|#|1\.\.)'")" '' "$1: the isolation tests pass"
}
new_data() { unprivileged "$bin/initdb" -D "$cluster/$1" -U "$owner" -E UTF8 --locale=C.UTF-8 --auth=scram-sha-256 --pwfile="$SCRATCH/password" --no-sync >/dev/null; }
forget_copy() { "${psql_quiet[@]}" -c "drop database if exists $copied with (force)"; }
export PGDATABASE=postgres
# tap.sh's helpers read the logins of the fixture in the copy.
as_login() {
    local login=$1 password
    shift
    password=$(psql -X -q -A -t -d "$copied" -c "select password from tests.login where name = '$login'")
    PGUSER=$login PGPASSWORD=$password PGPASSFILE=/dev/null "$@"
}

# ---------------------------------------------------------------- pg_dump | psql
original pg_dumpall --roles-only | grep -vE "^(CREATE|ALTER) ROLE \"?($owner|postgres)\"?( |;)" | "${psql_quiet[@]}" >/dev/null || give_up 'the roles could not be copied'
"${psql_quiet[@]}" -c "create database $copied template template0"
is "$(original pg_dump "$copied" | "${psql_quiet[@]}" -d "$copied" 2>&1 >/dev/null)" '' 'pg_dump | psql goes through without a word'
is "$(facts_of here)" "$want_facts" 'it keeps protection, with the notes of what was before'
is "$(configuration_of here)" "$want_configuration" 'it keeps the directory and the acceptances'
is "$("${psql_quiet[@]}" -d "$copied" -c 'select count(*) from tenancy.session')" 0 'it does not keep sessions: people sign in again'
works 'a full dump'
is "$(quiet_psql -d "$copied" -c "select step from tenancy.protect('shop.patient')")" 'nothing to do' 'protect finds nothing to do on the copy'
like "$(quiet_psql -d "$copied" -c 'begin' -c "select step from tenancy.unprotect('shop.patient')")" 'null allowed' 'unprotect knows on the copy what was before'

# ---------------------------------------------------------------- pg_dump -Fc, pg_restore with two jobs
forget_copy
"${psql_quiet[@]}" -c "create database $copied template template0"
original pg_dump -Fc -f "$SCRATCH/custom" "$copied"
is "$(pg_restore -d "$copied" -j 2 "$SCRATCH/custom" 2>&1)" '' 'pg_restore with two jobs goes through'
is "$(facts_of here)" "$want_facts" 'it keeps protection'
is "$(configuration_of here)" "$want_configuration" 'the directory and the acceptances'

# ---------------------------------------------------------------- --schema-only
forget_copy
"${psql_quiet[@]}" -c "create database $copied template template0"
is "$(original pg_dump --schema-only "$copied" | "${psql_quiet[@]}" -d "$copied" 2>&1 >/dev/null)" '' 'pg_dump --schema-only goes through'
is "$(facts_of here)" "$want_facts" 'it keeps protection, with the notes'
is "$(configuration_of here)" '' 'the directory and the acceptances are rows, and rows are left out'
original pg_dump --data-only --schema=tenancy "$copied" | "${psql_quiet[@]}" -d "$copied" >/dev/null 2>&1
is "$(configuration_of here)" "$want_configuration" 'pg_dump --data-only --schema=tenancy brings them'

# ---------------------------------------------------------------- pg_dumpall
stop_cluster
unprivileged rm -rf "$cluster/data"
new_data data
start_cluster "-c shared_preload_libraries=tenancy" || give_up "the second cluster did not start: $(cat "$cluster/log")"
original pg_dumpall --exclude-database=demo | grep -vE "^(CREATE|ALTER) ROLE \"?($owner|postgres)\"?( |;)" | "${psql_quiet[@]}" >/dev/null 2>"$SCRATCH/dumpall"
is "$(cat "$SCRATCH/dumpall")" '' 'pg_dumpall | psql into a fresh cluster goes through without a word'
is "$(facts_of here)" "$want_facts" 'pg_dumpall keeps protection'
is "$(configuration_of here)" "$want_configuration" 'the directory and the acceptances'
works 'pg_dumpall'

# ---------------------------------------------------------------- pg_upgrade
new_data upgraded
unprivileged "$bin/pg_ctl" -D "$cluster/data" -w -m fast stop >/dev/null
(
    cd "$cluster" && unprivileged env PGPASSWORD="$password" sh -c "cd '$cluster' && '$bin/pg_upgrade' -b '$bin' -B '$bin' -d '$cluster/data' -D '$cluster/upgraded' \
        -U '$owner' -s '$cluster' -o '-c shared_preload_libraries=tenancy' -O '-c shared_preload_libraries=tenancy'"
) >"$SCRATCH/upgrade" 2>&1
is "$?" 0 'pg_upgrade goes through'
unprivileged mv "$cluster/data" "$cluster/data.old"
unprivileged mv "$cluster/upgraded" "$cluster/data"
start_cluster "-c shared_preload_libraries=tenancy" || give_up "the upgraded cluster did not start: $(tail "$cluster/log" "$SCRATCH/upgrade")"
is "$(facts_of here)" "$want_facts" 'it keeps protection'
is "$(configuration_of here)" "$want_configuration" 'the directory and the acceptances'
works 'pg_upgrade'

finish
