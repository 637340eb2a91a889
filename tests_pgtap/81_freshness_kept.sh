#!/usr/bin/env bash
#
# The answer of the directory that a backend has at hand (81_freshness_kept.sql), where the change needs another server:
# prepared transactions, logical replication, a standby, and a server that does not preload the library.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"
# shellcheck source=setup/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/cluster.sh"
start_cluster -c wal_level=logical -c max_prepared_transactions=2 || give_up "the cluster did not start: $(cat "$cluster/log")"
ask() { psql -X -q -A -t -v VERBOSITY=sqlstate "$@" 2>&1 | sed '/^$/d'; }

ask <<'SQL' >/dev/null
create role gateway login password 'gateway';
create extension tenancy;
grant tenancy_gateway to gateway;
create table account (id bigint primary key);
create table membership (user_id bigint primary key, tenant_id bigint);
insert into account values (1);
insert into membership values (1, 1);
create view accounts as select id as user_id, 'ann'::text as user_name, null::text as password_hash, false as is_admin from account;
create view memberships as select user_id, tenant_id, 'one'::text as tenant_name from membership;
select tenancy.use_directory('accounts', 'memberships');
insert into tenancy.session (token_hash, user_id, tenant_id, expires_at) values (sha256(convert_to(repeat('A', 43), 'UTF8')), '1', '1', 'infinity');
SQL
attach="begin; select tenancy.attach(repeat('A', 43)); select tenancy.tenant_id(); commit;"
open() { PGUSER=gateway PGPASSWORD=gateway session_open "$1" psql -X -q -A -t -v VERBOSITY=sqlstate; }
# Three times: the first question finds out what it depends on, the second is kept, the third is answered from it.
attach_thrice() { for _ in 1 2 3; do session "$1" "$attach"; done; }
refused='ERROR:  28000 ERROR:  25P02'
lock='begin; lock table membership in access exclusive mode; select 1;'
await() { # SQL: until it says t
    local tries=0
    until [[ $(ask -c "$1") == t ]]; do
        ((++tries < 3000)) || give_up "in vain: $1"
    done
}

# ---------------------------------------------------------------- no library is preloaded
open loaded
is "$(attach_thrice loaded)" 111 'without the preload the session works'
is "$(ask -c 'delete from membership')$(session loaded "$attach")" "$refused" 'and a change counts at once, because the directory is asked each time'
session_close loaded
stop_cluster
start_cluster -c wal_level=logical -c max_prepared_transactions=2 -c shared_preload_libraries=tenancy || give_up "the cluster did not start: $(cat "$cluster/log")"

# ---------------------------------------------------------------- prepared transactions
ask -c 'insert into membership values (1, 1)'
open gateway
session_open root psql -X -q -A -t
is "$(attach_thrice gateway)" 111 'a backend has the answer at hand'
session root "$lock" >/dev/null
is "$(session gateway "set lock_timeout = '1ms'; $attach")" 1 'and gives it while nobody can read the directory'
session root 'rollback; select 1;' >/dev/null
ask -c begin -c 'delete from membership' -c "prepare transaction 'gone'"
is "$(session gateway "$attach")" 1 'what is prepared does not count'
ask -c "commit prepared 'gone'"
is "$(session gateway "$attach")" "$refused" 'what is committed then, on another connection than it was prepared on, does'

# ---------------------------------------------------------------- between the commit and its being seen
# The writer waits for a standby that does not exist: its commit is on disk, and others do not see it yet.
ask -c 'insert into membership values (1, 1)'
is "$(attach_thrice gateway)" 111 'a backend has the answer at hand'
ask -c "alter system set synchronous_standby_names = 'nobody'" -c 'select pg_reload_conf()' >/dev/null
ask -c 'delete from membership' >/dev/null &
writer=$!
await "select count(*) = 1 from pg_stat_activity where wait_event = 'SyncRep'"
session root 'begin; lock table account in access exclusive mode; select 1;' >/dev/null
is "$(session gateway "$attach")" 'ERROR:  55P03 ERROR:  25P02' 'while a commit is under way the directory is asked'
session root 'rollback; select 1;' >/dev/null
is "$(session gateway "$attach")" 1 'and the change is not there yet'
ask -c 'alter system reset synchronous_standby_names' -c 'select pg_reload_conf()' >/dev/null
wait "$writer"
is "$(session gateway "$attach")" "$refused" 'when it is there it counts'

# ---------------------------------------------------------------- logical replication into the directory
ask -c 'create database publisher'
PGDATABASE=publisher ask -c 'create table membership (user_id bigint primary key, tenant_id bigint)' -c 'insert into membership values (1, 1)' \
    -c 'create publication members for table membership' -c "select from pg_create_logical_replication_slot('members', 'pgoutput')" >/dev/null
ask -c "create subscription members connection 'host=$PGHOST port=$PGPORT user=$PGUSER password=$PGPASSWORD dbname=publisher' publication members with (create_slot = false, slot_name = members)" >/dev/null
await 'select count(*) = 1 from membership'
await "select bool_and(srsubstate = 'r') from pg_subscription_rel"
is "$(attach_thrice gateway)" 111 'a membership that came by replication counts'
PGDATABASE=publisher ask -c 'delete from membership'
await 'select count(*) = 0 from membership'
is "$(session gateway "$attach")" "$refused" 'so does one that went by replication'
ask -c 'drop subscription members' >/dev/null

# ---------------------------------------------------------------- a standby
ask -c 'insert into membership values (1, 1)'
second=$SCRATCH/second
mkdir -m 700 "$second"
if [[ $EUID -eq 0 ]]; then chown postgres: "$second"; fi
unprivileged "$bin/pg_basebackup" -D "$second/data" -R -c fast --no-sync >/dev/null || give_up 'there is no copy for a standby'
at_end stop_second
start_second -c shared_preload_libraries=tenancy -c max_prepared_transactions=2 || give_up "the standby did not start: $(cat "$second/log")"
PGHOST=$second open standby
is "$(attach_thrice standby)" 111 'a session works on a standby'
ask -c 'delete from membership'
sent=$(ask -c 'select pg_current_wal_lsn()')
PGHOST=$second await "select pg_last_wal_replay_lsn() >= '$sent'"
is "$(session standby "$attach")" "$refused" 'a change that it has replayed counts there'
PGHOST=$second ask -c 'select pg_promote()' -c 'insert into membership values (1, 1)' >/dev/null
is "$(attach_thrice standby)" 111 'promoted it goes on'
PGHOST=$second session_open second psql -X -q -A -t
session second "$lock" >/dev/null
is "$(session standby "set lock_timeout = '1ms'; $attach")" 1 'and has the answer at hand'
session second 'rollback; select 1;' >/dev/null
PGHOST=$second ask -c 'delete from membership'
is "$(session standby "$attach")" "$refused" 'until somebody writes there'
session_kill second

# The servers hold the pipes that were open when they started: the clients would wait for their end.
session_kill standby
session_kill root
session_kill gateway
finish
