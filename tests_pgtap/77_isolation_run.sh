#!/usr/bin/env bash
#
# The isolation suite in the background: progress that others see, one run at a time, what is left of a worker that dies, is
# cancelled or loses its server, a table that is busy, who may start it, and that no dump has it.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"
# shellcheck source=setup/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/cluster.sh"
start_cluster -c shared_preload_libraries=tenancy || give_up "the cluster did not start: $(cat "$cluster/log")"

ask() { PGUSER=$1 PGPASSWORD=secret quiet_psql -d clinic -c "$2" | sed '/^CONTEXT\|^LOCATION\|^PL\/pgSQL\|^SQL \|^HINT/d'; } # LOGIN STATEMENT
root() { quiet_psql -d clinic -c "$1"; }
# until STATEMENT ANSWER: waits for the answer, at most a minute.
until_told() {
    local deadline=$((SECONDS + 60))
    until [[ $(root "$1") == "$2" ]]; do
        ((SECONDS < deadline)) || return 1
        read -r -t 0.05 <>"$SCRATCH/never" || true
    done
}
mkfifo "$SCRATCH/never"
last="from tenancy.isolation_runs order by id desc limit 1"
worker="select pid from pg_stat_activity where backend_type = 'tenancy isolation run'"

quiet_psql <<'SQL' >/dev/null
create role clinic_owner login password 'secret';
create role clinic_gateway login password 'secret';
create role clinic_operator login password 'secret';
create role clinic_stranger login password 'secret';
create database clinic owner clinic_owner;
\connect clinic
create extension tenancy;
grant tenancy_gateway to clinic_gateway;
grant tenancy_operator to clinic_operator;
set role clinic_owner;
create schema app;
grant usage on schema app to tenancy_user, tenancy_admin;
create table app.account (user_id bigint, user_name text, password_hash text, is_admin boolean);
create table app.a (id bigint generated always as identity primary key, tenant_id bigint not null, note text);
create table app.b (id bigint generated always as identity primary key, tenant_id bigint not null, note text);
create table app.c (id bigint generated always as identity primary key, tenant_id bigint not null, note text);
insert into app.a (tenant_id, note) values (1, 'x'), (2, 'y');
create view app.accounts as select * from app.account;
create view app.memberships as select 1::bigint as user_id, 1::bigint as tenant_id, 'one'::text as tenant_name;
select tenancy.use_directory('app.accounts', 'app.memberships');
select count(*) from unnest(array['a', 'b', 'c']) t cross join lateral tenancy.protect(('app.' || t)::regclass);
-- Whoever holds this advisory lock stops a run in its second table.
create function app.hold() returns trigger language plpgsql as $$
begin
  while exists (select from pg_locks where locktype = 'advisory' and objid = 42) loop
    perform pg_sleep(0.02);
  end loop;
  return new;
end $$;
create trigger hold before insert on app.b for each row execute function app.hold();
reset role;
insert into app.account values (1, 'ann', tenancy.hash_password('secret'), false), (2, 'eve', tenancy.hash_password('secret'), true);
SQL

# ---------------------------------------------------------------- who may
is "$(ask clinic_stranger 'select tenancy.start_isolation_run()')" 'ERROR:  42501: permission denied for function start_isolation_run' 'a stranger starts no run'
is "$(ask clinic_gateway 'select tenancy.start_isolation_run()')" 'ERROR:  42501: permission denied for function start_isolation_run' 'nor a login of the gateway'
is "$(ask clinic_stranger 'select tenancy.launch_isolation_run(10)')" 'ERROR:  42501: permission denied for function launch_isolation_run' 'nobody calls what starts the worker'
is "$(ask clinic_owner 'select tenancy.launch_isolation_run(10)')" 'ERROR:  42501: permission denied for function launch_isolation_run' 'neither the owner, who could name a superuser'
is "$(ask clinic_stranger 'select count(*) from tenancy.isolation_runs')" 'ERROR:  42501: permission denied for view isolation_runs' 'nor reads the runs'
root 'create function app.lend() returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$select tenancy.start_isolation_run()$$; alter function app.lend() owner to clinic_owner; grant execute on function app.lend() to clinic_stranger; grant usage on schema app to clinic_stranger' >/dev/null
is "$(ask clinic_stranger 'select app.lend()')" 'ERROR:  42501: permission denied to run the isolation suite' 'a function of the owner lends nobody the right'

# ---------------------------------------------------------------- a run
run=$(ask clinic_owner 'select tenancy.start_isolation_run()')
like "$run" '^[0-9]+$' 'the owner of the database starts a run, and is told its number'
until_told "select state <> 'running' $last" t
is "$(root "select state, tables, tables_done, failed, passed > 50, error is null, login, finished_at > started_at $last")" 'passed|3|3|0|t|t|clinic_owner|t' 'it passes'
is "$(root "select string_agg(distinct table_name, ' ' order by table_name), count(*) = max(number), bool_and(ok), count(*) = (select passed + skipped $last) from tenancy.isolation_results where run_id = $run")" 'app.a app.b app.c|t|t|t' 'and its lines are there, by table'
is "$(root "select count(*) from tenancy.isolation_results where run_id = $run")" "$(ask clinic_owner "select count(*) from tenancy.isolation_tests() l where l ~ '^(not )?ok'")" 'as many as the suite has'
is "$(root "select action, login, detail ->> 'run' from tenancy.audit_log where action = 'start_isolation_run'")" "start_isolation_run|clinic_owner|$run" 'it is on record'
is "$(root 'select (select count(*) from app.a), (select count(*) from app.b)')" '2|0' 'nothing stays of its rows'
like "$(ask clinic_operator 'select tenancy.start_isolation_run()')" '^[0-9]+$' 'an operator starts one'
until_told "select state $last" passed
is "$(ask clinic_operator "select state $last")" passed 'and reads how it went'

# wait_in_the_middle: starts a run that comes no further than its second table.
wait_in_the_middle() {
    session holder 'select pg_advisory_lock(42);' >/dev/null
    run=$(ask clinic_owner 'select tenancy.start_isolation_run()')
    until_told "select tables_done $last" 1
}
go_on() { session holder 'select pg_advisory_unlock(42);' >/dev/null; }

# ---------------------------------------------------------------- a hole, and progress that others see
root 'alter table app.a no force row level security' >/dev/null
session_open holder env PGDATABASE=clinic psql -X -q -A -t
wait_in_the_middle
is "$(root "select state, tables, tables_done, failed > 0 $last")" 'running|3|1|t' 'while it waits for the second table others see the first one, with its hole'
is "$(root "select string_agg(distinct table_name, ' ') from tenancy.isolation_results where run_id = $run")" 'app.a' 'its lines, too'
is "$(root "select count(*) > 0 from tenancy.isolation_results where run_id = $run and not ok and comment is not null")" t 'the red ones among them'
is "$(ask clinic_operator 'select tenancy.start_isolation_run()')" 'ERROR:  55006: the isolation suite is running already' 'a second run is refused meanwhile'
is "$(root "select u.usename from pg_stat_activity a join pg_user u on u.usesysid = a.usesysid where a.backend_type = 'tenancy isolation run'")" clinic_owner 'the worker is logged in as the owner of the database'
go_on
until_told "select state <> 'running' $last" t
is "$(root "select state, tables_done $last")" 'failed|3' 'then it goes on'
root 'alter table app.a force row level security' >/dev/null
session holder 'begin; lock table app.b in access share mode;' >/dev/null
run=$(ask clinic_owner 'select tenancy.start_isolation_run()')
until_told "select state <> 'running' $last" t
is "$(root "select state, tables_done $last")" 'failed|3' 'it does not wait for a busy table for long, and goes on'
is "$(root "select ok, line, left(comment, 10) from tenancy.isolation_results where run_id = $run and table_name = 'app.b'")" 'f|app.b: it is tried|It is busy' 'the line says that the table was busy'
session holder 'rollback;' >/dev/null
root 'drop policy tenancy_tenant on app.c' >/dev/null
run=$(ask clinic_owner 'select tenancy.start_isolation_run()')
until_told "select state <> 'running' $last" t
is "$(root "select state, (select line from tenancy.isolation_results where run_id = $run and not ok) $last")" 'failed|app.c: it is protected' 'a table that has lost its protection is a red line'
root "select count(*) from tenancy.protect('app.c')" >/dev/null

# ---------------------------------------------------------------- the end of a worker
wait_in_the_middle
root "select pg_cancel_backend(pid) from ($worker) w" >/dev/null
until_told "select state <> 'running' $last" t
is "$(root "select state, tables_done, error, finished_at is not null $last")" 'broken|1|canceling statement due to user request|t' 'a cancelled run is broken, and says why'
go_on
wait_in_the_middle
root "select pg_terminate_backend(pid) from ($worker) w" >/dev/null
until_told "select state <> 'running' $last" t
is "$(root "select state, error, finished_at is null $last")" 'broken|the worker or the server has stopped|t' 'so is one whose worker was ended, who can say nothing'
is "$(root "select state from tenancy.isolation_run where id = $run")" running 'although it is on record as running'
go_on
like "$(ask clinic_owner 'select tenancy.start_isolation_run()')" '^[0-9]+$' 'the next run starts'
until_told "select state $last" passed
is "$(root "select state from tenancy.isolation_run where id = $run")" broken 'and puts on record that the one before is broken'

wait_in_the_middle
session_kill holder
stop_cluster # at once, as in a crash
start_cluster -c shared_preload_libraries=tenancy
is "$(root "select state, tables_done, error $last")" 'broken|1|the worker or the server has stopped' 'after a crash of the server the run is broken'
ask clinic_owner 'begin; select tenancy.start_isolation_run(); rollback' >/dev/null
until_told "select state $last" passed
is "$(root "select state $last")" passed 'a run goes on when the transaction that started it is rolled back'

# ---------------------------------------------------------------- what is kept
root "insert into tenancy.isolation_run (state, login) select 'passed', 'x' from generate_series(1, 30)" >/dev/null
run=$(ask clinic_owner 'select tenancy.start_isolation_run()')
until_told "select state $last" passed
is "$(root "select count(*), max(id) = $run from tenancy.isolation_runs")" '20|t' 'the last twenty are kept'
is "$(root "select count(distinct run_id) from tenancy.isolation_results")" 1 'with their lines'
is "$(pg_dump -d clinic | grep -oE 'COPY tenancy.(audit_log|isolation_[a-z]*)' | sort)" "$(printf 'COPY tenancy.audit_log\nCOPY tenancy.isolation_value')" 'a dump has the audit log, and none of the runs'
root 'alter role clinic_owner nologin' >/dev/null
is "$(root 'select tenancy.start_isolation_run()' | head -1)" 'ERROR:  55000: the owner of the database may not log in' 'an owner who may not log in is told so'
finish
