#!/usr/bin/env bash
#
# What it is like to live in a hardened database, committed, on a cluster of its own: what an attacker with the gateway's
# login could do before and cannot after, what people and tools still can, and what of it a dump carries over.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"

# shellcheck source=setup/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/cluster.sh"
start_cluster -c shared_preload_libraries=tenancy || give_up "the cluster did not start: $(cat "$cluster/log")"

root() { psql -X -q -A -t -v VERBOSITY=sqlstate "$@" 2>&1 | sed '/^$/d'; }
as() { local login=$1; shift; PGUSER=$login PGPASSWORD=$login root "$@"; }

root >/dev/null <<'SQL'
create role owner login password 'owner';
create role gateway login password 'gateway';
create role monitor login password 'monitor' in role pg_monitor;
create role signaller login password 'signaller' in role pg_signal_backend;
create role reader login password 'reader';
create role stranger login password 'stranger';
create database clinic owner owner;
SQL
export PGDATABASE=clinic
root >/dev/null <<'SQL'
create extension tenancy;
grant tenancy_gateway to gateway;
select format('alter default privileges for role owner revoke execute on functions from public') \gexec
set role owner;
create schema clinic;
grant usage on schema clinic to tenancy_user, reader;
create table clinic.patient (id bigint generated always as identity primary key, tenant_id bigint, name text);
insert into clinic.patient (tenant_id, name) values (1, 'of one'), (2, 'of two');
create table clinic.account (id bigint primary key, tenant_id bigint, name text, hash text);
insert into clinic.account values (1, 1, 'ann', tenancy.hash_password('ann')), (2, 2, 'bob', tenancy.hash_password('bob'));
create view clinic.accounts as select id as user_id, name as user_name, hash as password_hash, false as is_admin from clinic.account;
create view clinic.memberships as select id as user_id, tenant_id, 'a tenant'::text as tenant_name from clinic.account;
select tenancy.use_directory('clinic.accounts', 'clinic.memberships');
create temporary table quiet as select * from tenancy.protect('clinic.patient');
grant select on clinic.patient to reader;
select lo_create(4711);
SQL
# The tenant's name as a signed-in user sees it.
sign_in() { as gateway -c "select token from tenancy.login('$1', '$1')"; }
patients() { as gateway -c begin -c "select tenancy.attach('$(sign_in "$1")')" -c 'select name from clinic.patient'; }
is "$(patients ann)" 'of one' 'the application works before'

# ---------------------------------------------------------------- attacks with the gateway's login
attacks=(
    'create temporary table account (hash text)'
    'do $$ begin perform 1; end $$'
    'select pg_cancel_backend(pg_backend_pid()) is null'
    'select pg_terminate_backend(0) is null'
    'select length(lo_create(0)::text) > 0'
    'select pg_advisory_lock(1) is null'
    "select pg_notify('gossip', 'forged') is null"
    "select query_to_xml('select 1', true, true, '') is null"
    "select count(*) from ts_stat('select to_tsvector(''x'')')"
    'select pg_export_snapshot() is null'
    "select pg_logical_emit_message(false, 'x', 'forged') is null"
    "select pg_total_relation_size('pg_class') > 0"
    'select count(*) > 0 from pg_stat_activity'
    'select count(*) > 0 from pg_stat_get_activity(null)'
    'select count(*) > 0 from pg_locks'
    'select count(*) > 0 from pg_stat_all_tables'
    "select pg_stat_get_live_tuples('pg_class'::regclass) is null"
)
cancelled='canceling statement due to user request'
for attack in "${attacks[@]}"; do
    outcome=$(as gateway -v VERBOSITY=terse -c "$attack")
    case $attack in *pg_cancel*) like "$outcome" "$cancelled" "before: $attack" ;; *) is "$(grep -c ERROR <<<"$outcome")" 0 "before: $attack" ;; esac
done
is "$(PGDATABASE=postgres as gateway -c 'create temporary table t (id int)' -c 'select 1')" 1 'before: the gateway works in another database'
is "$(as stranger -c 'select 1')" 1 'before: a login that has nothing here comes in'

is "$(root -c 'select count(*) from tenancy.harden(true) where not done')" 0 'the database is hardened'
for attack in "${attacks[@]}"; do
    is "$(as gateway -c "$attack")" 'ERROR:  42501' "after: $attack"
done
like "$(PGDATABASE=postgres as gateway -c 'select 1')" 'does not have CONNECT privilege' 'after: the gateway does not come into another database'
like "$(as stranger -c 'select 1')" 'does not have CONNECT privilege' 'after: a login that has nothing here does not come in'
root -c "select lo_unlink(oid) from pg_largeobject_metadata where lomowner = 'gateway'::regrole" >/dev/null
is "$(root -c "select rule, object from tenancy.check() where rule <> 'rls_not_forced'")" '' 'the check has nothing to say of roles, rights and the server'

# ---------------------------------------------------------------- everybody else
is "$(patients ann)|$(patients bob)" 'of one|of two' 'the application works'
is "$(as gateway -c 'select count(*) from pg_class where false' -c "select count(*) from pg_auth_members where false" -c "show server_version_num" | head -n 2)" $'0\n0' 'the gateway reads the catalogs'
is "$(as gateway -c "select set_config('application_name', 'x', false)" -c 'select pg_sleep(0) is null' | tail -n 1)" f 'set_config and pg_sleep are left to everybody'
is "$(as reader -c "select has_table_privilege('clinic.patient', 'select')")" t 'a login with a right to a table by name comes in'
is "$(as monitor -c "select count(*) > 0 from pg_stat_activity where query <> '<insufficient privilege>'" -c "select count(*) > 0 from pg_stat_all_tables" -c "select pg_total_relation_size('pg_class') > 0" -c 'select count(*) >= 0 from pg_locks')" $'t\nt\nt\nt' 'a member of pg_monitor monitors'
is "$(as signaller -d clinic -c 'select 1' | grep -c 'CONNECT privilege')" 1 'a member of pg_signal_backend needs CONNECT by name'
root -c 'grant connect on database clinic to signaller' >/dev/null
is "$(as signaller -c 'select pg_terminate_backend(pid) from pg_stat_get_activity(null)' -c "select pg_cancel_backend(0) is null")" $'ERROR:  42501\nWARNING:  01000\nf' 'it signals, and learns no pid'
for command in '\l' '\d' '\d+' '\d clinic.patient' '\d+ clinic.patient' '\dt *.*' '\di' '\dp clinic.*' '\dn+' '\df clinic.*' '\df+ tenancy.*' '\dv' '\du' '\dT' '\dL' '\dx+ tenancy' '\ddp' '\drds' '\dD' '\dC' '\dconfig' '\lo_list' '\dRp' \
    '\dt+ clinic.*' '\l+' '\sf tenancy.whoami' '\conninfo'; do
    is "$(as owner -c "$command" | grep -c -e ERROR)" 0 "the owner's psql shows $command"
done
is "$(as reader -c '\d clinic.patient' | grep -c -e ERROR)" 0 "another login's psql shows \\d"
is "$(as reader -c '\dt+ clinic.*')" 'ERROR:  42501' 'but no sizes'
is "$(as owner -c 'create function clinic.one() returns int language sql as $$ select 1 $$' -c 'create function clinic.two() returns int language plpgsql as $$ begin return 2; end $$' -c 'do $$ begin perform 1; end $$' -c 'select clinic.one() + clinic.two()')" 3 'the owner makes functions and runs DO'
is "$(as owner -c 'grant execute on function clinic.two() to reader')$(as reader -c 'select clinic.two()')" 2 'who has no right to the language still calls its functions'
is "$(as owner -c 'create temporary table t (id int)' -c 'select pg_advisory_unlock_all() is null' -c 'create schema more' -c 'create table public.wide (id int)' -c 'drop schema more' -c 'drop table public.wide' -c 'select count(*) > 0 from pg_stat_activity')" $'f\nt' 'the owner keeps temporary tables, locks, schemas and its activity'
as_owner() { PGUSER=owner PGPASSWORD=owner "$@"; }
is "$(as_owner pg_dump -n clinic --enable-row-security --exclude-table-data='clinic.patient' 2>&1 >"$SCRATCH/owner.sql")" '' 'the owner dumps its schema'
is "$(as_owner pg_dump -n clinic -j 2 -Fd --exclude-table-data='clinic.patient' -f "$SCRATCH/owner.dir" 2>&1)" '' 'with two jobs, too'
is "$(as_owner pg_dump -b -n clinic --exclude-table-data='clinic.patient' 2>&1 | grep -c lo_open)" 1 'and its large objects'

# ---------------------------------------------------------------- dump and restore
# Says which steps of hardening are open.
open_steps() { root -d "$1" -c "select regexp_replace(subject, 'database (?!postgres|template1).*', 'this database') || ': ' || topic from tenancy.hardening_step() where by_harden and not done order by place"; }
pg_dump -f "$SCRATCH/plain.sql" clinic
root -d postgres -c 'create database copy' >/dev/null
is "$(root -d copy -v ON_ERROR_STOP=1 -f "$SCRATCH/plain.sql" -o /dev/null)" '' 'the dump is restored without a word'
is "$(open_steps copy)" $'this database: temporary objects\nthis database: connections\nlanguage sql: languages' 'all is carried over but the rights on the database itself and on the language sql, which pg_dump leaves out'
is "$(root -d copy -c "select count(*) > 100, count(*) filter (where kind = 'database' or object = 'sql') from tenancy.hardening")" 't|0' 'so are the notes about what is carried over'
is "$(root -d copy -c 'select count(*) from tenancy.harden(true) where not done')$(open_steps copy)" 0 'hardened again it is whole'
root -d copy -c 'select from tenancy.soften()' >/dev/null
is "$(open_steps copy | wc -l)|$(open_steps clinic)" "14|" 'softened it leaves its original, and the rights that were taken there, alone'
root -d postgres -c 'drop database copy' -c "create database copy template clinic" >/dev/null
is "$(open_steps copy)" $'this database: temporary objects\nthis database: connections' 'a copy by CREATE DATABASE … TEMPLATE has no rights on the database either'
root -d copy -c 'select from tenancy.soften()' >/dev/null
is "$(open_steps clinic)" '' 'and softened it leaves its original alone, too'
root -d postgres -c 'drop database copy' >/dev/null
pg_dump -C -f "$SCRATCH/created.sql" clinic
root -d postgres -c 'drop database clinic' >/dev/null
is "$(root -d postgres -v ON_ERROR_STOP=1 -f "$SCRATCH/created.sql" -o /dev/null)" '' 'a dump with --create is restored without a word'
is "$(open_steps clinic)" 'language sql: languages' 'and carries over the rights on the database'
is "$(patients ann)|$(as stranger -c 'select 1' | grep -c 'CONNECT privilege')" 'of one|1' 'the application works there, a stranger does not come in'

# ---------------------------------------------------------------- and back
root -c 'select from tenancy.soften()' >/dev/null
is "$(as gateway -c 'select pg_advisory_lock(1) is null' -c 'do $$ begin perform 1; end $$' -c 'select count(*) > 0 from pg_stat_activity')" $'f\nt' 'softened, everybody may again'
finish
