#!/usr/bin/env bash
#
# Who listens on tenancy_schema hears of changed schemas, and of nothing else. psql prints what it is notified of. On a
# server of its own, which can prepare transactions.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"
# shellcheck source=setup/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/cluster.sh"

start_cluster -c max_prepared_transactions=2 || give_up "the cluster did not start"
run() { PGHOST=$cluster PGPORT=5432 PGUSER=$owner PGPASSFILE='' PGPASSWORD=$password PGDATABASE=postgres psql -Xq -v ON_ERROR_STOP=1 "$@" 2>/dev/null; }
run -o /dev/null -c 'create extension tenancy' -c 'create role migrator' -c 'grant create on database postgres to migrator' \
    -c 'select tenancy.harden(true)' || give_up "the database could not be set up"

# Each argument is a statement of one session, which listens.
heard() {
    local statement
    {
        echo 'listen tenancy_schema;'
        for statement in "$@"; do echo "$statement;"; done
    } | run -f - | grep -c 'notification "tenancy_schema"'
}

is "$(heard 'create schema s' 'create table s.t (id int)' 'alter table s.t add n text')" 3 'each transaction that changes a table is told'
is "$(heard begin 'create table s.u (id int)' 'create view s.v as select * from s.u' 'drop view s.v' commit)" 1 'a transaction with several changes is told once'
is "$(heard 'insert into s.t values (1)' 'select * from s.t' 'analyze s.t' 'truncate s.t')" 0 'rows are not told'
is "$(heard begin 'create table s.w (id int)' rollback)" 0 'what is rolled back is not told'
is "$(heard begin 'savepoint a' 'create table s.w (id int)' 'rollback to a' 'create table s.w (id int)' commit)" 1 'but what came after it is'
is "$(heard 'create temporary table x (id int)' 'alter table x add n int' 'create index on x (n)' 'drop table x')" 0 'temporary tables are not told'
is "$(heard 'create function s.f() returns int language sql as $$ select 1 $$' "comment on function s.f() is 'x'" 'grant select on s.t to migrator' \
    'revoke select on s.t from migrator' 'create type s.e as enum ()' "alter type s.e add value 'a'" 'drop table s.t')" 7 'functions, comments, rights, types and drops are told'
is "$(heard 'set role migrator' 'create schema m' 'create table m.t (id int)')" 2 'a migration may notify in a hardened database, where nobody may call pg_notify()'
is "$(heard 'set session_replication_role = replica' 'alter table s.u add n int')" 1 'as a replica too'
is "$(heard begin 'alter table s.u add o int' "prepare transaction 'x'"; run -Atc "select gid from pg_prepared_xacts")" $'0\nx' \
    'a transaction that changes the schema can be prepared'
is "$(heard "rollback prepared 'x'" 'alter table s.u add p int')" 1 'and leaves nothing behind'
is "$(run -c 'set role migrator' -c 'select tenancy.announce_schema_change()' && echo called)" '' 'nobody else may announce one'

finish
